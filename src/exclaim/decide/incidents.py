"""The life of an incident as a pure state machine: open, acknowledged, escalated, resolved.

The system may only make an incident more urgent (a stronger revision, a deadline that passed); only a person may take
urgency away (acknowledge, resolve, dismiss). Every step is a :class:`Transition` with who and when, in UTC.
"""

from datetime import datetime, timedelta
from typing import Literal

import msgspec

from exclaim.decide.rules import rank_of
from exclaim.errors import ExclaimError

__all__ = [
    "ACTIONS",
    "SYSTEM",
    "Action",
    "Incident",
    "IncidentError",
    "Page",
    "State",
    "Step",
    "Timing",
    "Transition",
    "act",
    "open_incident",
    "pass_deadline",
    "revise",
]

State = Literal["open", "acknowledged", "escalated", "resolved"]
Action = Literal["acknowledge", "resolve", "confirm", "dismiss"]
Page = Literal["alert", "escalated"]
ACTIONS: tuple[str, ...] = ("acknowledge", "resolve", "confirm", "dismiss")
SYSTEM = "exclaim"  # who acted, where no person did


class IncidentError(ExclaimError):
    """An action that an incident's state does not allow."""


class Timing(msgspec.Struct, frozen=True):
    """How long people have, in seconds."""

    review_seconds: float
    escalate_seconds: float


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """What one episode asks of people.

    Attributes:
        severity: ``review`` (a person judges) or ``alert``.
        state: ``escalated`` means that nobody acknowledged an alert in time.
        deadline: UTC of the next step that the system takes by itself; None where it takes none.
        late: arrived too late to page anybody; has no deadline.
        verdict: a person's word on the sound: ``real``, ``false alarm``, or None while nobody said.
    """

    severity: Literal["review", "alert"]
    state: State = "open"
    deadline: datetime | None = None
    late: bool = False
    verdict: Literal["real", "false alarm"] | None = None


class Transition(msgspec.Struct, frozen=True, kw_only=True):
    """One recorded step: when (UTC), by whom, from what to what, and why."""

    at: datetime
    by: str
    person: bool
    action: str
    before: str  # "severity state", empty when it opened
    after: str
    note: str


class Step(msgspec.Struct, frozen=True):
    """The incident after a step, the record of it, and what goes out because of it (None: nothing)."""

    incident: Incident
    transition: Transition
    page: Page | None


def open_incident(severity: str, *, now: datetime, late: bool, timing: Timing) -> Step:
    """Open an incident for a decision of ``review`` or ``alert``; a late one gets no deadline and pages nobody."""
    incident = Incident(severity=severity, late=late, deadline=None if late else _due(severity, now, timing))
    note = "arrived late: nobody is paged" if late else ""
    page: Page | None = "alert" if severity == "alert" and not late else None
    return Step(incident, _record(None, incident, now, SYSTEM, "open", note), page)


def revise(incident: Incident, severity: str, *, now: datetime, timing: Timing) -> Step | None:
    """A stronger revision arrived: raise the severity, and ask again even where somebody answered the weaker one.

    Returns None where the revision is not stronger: revisions never take urgency away.
    """
    if rank_of(severity) <= rank_of(incident.severity):
        return None
    deadline = None if incident.late else _due(severity, now, timing)
    after = msgspec.structs.replace(incident, severity=severity, state="open", deadline=deadline, verdict=None)
    note = "a newer revision of the sound is certain"
    return Step(after, _record(incident, after, now, SYSTEM, "revise", note), None if incident.late else "alert")


def pass_deadline(incident: Incident, *, now: datetime, timing: Timing) -> Step | None:
    """Take the step that a passed deadline asks for: a review alerts, an unanswered alert escalates.

    Returns None where no deadline has passed, so that asking twice does nothing twice.
    """
    if incident.deadline is None or now < incident.deadline:
        return None
    if incident.severity == "review":
        after = msgspec.structs.replace(incident, severity="alert", deadline=_due("alert", now, timing))
        note = f"nobody reviewed it within {timing.review_seconds:g} s"
        return Step(after, _record(incident, after, now, SYSTEM, "alert", note), "alert")
    after = msgspec.structs.replace(incident, state="escalated", deadline=None)
    note = f"nobody acknowledged it within {timing.escalate_seconds:g} s"
    return Step(after, _record(incident, after, now, SYSTEM, "escalate", note), "escalated")


def act(incident: Incident, action: str, person: str, *, now: datetime) -> Step | None:
    """A person acts.

    ``acknowledge``: I am on it (stops the deadline). ``resolve``: it is over. ``dismiss``: a false alarm, over.
    ``confirm``: it is real: a review becomes an alert that this person has acknowledged, and it goes out.

    Returns None where the incident is already so, which makes a second click harmless.

    Raises:
        IncidentError: when the incident is resolved, or the action is unknown.
    """
    wanted = _after(incident, action)
    if wanted == incident:
        return None
    if incident.state == "resolved":
        raise IncidentError(f"the incident is already resolved; it cannot {action} any more")
    page: Page | None = None
    if action == "confirm" and incident.severity == "review" and not incident.late:
        page = "alert"
    return Step(wanted, _record(incident, wanted, now, person, action, "", person=True), page)


def _after(incident: Incident, action: str) -> Incident:
    change = msgspec.structs.replace
    if action == "acknowledge":
        return change(incident, state="acknowledged", deadline=None)
    if action == "resolve":
        return change(incident, state="resolved", deadline=None)
    if action == "dismiss":
        return change(incident, state="resolved", deadline=None, verdict="false alarm")
    if action == "confirm":
        return change(incident, severity="alert", state="acknowledged", deadline=None, verdict="real")
    raise IncidentError(f"no action {action!r}; the actions are {', '.join(ACTIONS)}")


def _due(severity: str, now: datetime, timing: Timing) -> datetime:
    seconds = timing.review_seconds if severity == "review" else timing.escalate_seconds
    return now + timedelta(seconds=seconds)


def _record(
    before: Incident | None, after: Incident, at: datetime, by: str, action: str, note: str, *, person: bool = False
) -> Transition:
    described = "" if before is None else f"{before.severity} {before.state}"
    return Transition(
        at=at, by=by, person=person, action=action, before=described, after=f"{after.severity} {after.state}", note=note
    )
