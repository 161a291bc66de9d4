"""Events: what sounds in a recording, from when to when. A CSV with the columns onset, offset and label, in seconds."""

import csv
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from exclaim.errors import CorpusError

__all__ = ["COLUMNS", "Event", "check_within", "read_events", "write_events"]

COLUMNS = ("onset", "offset", "label")
_SOURCE = "source"
_DECIMALS = 3  # of a written time: a millisecond
_TOLERANCE = 0.5  # seconds by which an offset may lie behind the recording's end: annotators round


class Event(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One sound. Times are seconds from the recording's start."""

    onset: float
    offset: float  # later than the onset
    label: str
    source: str | None = None  # speaker or recording that it is of; events of one source are alike

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.offset - self.onset


def read_events(path: Path) -> tuple[Event, ...]:
    """Read the events of a recording.

    The first line names the columns. ``onset``, ``offset`` and ``label`` must be there, ``source`` may be; any other
    column is passed over, so that a tool may keep notes of its own. A file with the header alone says that nothing
    sounds.

    Returns:
        Events by onset; of one label they do not overlap.

    Raises:
        CorpusError: when the file cannot be read, a column is missing or there twice, a time is no finite number or
            negative, an event has no length or no label, or events are not sorted or overlap. The message names the
            line.
    """
    try:
        text = Path(path).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(f"events {path} cannot be read: {error}; expected CSV with {', '.join(COLUMNS)}") from error
    rows = csv.reader(text.splitlines())
    header = [name.strip() for name in next(rows, [])]
    for column in (*COLUMNS, _SOURCE):
        if header.count(column) != 1 and (column != _SOURCE or header.count(column) > 1):
            raise CorpusError(
                f"events {path}: the first line names the columns {', '.join(header) or '(none)'}; expected "
                f"{', '.join(COLUMNS)}, each once, and perhaps {_SOURCE}"
            )
    events: list[Event] = []
    latest: dict[str, Event] = {}
    for row in rows:
        if not any(cell.strip() for cell in row):
            continue
        where = f"events {path}, line {rows.line_num}"
        if len(row) != len(header):
            raise CorpusError(f"{where}: {len(row)} cells; expected {len(header)}, as the first line has")
        event = _event(where, dict(zip(header, row, strict=True)))
        if events and event.onset < events[-1].onset:
            raise CorpusError(
                f"{where}: begins at {event.onset:g} s, before the event above it ({events[-1].onset:g} s); "
                "sort the file by onset"
            )
        before = latest.get(event.label)
        if before is not None and event.onset < before.offset:
            raise CorpusError(
                f"{where}: {event.label!r} begins at {event.onset:g} s, while another lasts until {before.offset:g} s; "
                "make one event of those that overlap"
            )
        latest[event.label] = event
        events.append(event)
    return tuple(events)


def _event(where: str, cells: dict[str, str]) -> Event:
    onset, offset = (_seconds(where, column, cells[column]) for column in ("onset", "offset"))
    label = cells["label"].strip()
    if offset <= onset:
        raise CorpusError(f"{where}: ends at {offset:g} s, not after its onset at {onset:g} s; expected offset > onset")
    if not label:
        raise CorpusError(f"{where}: has no label; say what sounds, such as scream")
    return Event(onset=onset, offset=offset, label=label, source=cells.get(_SOURCE, "").strip() or None)


def _seconds(where: str, column: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise CorpusError(f"{where}: {column} is {text.strip()!r}; expected seconds, 0 or more, such as 12.35")
    return value


def check_within(events: Sequence[Event], seconds: float, path: Path) -> None:
    """Refuse events that lie behind the end of their recording: they belong to another one.

    Args:
        events: by onset.
        seconds: length of the recording.
        path: of the events, for the message.

    Raises:
        CorpusError: when one does.
    """
    for event in events:
        if event.onset >= seconds or event.offset > seconds + _TOLERANCE:
            raise CorpusError(
                f"events {path}: {event.label!r} lasts from {event.onset:g} to {event.offset:g} s, but the recording "
                f"ends at {seconds:.1f} s; give each recording its own events, in seconds from its start"
            )


def write_events(path: Path, events: Iterable[Event]) -> None:
    """Write events as :func:`read_events` reads them, to the millisecond.

    Raises:
        CorpusError: when the file cannot be written.
    """
    try:
        with Path(path).open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow((*COLUMNS, _SOURCE))
            for event in events:
                times = (f"{time:.{_DECIMALS}f}" for time in (event.onset, event.offset))
                table.writerow((*times, event.label, event.source or ""))
    except OSError as error:
        raise CorpusError(f"events {path} cannot be written: {error.strerror}") from error
