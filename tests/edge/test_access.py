"""Who is let in, and how often."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exclaim.edge.access import Access, RateLimit
from exclaim.edge.answers import Refusal

DEVICES = {name: hashlib.sha256(f"token of {name}".encode()).hexdigest() for name in ("kitchen", "cellar")}


def access(devices: dict[str, str] | None = None, per_second: float = 100.0) -> Access:
    return Access(devices or {}, RateLimit(per_second, clock=lambda: 0.0))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_without_credentials_this_machine_is_let_in(host: str) -> None:
    assert access().admit(None, host) is None


@pytest.mark.parametrize("host", ["192.0.2.7", "0.0.0.0", "2001:db8::1", "edge.example", "", None])
def test_without_credentials_nobody_else_is(host: str | None) -> None:
    with pytest.raises(Refusal, match=r"set edge\.devices") as refused:
        access().admit("Bearer token of kitchen", host)
    assert refused.value.status == 403


def test_a_token_says_which_device_it_is() -> None:
    assert access(DEVICES).admit("Bearer token of kitchen", "192.0.2.7") == "kitchen"
    assert access(DEVICES).admit("bearer  token of cellar ", "192.0.2.7") == "cellar"


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic token of kitchen", "token of kitchen"])
def test_with_credentials_even_this_machine_needs_one(header: str | None) -> None:
    with pytest.raises(Refusal) as refused:
        access(DEVICES).admit(header, "127.0.0.1")
    assert (refused.value.status, refused.value.headers) == (401, {"www-authenticate": "Bearer"})


@given(st.text())
def test_no_other_token_is_let_in(token: str) -> None:
    with pytest.raises(Refusal):
        access(DEVICES).admit(f"Bearer {token}", "127.0.0.1")


def test_a_device_speaks_for_itself_alone() -> None:
    access(DEVICES).check("kitchen", "kitchen")
    with pytest.raises(Refusal, match="is kitchen's, the message says cellar"):
        access(DEVICES).check("kitchen", "cellar")


def test_a_burst_passes_and_a_flood_does_not() -> None:
    now = [0.0]
    rate = RateLimit(2.0, clock=lambda: now[0])
    for _ in range(4):
        rate.take("kitchen")
    with pytest.raises(Refusal, match="more than 2 requests per second") as refused:
        rate.take("kitchen")
    assert refused.value.status == 429
    rate.take("cellar")
    now[0] = 0.5
    rate.take("kitchen")
    with pytest.raises(Refusal):
        rate.take("kitchen")


@given(st.lists(st.floats(0, 0.3), max_size=60))
def test_over_any_time_no_more_passes_than_the_rate_and_one_burst(waits: list[float]) -> None:
    now, passed = 0.0, 0
    rate = RateLimit(5.0, clock=lambda: now)
    for wait in waits:
        now += wait
        try:
            rate.take("kitchen")
        except Refusal:
            continue
        passed += 1
    assert passed <= 10 + 5 * now + 1e-6


def test_names_that_are_made_up_do_not_fill_the_memory() -> None:
    rate = RateLimit(1.0, clock=lambda: 0.0)
    for number in range(5000):
        rate.take(f"device-{number}")
    assert len(rate._buckets) <= 4096
