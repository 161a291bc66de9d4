"""The demo's live table, and the same as JSON lines."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.table import Table
from rich.text import Text

__all__ = ["as_line", "as_table"]

STYLE = {"alert": "bold red", "review": "yellow", "record": "green"}
MOST_ROWS = 20


def as_table(decisions: Sequence[dict[str, Any]]) -> Table:
    """Return the table of the newest decisions, oldest first.

    Args:
        decisions: as ``GET /v1/decisions`` of the decision service has them, in the order to show.
    """
    table = Table()
    for name in ("time (UTC)", "device", "heard", "confidence", "decision"):
        table.add_column(name, justify="right" if name == "confidence" else "left")
    for decision in decisions[-MOST_ROWS:]:
        onset = datetime.fromisoformat(decision["onset"])
        verdict = decision["decision"]
        recipient = f" to {decision['call']}" if verdict == "alert" and decision["call"] else ""
        table.add_row(
            onset.strftime("%H:%M:%S"),
            decision["device"],
            decision["heard"] + (" (synthesised)" if decision["origin"] == "synthesised" else ""),
            f"{decision['confidence']:.2f}",
            Text(verdict + recipient, style=STYLE.get(verdict, "")),
        )
    return table


def as_line(decision: dict[str, Any]) -> dict[str, Any]:
    """Return one decision as the JSON line that ``exclaim demo --once`` prints."""
    return {
        "time": decision["onset"],
        "device": decision["device"],
        "heard": decision["heard"],
        "confidence": round(decision["confidence"], 4),
        "decision": decision["decision"],
        "recipient": decision["call"] if decision["decision"] == "alert" else None,
        "reason": "; ".join(decision["reasons"]),
        "type": decision["type"],
        "level_db": round(decision["level_db"], 1),
        "origin": decision["origin"],
        "late": decision["late"],
        "incident": decision["incident"],
        "episode": decision["episode"],
    }
