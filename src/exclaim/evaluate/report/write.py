"""A report as files: the page, every number as CSV and JSON, every table as CSV, every drawing as SVG."""

import csv
import io
from collections.abc import Sequence
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from exclaim.errors import ConfigError
from exclaim.evaluate.report.report import Report
from exclaim.evaluate.report.section import Number, Section, Table

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["PAGE", "check_installed", "write_report"]

PAGE = "report.html"
_NUMBERS = "numbers.json"
_PARTS = ("jinja2", "matplotlib", "sklearn")  # of the extra `report`


class _Written(msgspec.Struct, frozen=True):
    """What an earlier report's numbers.json says that this one needs."""

    files: tuple[str, ...] = ()


def check_installed() -> None:
    """Refuse to begin what could not be finished.

    Raises:
        ConfigError: when the extra `report` is not installed.
    """
    missing = [name for name in _PARTS if find_spec(name) is None]
    if missing:
        raise ConfigError(f"a report needs {', '.join(missing)}; install them with `pip install 'exclaim[report]'`")


def write_report(report: Report, folder: Path, *, command: str, tree: str) -> Path:
    """Write a report into a folder; what an earlier report left there and this one has not is removed.

    Args:
        report: what to write.
        folder: made where it is missing.
        command: that makes it again.
        tree: SHA-256 over the sources that measured.

    Returns:
        The page.

    Raises:
        ConfigError: when the folder cannot be written.
    """
    folder = Path(folder)
    texts = {
        f"figures/{drawing.name}.svg": drawing.svg + "\n" for section in report.sections for drawing in section.drawings
    }
    texts |= {f"{table.name}.csv": _table_csv(table) for section in report.sections for table in section.tables}
    numbers = [number for section in report.sections for number in section.numbers]
    texts["numbers.csv"] = _numbers_csv(numbers, command, tree)
    texts[PAGE] = _page(report, command, tree)
    texts[_NUMBERS] = _numbers_json(report, numbers, command, tree, sorted([*texts, _NUMBERS]))
    try:
        _remove_earlier(folder, set(texts))
        for name, text in texts.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8", newline="")
    except OSError as error:
        raise ConfigError(f"report {folder} cannot be written: {error}") from error
    return folder / PAGE


def _remove_earlier(folder: Path, kept: set[str]) -> None:
    try:
        earlier = msgspec.json.decode((folder / _NUMBERS).read_bytes(), type=_Written)
    except (OSError, msgspec.MsgspecError):
        return
    for name in set(earlier.files) - kept:
        path = (folder / name).resolve()
        if path.is_relative_to(folder.resolve()):
            path.unlink(missing_ok=True)


def _page(report: Report, command: str, tree: str) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("exclaim.evaluate.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"svg": Markup, "coded": _coded, "hints": _hints}
    style = Markup((files("exclaim.evaluate.report") / "templates/report.css").read_text("utf-8"))
    template = environment.get_template("report.html")
    return template.render(report=report, style=style, command=command, tree=tree)


def _coded(text: str) -> "Markup":
    """Return text whose `backticks` are code."""
    from markupsafe import Markup, escape

    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if i % 2 else escape(part) for i, part in enumerate(parts)
    )


def _hints(tables: Sequence[Table]) -> list[tuple[str, str]]:
    """Return what the columns of a section's tables mean, each heading once."""
    return list({column.text: column.hint for table in tables for column in table.columns if column.hint}.items())


def _numbers_csv(numbers: list[Number], command: str, tree: str) -> str:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    names = Number.__struct_fields__
    table.writerow([*names, "command", "source_tree"])
    for number in numbers:
        values = [getattr(number, name) for name in names]
        table.writerow([*(_plain(value) for value in values), command, tree])
    return text.getvalue()


def _plain(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, float):
        return repr(round(value, 6))
    return " ".join(map(str, value)) if isinstance(value, tuple) else value


def _table_csv(table: Table) -> str:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["group", "name", "about", *(part for c in table.columns for part in (c.text, f"{c.text}: beside"))])
    for block in table.blocks:
        for line in block.lines:
            cells = [part for cell in line.cells for part in (cell.text, cell.detail)]
            rows.writerow([block.heading, line.name, line.detail, *cells])
    return text.getvalue()


def _numbers_json(report: Report, numbers: list[Number], command: str, tree: str, written: list[str]) -> str:
    def of(section: Section) -> dict:
        return {"id": section.id, "title": section.title, "notes": section.notes, "how": section.how}

    told = {
        "title": report.title,
        "subtitle": report.subtitle,
        "command": command,
        "source_tree": tree,
        "files": written,
        "skipped": [one._asdict() for one in report.skipped],
        "sections": [of(section) for section in report.sections],
        "numbers": [_rounded(number) for number in numbers],
    }
    return msgspec.json.format(msgspec.json.encode(told)).decode() + "\n"


def _rounded(number: Number) -> Number:
    fields = ("value", "deviation", "low", "high")
    return msgspec.structs.replace(
        number, **{name: round(value, 6) for name in fields if (value := getattr(number, name)) is not None}
    )
