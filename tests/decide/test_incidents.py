from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exclaim.decide.incidents import (
    ACTIONS,
    SYSTEM,
    IncidentError,
    Timing,
    act,
    open_incident,
    pass_deadline,
    revise,
)
from exclaim.decide.rules import rank_of

NOW = datetime(2025, 3, 1, 1, 0, tzinfo=UTC)
TIMING = Timing(review_seconds=60, escalate_seconds=120)
URGENCY = {"resolved": 0, "acknowledged": 1, "open": 2, "escalated": 3}


def opened(severity="alert", late=False):
    return open_incident(severity, now=NOW, late=late, timing=TIMING)


def test_an_alert_pages_at_once_and_escalates_when_nobody_answers():
    step = opened()
    assert step.page == "alert"
    assert step.incident.deadline == NOW + timedelta(seconds=120)
    assert pass_deadline(step.incident, now=NOW + timedelta(seconds=119), timing=TIMING) is None
    later = pass_deadline(step.incident, now=NOW + timedelta(seconds=120), timing=TIMING)
    assert (later.incident.state, later.page, later.incident.deadline) == ("escalated", "escalated", None)
    assert later.transition.note == "nobody acknowledged it within 120 s"


def test_a_review_alerts_when_nobody_judges_it():
    step = opened("review")
    assert step.page is None
    later = pass_deadline(step.incident, now=NOW + timedelta(hours=3), timing=TIMING)
    assert (later.incident.severity, later.incident.state, later.page) == ("alert", "open", "alert")
    assert later.incident.deadline == NOW + timedelta(hours=3, seconds=120)  # people get their time after a downtime


def test_a_late_one_has_no_deadline_and_pages_nobody():
    for severity in ("review", "alert"):
        step = opened(severity, late=True)
        assert (step.page, step.incident.deadline) == (None, None)
    assert revise(opened("review", late=True).incident, "alert", now=NOW, timing=TIMING).page is None
    assert act(opened("review", late=True).incident, "confirm", "anna", now=NOW).page is None


def test_acknowledging_stops_the_deadline_and_records_who_and_when():
    step = act(opened().incident, "acknowledge", "anna", now=NOW + timedelta(seconds=5))
    assert (step.incident.state, step.incident.deadline, step.page) == ("acknowledged", None, None)
    record = step.transition
    assert (record.by, record.person, record.at) == ("anna", True, NOW + timedelta(seconds=5))
    assert (record.before, record.after) == ("alert open", "alert acknowledged")


def test_a_second_click_is_harmless_and_a_resolved_incident_stays_so():
    acknowledged = act(opened().incident, "acknowledge", "anna", now=NOW).incident
    assert act(acknowledged, "acknowledge", "ben", now=NOW) is None
    resolved = act(acknowledged, "dismiss", "anna", now=NOW).incident
    assert (resolved.state, resolved.verdict) == ("resolved", "false alarm")
    assert act(resolved, "resolve", "ben", now=NOW) is None
    with pytest.raises(IncidentError, match="already resolved"):
        act(resolved, "acknowledge", "ben", now=NOW)
    with pytest.raises(IncidentError, match="no action 'shout'"):
        act(resolved, "shout", "ben", now=NOW)


def test_a_person_who_confirms_a_review_makes_it_an_alert_that_goes_out():
    step = act(opened("review").incident, "confirm", "anna", now=NOW)
    after = step.incident
    assert (after.severity, after.state, after.verdict, step.page) == ("alert", "acknowledged", "real", "alert")
    assert act(opened().incident, "confirm", "anna", now=NOW).page is None  # an alert went out when it opened


def test_a_stronger_revision_asks_again_even_after_a_person_dismissed_the_weaker_one():
    dismissed = act(opened("review").incident, "dismiss", "anna", now=NOW).incident
    step = revise(dismissed, "alert", now=NOW, timing=TIMING)
    assert (step.incident.severity, step.incident.state, step.incident.verdict) == ("alert", "open", None)
    assert step.page == "alert"


def test_a_weaker_or_equal_revision_changes_nothing():
    for severity in ("record", "review", "alert"):
        assert revise(opened("alert").incident, severity, now=NOW, timing=TIMING) is None


MOVES = st.one_of(
    st.tuples(st.just("revise"), st.sampled_from(["record", "review", "alert"])),
    st.tuples(st.just("wait"), st.integers(0, 300)),
    st.tuples(st.just("act"), st.sampled_from(ACTIONS)),
)


@given(st.sampled_from(["review", "alert"]), st.booleans(), st.lists(MOVES, max_size=12))
def test_only_a_person_takes_urgency_away(severity, late, moves):
    incident, now = opened(severity, late).incident, NOW
    for kind, value in moves:
        if kind == "revise":
            step = revise(incident, value, now=now, timing=TIMING)
        elif kind == "wait":
            now += timedelta(seconds=value)
            step = pass_deadline(incident, now=now, timing=TIMING)
        else:
            try:
                step = act(incident, value, "anna", now=now)
            except IncidentError:
                assert incident.state == "resolved"
                step = None
        if step is None:
            continue
        after, record = step.incident, step.transition
        assert (record.person, record.by) == ((True, "anna") if kind == "act" else (False, SYSTEM))
        assert record.at == now
        assert (record.before, record.after) == tuple(f"{one.severity} {one.state}" for one in (incident, after))
        if kind != "act":
            more_severe = rank_of(after.severity) > rank_of(incident.severity)
            assert more_severe or URGENCY[after.state] > URGENCY[incident.state]
        assert rank_of(after.severity) >= rank_of(incident.severity)
        assert after.late == late
        assert not (late and (step.page or after.deadline))
        assert after.deadline is None or (after.state == "open" and after.deadline > now)
        incident = after
    assert incident.deadline is None or pass_deadline(incident, now=incident.deadline, timing=TIMING) is not None


@given(st.sampled_from(["review", "alert"]), st.integers(0, 1000))
def test_a_passed_deadline_is_taken_once(severity, seconds):
    now = NOW + timedelta(seconds=seconds)
    step = pass_deadline(opened(severity).incident, now=now, timing=TIMING)
    if step is not None:
        assert pass_deadline(step.incident, now=now, timing=TIMING) is None
