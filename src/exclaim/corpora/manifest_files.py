"""Manifests as files: CSV for people and spreadsheets, JSON lines for everything that a manifest holds.

A CSV of the user's own needs the columns ``path`` and ``label``, and ``speaker`` to split by and to cluster
intervals by. Paths are relative to the file's own folder. Columns that a clip has no field for are kept in
``extra``.
"""

import csv
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO, TypeVar

import msgspec

from exclaim.corpora.clip import Clip, decode_path, encode_path
from exclaim.corpora.manifest import UNREADABLE_LIMIT, Exclusion, Manifest
from exclaim.errors import CorpusError

__all__ = ["read_csv", "read_json_lines", "read_manifest", "write_csv", "write_json_lines"]

_COLUMNS = tuple(name for name in Clip.__struct_fields__ if name != "extra")
_REQUIRED = ("path", "label")
Line = TypeVar("Line")


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first of the JSON lines; the others are a clip each."""

    corpus: str
    clips: int
    excluded: tuple[Exclusion, ...] = ()
    notes: tuple[str, ...] = ()


def read_manifest(path: Path) -> Manifest:
    """Read a manifest by its suffix: ``.csv``, or ``.jsonl`` for JSON lines.

    Raises:
        CorpusError: as :func:`read_csv` and :func:`read_json_lines`.
    """
    return read_json_lines(path) if Path(path).suffix.lower() in {".jsonl", ".ndjson"} else read_csv(path)


def read_csv(path: Path) -> Manifest:
    """Read a CSV manifest.

    Args:
        path: of a UTF-8 file whose first line names the columns. ``path`` and ``label`` are required;
            ``speaker``, the other fields of a clip, and any further columns are optional. An empty cell is
            "not known".

    Returns:
        A manifest of the clips whose files exist, paths absolute; the others are in ``excluded``.

    Raises:
        CorpusError: when the file cannot be read, a column is missing, it has no rows, a cell does not fit
            its column, or more than 5 % of the sound files are missing.
    """
    path = Path(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            columns = [(name or "").strip() for name in reader.fieldnames or ()]
            reader.fieldnames = columns
            _check_columns(path, columns)
            clips = [_clip_of_row(path, reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CorpusError(f"manifest {path} cannot be read as CSV in UTF-8: {error}") from error
    if not clips:
        raise CorpusError(f"manifest {path} has no rows; expected a clip in each line below the first")
    present = tuple(clip for clip in clips if clip.path.is_file())
    missing = tuple(Exclusion(path=clip.path, reason="file is missing") for clip in clips if not clip.path.is_file())
    if len(missing) > UNREADABLE_LIMIT * len(clips):
        raise CorpusError(
            f"manifest {path}: {len(missing)} of {len(clips)} sound files are missing, first "
            f"{missing[0].path}; paths are relative to the manifest's own folder"
        )
    corpus = "+".join(dict.fromkeys(clip.corpus for clip in present))
    notes = () if "speaker" in columns else ("no column speaker: clips cannot be grouped by who speaks",)
    return Manifest(corpus=corpus, clips=present, excluded=missing, notes=notes)


def _check_columns(path: Path, columns: list[str]) -> None:
    missing = [name for name in _REQUIRED if name not in columns]
    if missing:
        found = ", ".join(columns) or "nothing"
        other = len(columns) == 1 and set(columns[0]) & set(";\t|")
        separated = ", separated by commas" if other else ""
        raise CorpusError(
            f"manifest {path} has no column {' and no column '.join(missing)}: its first line names {found}; "
            f"expected path, label, speaker{separated}"
        )
    if twice := next((name for name in columns if name and columns.count(name) > 1), None):
        raise CorpusError(f"manifest {path} names the column {twice!r} twice")


def _clip_of_row(path: Path, line: int, row: dict[str, Any]) -> Clip:
    if None in row:
        raise CorpusError(f"manifest {path}, line {line}: more cells than columns; quote text that holds a comma")
    cells = {name: text.strip() for name, text in row.items() if name and text is not None and text.strip()}
    if "path" not in cells:
        raise CorpusError(f"manifest {path}, line {line}: the path is empty")
    fields = {name: cells[name] for name in _COLUMNS if name in cells}
    fields["path"] = str(path.parent.resolve() / cells["path"])
    fields.setdefault("corpus", "csv")
    extra = {name: _number_or_text(text) for name, text in cells.items() if name not in _COLUMNS}
    try:
        # text that stands for a number is read as one where the field wants a number
        return msgspec.convert({**fields, "extra": extra}, Clip, strict=False, dec_hook=decode_path)
    except msgspec.ValidationError as error:
        raise CorpusError(f"manifest {path}, line {line}: {error}") from error


def _number_or_text(text: str) -> str | float:
    """Return a float for text as Python writes one ("0.25"); "03" and "7" stay text."""
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) and repr(number) == text else text


def write_csv(manifest: Manifest, path: Path) -> None:
    """Write a manifest's clips as CSV, paths relative to the file's folder where they lie below it.

    Raises:
        CorpusError: when it cannot be written, or an ``extra`` bears the name of a clip's field.
    """
    extras = sorted({name for clip in manifest for name in clip.extra})
    if clash := set(extras) & set(_COLUMNS):
        raise CorpusError(f"extra {sorted(clash)[0]!r} has the name of a clip's own field; rename it")
    with _replacing(path) as file:
        writer = csv.DictWriter(file, [*_COLUMNS, *extras])
        writer.writeheader()
        for clip in manifest:
            row = {name: getattr(clip, name) for name in _COLUMNS} | clip.extra
            writer.writerow({**row, "path": _relative(clip.path, Path(path).parent)})


def read_json_lines(path: Path) -> Manifest:
    """Read a manifest that :func:`write_json_lines` wrote.

    Raises:
        CorpusError: when the file cannot be read, is cut short, or a line is not what it should be.
    """
    path = Path(path)
    try:
        lines = path.read_bytes().splitlines() or [b""]
    except OSError as error:
        raise CorpusError(f"manifest {path} cannot be read: {error}") from error
    header = _decoded(path, 1, lines[0], _Header)
    found = [_decoded(path, number, line, Clip) for number, line in enumerate(lines[1:], start=2)]
    folder = path.parent.resolve()
    clips = [msgspec.structs.replace(clip, path=folder / clip.path) for clip in found]
    if len(clips) != header.clips:
        raise CorpusError(f"manifest {path} is cut short: {len(clips)} clips, its first line says {header.clips}")
    return Manifest(corpus=header.corpus, clips=tuple(clips), excluded=header.excluded, notes=header.notes)


def _decoded(path: Path, number: int, line: bytes, expected: type[Line]) -> Line:
    try:
        return msgspec.json.decode(line, type=expected, dec_hook=decode_path)
    except msgspec.MsgspecError as error:
        raise CorpusError(f"manifest {path}, line {number}: {error}") from error


def write_json_lines(manifest: Manifest, path: Path) -> None:
    """Write a manifest as JSON lines: a header with exclusions and notes, then a line for each clip.

    Raises:
        CorpusError: when it cannot be written.
    """
    encoder = msgspec.json.Encoder(enc_hook=encode_path)
    header = _Header(manifest.corpus, len(manifest), manifest.excluded, manifest.notes)
    folder = Path(path).parent
    with _replacing(path) as file:
        file.write(encoder.encode(header).decode() + "\n")
        for clip in manifest:
            relative = msgspec.structs.replace(clip, path=Path(_relative(clip.path, folder)))
            file.write(encoder.encode(relative).decode() + "\n")


def _relative(path: Path, folder: Path) -> str:
    folder = folder.resolve()
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.as_posix()


@contextmanager
def _replacing(path: Path) -> Iterator[TextIO]:
    """Open a file that takes the place of ``path`` only when all of it is written."""
    path = Path(path)
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        with unfinished.open("w", encoding="utf-8", newline="") as file:
            yield file
        os.replace(unfinished, path)
    except OSError as error:
        raise CorpusError(f"manifest {path} cannot be written: {error}") from error
    finally:
        unfinished.unlink(missing_ok=True)
