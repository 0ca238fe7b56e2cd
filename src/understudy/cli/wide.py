"""A table of a report on the terminal, however wide.

print_wide(tables.answers(found))
"""

import sys
from shutil import get_terminal_size

from understudy.cli.screen import print_table
from understudy.report.cells import Table


def print_wide(table: Table | None) -> None:
    """The table, in several below each other where it is too wide for the terminal."""
    if table is None:
        return
    for columns in _blocks([_width(table, place) for place in range(len(table.head))]):
        rows = [[row[place].replace("\u00a0", " ") for place in columns] for row in table.rows]
        right = [number for number, place in enumerate(columns) if table.align[place] == "r"]
        print_table([table.head[place] for place in columns], rows, right)
        print()


def _blocks(widths: list[int]) -> list[list[int]]:
    """The columns in groups that fit side by side, each with the first column."""
    room = (get_terminal_size().columns if sys.stdout.isatty() else 160) - widths[0]
    blocks: list[list[int]] = []
    left = 0
    for place, width in enumerate(widths[1:], 1):
        if not blocks or width + 2 > left:
            blocks.append([0])
            left = room
        blocks[-1].append(place)
        left -= width + 2
    return blocks


def _width(table: Table, place: int) -> int:
    return max(len(text) for text in (*table.head[place].split(), *(row[place] for row in table.rows)))
