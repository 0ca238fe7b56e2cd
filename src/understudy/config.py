"""The study file: YAML in, a frozen and validated ``Study`` out.

    understudy run studies/quickstart.yaml --set seeds='[0, 1]' --dry-run

Unknown keys, duplicate keys, unknown entries and impossible values are refused with one sentence before anything runs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
)
from pydantic_core import ErrorDetails

from understudy import registry, yaml
from understudy.errors import InputError, StudyError, did_you_mean
from understudy.published import published
from understudy.registry import Piece
from understudy.types import Recipe, Sampling

PLACES = (Path(__file__).parent / "studies", Path(__file__).parents[2] / "studies")
"""Where the studies that come with understudy lie: in a wheel, and in a checkout."""


def _pieces(value: object) -> tuple[Piece, ...]:
    many = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    return tuple(Piece.parse(one) for one in many)


def _plain(pieces: Sequence[Piece]) -> Any:
    plain = [piece.plain() for piece in pieces]
    return plain[0] if len(plain) == 1 else plain


def _file_name(name: str) -> str:
    if not name or name.startswith((".", "-")) or any(c in '/\\:*?"<>|' or not c.isprintable() for c in name):
        raise StudyError(f"{name!r} cannot name a file", "use letters, digits, spaces, '.', '_', '+' and '-'")
    return name


def _different(seeds: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(seeds)) < len(seeds):
        raise StudyError(f"seeds {list(seeds)} holds one twice", "name every seed once")
    return seeds


Name = Annotated[str, AfterValidator(_file_name)]
OnePiece = Annotated[Piece, BeforeValidator(Piece.parse), PlainSerializer(Piece.plain)]
Pieces = Annotated[tuple[Piece, ...], BeforeValidator(_pieces), PlainSerializer(_plain)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, populate_by_name=True)


class Problems(_Part):
    """How many problems to train and test on (null: all that the task has), and the seed they are drawn with."""

    train: Annotated[int, Field(ge=1)] | None = 5000
    test: Annotated[int, Field(ge=1)] | None = 500
    seed: int = 0


class Sample(_Part):
    """How students are sampled: one named way, in the terms of ``Sampling``."""

    temperature: Annotated[float, Field(ge=0)] = 0.0
    max_tokens: Annotated[int, Field(ge=1)] = 180
    samples: Annotated[int, Field(ge=1)] = 1
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    max_thinking: Annotated[int, Field(ge=1)] | None = None
    wait: Annotated[int, Field(ge=0)] = 0


class Arm(_Part):
    """Which traces (a model, or another arm), which are kept, how they are changed, and how a student is trained."""

    from_: OnePiece | None = Field(None, alias="from")
    select: Pieces = ()
    vary: Pieces = ()
    train: Mapping[str, Any] = {}


class Compare(_Part):
    """Which arm all others are compared with. Neighbours in the study file are compared too, and ``pairs`` besides."""

    baseline: str | None = None
    pairs: tuple[tuple[str, str], ...] = ()
    resamples: Annotated[int, Field(ge=100)] = 10_000


class Study(_Part):
    """A whole study. Without a ``student`` the arms' traces themselves are compared, on the test problems.

    ``align``: students are trained only on problems of which every arm has a trace. ``engine``: the model, with a field
    ``path``, by which a student's checkpoint is sampled.
    """

    study: Name
    question: str = ""
    note: str = ""
    data: str | None = None
    seeds: Annotated[tuple[int, ...], Field(min_length=1), AfterValidator(_different)] = (0,)
    task: OnePiece
    problems: Problems = Problems()
    align: bool = True
    student: OnePiece | None = None
    train: Mapping[str, Any] = {}
    engine: OnePiece = Piece("transformers", {})
    sample: Annotated[Mapping[Name, Sample], Field(min_length=1)] = {"greedy": Sample()}
    arms: Annotated[Mapping[Name, Arm], Field(min_length=1)]
    compare: Compare = Compare()
    published: str | None = None

    @cached_property
    def lineage(self) -> tuple[str, ...]:
        """The arms, each after the arm that it is made from. Raises ``StudyError`` on a circle."""
        order: list[str] = []

        def follow(arm: str, chain: Sequence[str]) -> None:
            if arm in chain:
                raise StudyError(f"arm '{arm}' is made from itself ({' from '.join([*chain, arm])})")
            if arm not in order:
                for source in self.sources(arm):
                    follow(source, [*chain, arm])
                order.append(arm)

        for name in self.arms:
            follow(name, ())
        return tuple(order)

    def sources(self, arm: str) -> tuple[str, ...]:
        """The arms that an arm is made of: its parent, and those that its variants look at."""
        named = [other for piece in self.arms[arm].vary if (other := looked_at(piece))]
        return tuple(other for other in (self.parent(arm), *named) if other)

    def parent(self, arm: str) -> str | None:
        """The arm that an arm is made from, or null if it is made from a model or from nothing."""
        source = self.arms[arm].from_
        return source.name if source and source.name in self.arms else None

    def recipe(self, arm: str, advised: Mapping[str, Any] | None = None) -> Recipe:
        """The settings that the student advises, with the study's and then the arm's own."""
        settings = {**(advised or {}), **self.train, **self.arms[arm].train}
        known = [field.name for field in fields(Recipe)]
        for name in settings:
            if name not in known:
                raise StudyError(f"train has no setting '{name}' (arm {arm})", did_you_mean(name, known))
        return Recipe(**{k: registry.checked(Recipe, "train", k, v) for k, v in settings.items()})

    def sampling(self, name: str, seed: int) -> Sampling:
        """One named way to sample, with a seed."""
        return Sampling(name, **self.sample[name].model_dump(), seed=seed)

    def plain(self) -> dict[str, Any]:
        """The study as a study file says it, with every default filled in."""
        plain = self.model_dump(mode="json", by_alias=True)
        plain["task"] = _filled("tasks", self.task)
        if self.student:
            plain["student"] = _filled("students", self.student)
            if "advised" not in dir(registry.load("students", self.student.name)):  # else that decides, see ``plan``
                plain["train"] = {**asdict(Recipe()), **self.train}
        plain["arms"] = {
            name: {key: value for key, value in arm.items() if value not in (None, [], {})}
            for name, arm in plain["arms"].items()
        }
        return {key: value for key, value in plain.items() if value not in (None, "", {})}


def _filled(shelf: str, piece: Piece) -> Any:
    """An entry with all its parameters, also those that have their default."""
    known = registry.parameters(shelf, piece.name)
    defaults = {name: field.default for name, field in known.items() if field.default is not None}
    return Piece(piece.name, {**defaults, **piece.parameters}).plain()


def looked_at(piece: Piece) -> str | None:
    """The arm whose traces a variant looks at, if it names one."""
    other = piece.parameters.get("arm")
    return str(other) if other is not None else None


def bundled() -> dict[str, Path]:
    """The studies that come with understudy, by name."""
    return {path.stem: path for place in PLACES for path in sorted(place.glob("*.yaml"))}


def find(name: str) -> Path:
    """A study file: a path, or the name of a study that comes with understudy."""
    path = Path(name)
    if path.is_file():
        return path
    known = bundled()
    if path.stem in known and path in (Path(path.stem), Path("studies", f"{path.stem}.yaml")):
        return known[path.stem]
    raise InputError(f"there is no study file {name}", did_you_mean(path.stem, known))


def load(path: Path, overrides: Sequence[str] = ()) -> Study:
    """Read and check a study file; ``overrides`` are ``key.key=value``, the value in YAML."""
    raw = yaml.parse(path.read_text(encoding="utf-8", errors="replace"), str(path))
    if not isinstance(raw, dict):
        raise StudyError(f"{path} is no study: it holds no keys with values", "see understudy show quickstart")
    for override in overrides:
        yaml.override(raw, override)
    try:
        study = Study.model_validate(raw)
    except ValidationError as error:
        raise _sentence(error.errors()[0]) from None
    _check(study)
    return study


def dump(study: Study) -> str:
    """The resolved study as YAML."""
    return yaml.text(study.plain())


def _sentence(error: ErrorDetails) -> StudyError:
    place = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        parts: dict[str, type[_Part]] = {"problems": Problems, "arms": Arm, "sample": Sample, "compare": Compare}
        part = parts.get(str(error["loc"][0]), Study) if len(error["loc"]) > 1 else Study
        known = [field.alias or name for name, field in part.model_fields.items()]
        return StudyError(f"the study has an unknown key '{place}'", did_you_mean(str(error["loc"][-1]), known))
    if error["type"] == "missing":
        return StudyError(f"the study lacks '{place}'", "see understudy show quickstart")
    return StudyError(f"the study's {place} cannot be {error['input']!r}: {error['msg'].lower()}")


def _check(study: Study) -> None:
    """What only the whole study can tell: names of arms and entries, lineage, recipes."""
    known = registry.modules("models")
    registry.load("tasks", study.task.name)
    for name, arm in study.arms.items():
        if arm.from_ is None and (arm.select or arm.vary or arm.train or not study.student):
            raise StudyError(f"arm '{name}' does not say which traces it is made of", "add from: a model or an arm")
        if arm.from_ and arm.from_.name not in study.arms and arm.from_.name not in known:
            hint = did_you_mean(arm.from_.name, [*known, *study.arms])
            raise StudyError(f"arm '{name}' is from '{arm.from_.name}', which is no model and no arm", hint)
        for piece in arm.vary:
            registry.parameters("variants", piece.name)
            if (other := looked_at(piece)) and (other not in study.arms or not study.arms[other].from_):
                hint = did_you_mean(other, study.arms)
                raise StudyError(f"arm '{name}' looks at '{other}', which is no arm with traces", hint)
        for piece in arm.select:
            registry.parameters("selectors", piece.name)
        recipe = study.recipe(name)
        if (recipe.budget == "tokens") != (recipe.match is not None):
            raise StudyError(f"arm '{name}' needs budget: tokens and match: ARM together")
        if recipe.match is not None and (recipe.match not in study.arms or not study.arms[recipe.match].from_):
            raise StudyError(f"arm '{name}' matches '{recipe.match}', which trains on nothing here")
    if study.student:
        registry.load("students", study.student.name)
    if "path" not in registry.parameters("models", study.engine.name) or study.engine.name == "file":
        raise StudyError(f"engine cannot be '{study.engine.name}': it samples no checkpoint", "engine: transformers")
    for name in ("path", "model"):
        if name in study.engine.parameters:
            raise StudyError(f"engine cannot set '{name}'", "it is that of each student in turn")
    compared = {study.compare.baseline, *(arm for pair in study.compare.pairs for arm in pair)} - {None}
    for arm_name in compared:
        if arm_name not in study.arms:
            raise StudyError(f"compare names '{arm_name}', which is no arm", did_you_mean(str(arm_name), study.arms))
    if study.published:
        published(study.published)
    _ = study.lineage  # raises on a circle
