"""What the attacks of a run reached, as one JSON file, with the curves as CSV and as a drawing."""

import csv
import io
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from exclaim.errors import StoreError
from exclaim.pins import write_atomically
from exclaim.privacy.recipe import Target
from exclaim.privacy.roc import Figure, Roc

__all__ = ["Attack", "Encoder", "Neighbours", "PrivacyReport", "Quality", "read_report", "write_report"]

_LOG = logging.getLogger(__name__)
REPORT_FILE = "privacy.json"


class Attack(msgspec.Struct, frozen=True, kw_only=True):
    """An attack on one target, all shadows together."""

    target: Target
    attack: str  # "membership of the half", "membership of the set", "speakers by ..."
    figures: dict[str, Figure]  # auc, true_positives_at_1, true_positives_at_0.1
    members: int  # scores of members, and of others, over all shadows
    others: int


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """How well the attacked networks do their own task: what learnt nothing gives nothing away."""

    target: Target
    accuracy_in: float  # on clips of their half, mean over shadows
    accuracy_out: float  # on clips of the other half


class Encoder(msgspec.Struct, frozen=True, kw_only=True):
    """How well the attacker's encoder tells speakers."""

    kind: Literal["linear", "network"]
    speakers: int
    accuracy: float  # on clips that were kept back from it
    clips: int  # that were kept back


class Neighbours(msgspec.Struct, frozen=True, kw_only=True):
    """How near the items of a set are to clips."""

    target: Target
    measure: Literal["log-mel", "embedding"]
    unit: str  # "dB", or "" of a cosine distance
    to_clips: float  # median distance of an item to the nearest clip that the set was made from
    strangers: float | None  # of held-out speakers' clips, as items; None where nobody was held out
    ratio: float | None  # the first over the second; below 1, items are nearer to the clips than strangers are
    least_ratio: float | None  # the same of the nearest item
    nearer: Figure  # how often the nearest of all clips is one that the set was made from


class PrivacyReport(msgspec.Struct, frozen=True, kw_only=True):
    """All that a run found."""

    name: str
    recipe: str  # SHA-256 of the privacy recipe's content
    condense: str  # name of the condense recipe
    changes: dict[str, Any]  # that were laid over it
    method: str
    task: str
    labels: tuple[str, ...]
    view: tuple[int, int]
    items: int  # for every label
    sources: tuple[str, ...]
    data_sha256: str  # of the training clips
    halves: Literal["clips", "speakers"]
    shadows: int
    clips: int
    speakers: int
    network: str  # that is attacked; empty where none was trained
    attacks: tuple[Attack, ...]
    quality: tuple[Quality, ...] = ()
    encoder: Encoder | None = None
    neighbours: tuple[Neighbours, ...] = ()
    seconds: float  # that making the shadows took, all together
    created: str  # UTC, ISO 8601


def read_report(path: Path) -> PrivacyReport:
    """Read a report.

    Raises:
        StoreError: when it is not there, or no report.
    """
    try:
        return msgspec.json.decode(Path(path).read_bytes(), type=PrivacyReport)
    except (OSError, msgspec.MsgspecError) as error:
        raise StoreError(f"{path} is no privacy report ({error}); make it with `exclaim attack`") from error


def write_report(folder: Path, report: PrivacyReport, curves: Mapping[tuple[Target, str], Roc]) -> None:
    """Write ``privacy.json``, ``roc.csv`` and, where matplotlib is installed, ``roc.svg`` into a run's folder."""
    write_atomically(folder / REPORT_FILE, msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    write_atomically(folder / "roc.csv", _table(curves).encode())
    try:
        from exclaim.privacy.drawing import draw_curves

        write_atomically(folder / "roc.svg", draw_curves(report.name, curves).encode())
    except ModuleNotFoundError as error:
        _LOG.info("no drawing of the curves: it needs %s, of the extra `report`", error.name)


def _table(curves: Mapping[tuple[Target, str], Roc]) -> str:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("target", "attack", "false_positives", "true_positives"))
    for (target, attack), curve in curves.items():
        for false, true in zip(curve.false_positives, curve.true_positives, strict=True):
            rows.writerow((target, attack, f"{false:.6g}", f"{true:.6g}"))
    return text.getvalue()
