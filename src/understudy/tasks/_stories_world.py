"""The small world of the task ``stories``: people move between places, and take and drop objects.

    events = tell(Random(0), lines=8)
    questions(events)[0].text            # "where is anna ?"

An event is a line of a story. Every question knows its kind, its answer and the lines that support it.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from random import Random
from typing import NamedTuple

PEOPLE = ("anna", "ben", "carla", "david")
PLACES = ("kitchen", "garden", "office", "bedroom", "hallway", "cellar")
OBJECTS = ("ball", "book", "lamp")
WENT, TOOK, DROPPED = "went to the", "took the", "dropped the"

KINDS = ("where-person", "who-has", "where-object", "where-before")
"""With one, one, two and two supporting lines."""
MOVES = 0.6
"""How often a person moves who could also take or drop something."""


class Event(NamedTuple):
    """What a person does, to a place or an object."""

    person: str
    verb: str
    thing: str

    @property
    def text(self) -> str:
        """For instance ``anna went to the kitchen``."""
        return " ".join(self)


class Question(NamedTuple):
    """A question about a story: its kind, its answer, and the numbers of the lines that support it, in order."""

    kind: str
    text: str
    answer: str
    support: tuple[int, ...]


def tell(rng: Random, lines: int) -> list[Event]:
    """A story of so many lines. Nobody takes or drops anything before they were somewhere."""
    events: list[Event] = []
    place: dict[str, str] = {}
    lying: dict[str, str | None] = dict.fromkeys(OBJECTS)
    held: dict[str, str] = {}
    for _ in range(lines):
        person = rng.choice(PEOPLE)
        event = _handle(rng, person, place, lying, held) if person in place and rng.random() > MOVES else None
        if event is None:
            event = Event(person, WENT, rng.choice([p for p in PLACES if p != place.get(person)]))
            place[person] = event.thing
        events.append(event)
    return events


def _handle(
    rng: Random, person: str, place: dict[str, str], lying: dict[str, str | None], held: dict[str, str]
) -> Event | None:
    """Take what lies here or was never seen, or drop what one has; null if there is nothing of either."""
    takes = [Event(person, TOOK, thing) for thing, spot in lying.items() if spot in (None, place[person])]
    drops = [Event(person, DROPPED, thing) for thing, holder in held.items() if holder == person]
    if not takes and not drops:
        return None
    event = rng.choice(takes + drops)
    if event.verb == TOOK:
        del lying[event.thing]
        held[event.thing] = person
    else:
        del held[event.thing]
        lying[event.thing] = place[person]
    return event


def questions(events: Sequence[Event]) -> list[Question]:
    """Everything that can be asked about a story and has one answer."""
    moves = {person: _lines(events, person, WENT) for person in PEOPLE}
    found = [
        Question("where-person", f"where is {person} ?", events[lines[-1]].thing, (lines[-1],))
        for person, lines in moves.items()
        if lines
    ]
    found += [question for thing in OBJECTS for question in _about(events, thing, moves)]
    return found + [question for person in PEOPLE for question in _before(events, person, moves[person])]


def _lines(events: Sequence[Event], person: str, verb: str) -> list[int]:
    return [number for number, event in enumerate(events) if (event.person, event.verb) == (person, verb)]


def _about(events: Sequence[Event], thing: str, moves: dict[str, list[int]]) -> Iterator[Question]:
    """Who has an object, and where it is: with the one who has it, or where it was dropped."""
    last = max((number for number, event in enumerate(events) if event.thing == thing), default=None)
    if last is None:
        return
    person = events[last].person
    if events[last].verb == TOOK:
        yield Question("who-has", f"who has the {thing} ?", person, (last,))
    until = len(events) if events[last].verb == TOOK else last
    move = max(number for number in moves[person] if number < until)
    yield Question("where-object", f"where is the {thing} ?", events[move].thing, (last, move))


def _before(events: Sequence[Event], person: str, moves: Sequence[int]) -> Iterator[Question]:
    """Where someone was before a place that they went to once."""
    visited = [events[number].thing for number in moves]
    for earlier, later in pairwise(moves):
        if visited.count(events[later].thing) == 1:
            text = f"where was {person} before the {events[later].thing} ?"
            yield Question("where-before", text, events[earlier].thing, (later, earlier))
