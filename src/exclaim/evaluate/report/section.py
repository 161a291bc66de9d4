"""What the page is made of: sections of tables, drawings and words, and the numbers behind them."""

from typing import Literal, NamedTuple

import msgspec

from exclaim.evaluate.bootstrap import Interval

__all__ = [
    "Block",
    "Cell",
    "Column",
    "Drawing",
    "Line",
    "Number",
    "Picture",
    "Section",
    "Sheet",
    "Shelf",
    "Table",
    "measured",
    "share",
    "short_hash",
    "signed",
    "thousands",
]

Kind = Literal["ours", "random", "gap", "paper"]
_NOTHING = "\N{EN DASH}"


class Number(msgspec.Struct, frozen=True, kw_only=True):
    """One figure, as the CSV and the JSON hold it."""

    section: str  # id of the section that it stands in
    row: str  # the model or the pair of models
    task: str = ""
    split: str = ""  # speaker, random
    condition: str = "clean"  # or the noise and its ratio
    figure: str
    unit: str = ""  # empty for shares and ratios
    value: float | None  # mean over the seeds; None: not to be told from these clips
    deviation: float | None = None  # of the seeds
    low: float | None = None  # 95 %
    high: float | None = None
    seeds: tuple[int, ...] = ()
    clips: int | None = None
    source: Literal["ours", "paper"] = "ours"
    data: str = ""
    data_sha256: str = ""


class Cell(NamedTuple):
    """A cell of a table."""

    text: str
    detail: str = ""  # smaller, below, on lines of its own: interval, deviation
    number: bool = True
    best: bool = False  # the best of its column and block


class Column(NamedTuple):
    """A column's heading."""

    text: str
    hint: str = ""  # what it means
    number: bool = True


class Line(NamedTuple):
    """A row."""

    name: str
    cells: tuple[Cell, ...]  # without the name
    detail: str = ""  # below the name
    kind: Kind = "ours"


class Block(NamedTuple):
    """Rows under a heading of their own."""

    heading: str
    lines: tuple[Line, ...]


class Table(NamedTuple):
    """A table of the page."""

    name: str  # of its file: table-1
    caption: str
    columns: tuple[Column, ...]  # without the first, of names
    blocks: tuple[Block, ...]
    shown: int | None = None  # rows of a block on the page; the CSV has them all. None: all
    first: str = "model"  # what the first column names, for who does not see it


class Drawing(NamedTuple):
    """A figure of the page."""

    name: str  # of its file: figure-7-scream-type
    caption: str
    alternative: str  # what it shows, for who does not see it
    svg: str


class Picture(NamedTuple):
    """A window on a contact sheet."""

    image: str  # data URI
    alternative: str  # what it is, for who does not see it
    name: str  # below it
    told: str = ""  # below its name, smaller
    shares: tuple[tuple[int, float], ...] = ()  # a bar below: number of the colour, share of the width
    sound: str = ""  # data URI; without one there is no player


class Shelf(NamedTuple):
    """A row of a contact sheet."""

    heading: str
    detail: str
    pictures: tuple[Picture, ...]


class Sheet(NamedTuple):
    """Pictures in rows, all drawn alike."""

    caption: str
    shelves: tuple[Shelf, ...]
    key: tuple[tuple[int, str], ...] = ()  # what the bars' colours say
    scale: str = ""  # data URI of the pictures' colours
    ends: tuple[str, str] = ("", "")  # what the first and the last of them stand for
    small: bool = False  # pictures with little below them


class Section(NamedTuple):
    """A part of the page."""

    id: str
    title: str
    lead: str = ""  # what it says, in a sentence or two
    tables: tuple[Table, ...] = ()
    drawings: tuple[Drawing, ...] = ()
    notes: tuple[str, ...] = ()
    how: tuple[str, ...] = ()  # data, split, command: how to get it again
    numbers: tuple[Number, ...] = ()
    sheets: tuple[Sheet, ...] = ()


def share(value: float | None) -> str:
    """Return a share with three digits."""
    return _NOTHING if value is None else f"{value:.3f}"


def signed(value: float | None) -> str:
    """Return a difference with its sign."""
    if value is None:
        return _NOTHING
    text = f"{value:+.3f}".replace("-", "\N{MINUS SIGN}")
    return "0.000" if text.endswith("0.000") else text


def thousands(value: float | None) -> str:
    """Return a count, thousands grouped."""
    return _NOTHING if value is None else f"{value:,.0f}"


def measured(value: float | None, interval: Interval | None = None, deviation: float | None = None) -> Cell:
    """Return a cell with a share, its interval and the seeds' standard deviation."""
    details = [f"{share(max(0.0, interval[0]))} to {share(min(1.0, interval[1]))}"] if interval else []
    details += [f"sd {deviation:.3f}"] if deviation is not None else []
    return Cell(share(value), "\n".join(details))


def short_hash(sha256: str) -> str:
    """Return the first twelve digits of a hash."""
    return sha256[:12]
