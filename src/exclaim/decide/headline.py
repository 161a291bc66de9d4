"""The one sentence at the top of the page: what needs a person now. Pure."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from exclaim.decide.views import DeviceView, IncidentView

__all__ = ["Headline", "headline", "is_ringing"]


class Headline(msgspec.Struct, frozen=True):
    """A sentence, more about it, and its tone (which the page colours, never alone)."""

    tone: Literal["alert", "review", "hand", "warn", "quiet"]
    text: str
    detail: str


def is_ringing(incident: IncidentView) -> bool:
    """Whether an alert waits for a person, now."""
    return incident.severity == "alert" and incident.state in ("open", "escalated") and not incident.late


def headline(incidents: Sequence[IncidentView], devices: Sequence[DeviceView]) -> Headline:
    """The most urgent thing that is so.

    Args:
        incidents: those that are not resolved.
        devices: every device and edge.
    """
    ringing = [one for one in incidents if is_ringing(one)]
    if ringing:
        real = [one for one in ringing if not one.decision.test]
        if not real:
            return Headline("alert", "A test alarm rings", "Nobody screamed: it shows that alerts come through")
        also = ", and a test alarm" if len(real) < len(ringing) else ""
        return Headline("alert", _count(len(real), "alert needs you", "alerts need you"), _places(real) + also)
    waiting = [one for one in incidents if one.severity == "review" and one.state == "open" and not one.late]
    if waiting:
        text = _count(len(waiting), "sound waits for your judgement", "sounds wait for your judgement")
        return Headline("review", text, _places(waiting))
    late = [one for one in incidents if one.late and one.state == "open"]
    if late:
        text = _count(len(late), "sound arrived late", "sounds arrived late")
        return Headline("warn", f"No new alert, but {text}", f"Nobody was paged: {_places(late)}")
    return _rest(incidents, devices)


def _rest(incidents: Sequence[IncidentView], devices: Sequence[DeviceView]) -> Headline:
    deaf = [device.name for device in devices if device.deaf]
    if deaf:
        text = _count(len(deaf), "device is not heard", "devices are not heard")
        return Headline("warn", f"No alert, but {text}", ", ".join(deaf))
    sensors = [device for device in devices if device.layer == "device"]
    if not sensors:
        return Headline("warn", "No alert, but no device has reported yet", "Start one with: exclaim sense")
    detail = _devices(sensors)
    if incidents:
        text = _count(len(incidents), "incident is in hand", "incidents are in hand")
        return Headline("hand", f"No new alert, {text}", detail)
    return Headline("quiet", "All quiet", detail)


def _devices(sensors: Sequence[DeviceView]) -> str:
    alive = sum(device.state == "alive" and device.hearing and device.mute is None for device in sensors)
    muted = sum(device.mute is not None for device in sensors)
    listening = _count(alive, "device listens", "devices listen")
    return f"{listening}, {muted} muted" if muted else listening


def _places(incidents: Sequence[IncidentView]) -> str:
    return ", ".join(dict.fromkeys(one.decision.device for one in incidents))


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
