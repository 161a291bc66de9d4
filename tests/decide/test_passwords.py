from datetime import UTC, datetime, timedelta

import pytest

from exclaim.decide.limits import Buckets
from exclaim.decide.passwords import check_hash, hash_password, verify_password
from exclaim.decide.sessions import (
    end_session,
    find_session,
    forget_old_sessions,
    is_worth_touching,
    start_session,
    touch_session,
)
from exclaim.errors import ConfigError

NOW = datetime(2025, 3, 1, 1, 0, tzinfo=UTC)


def test_a_password_is_known_again_and_no_other():
    text = hash_password("correct horse")
    check_hash("anna", text)
    assert verify_password("correct horse", text)
    assert not verify_password("correct house", text)
    assert text != hash_password("correct horse")  # salted


def test_the_hash_is_scrypt_as_rfc_7914_has_it():
    # RFC 7914, section 12: scrypt("pleaseletmein", "SodiumChloride", N=16384, r=8, p=1), first 32 of 64 bytes
    known = "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
    assert verify_password("pleaseletmein", f"scrypt:16384:8:1:{b'SodiumChloride'.hex()}:{known}")


@pytest.mark.parametrize("text", ["", "secret", "scrypt:2:8:1:00:00", "scrypt:16385:8:1:00:" + "0" * 64, "a:b:c:d:e:f"])
def test_what_is_no_hash_is_a_sentence(text):
    with pytest.raises(ConfigError, match=r"decide\.people\.anna should be the output of"):
        check_hash("anna", text)


def test_a_short_password_is_refused():
    with pytest.raises(ConfigError, match="use 8 or more"):
        hash_password("short")


def test_a_session_lives_while_it_is_used_and_ends_when_told(store):
    with store.write() as connection:
        token = start_session(connection, "anna", NOW)
        session = find_session(connection, token, NOW + timedelta(hours=13))
        assert session.person == "anna"
        assert not is_worth_touching(session, NOW + timedelta(seconds=59))
        assert is_worth_touching(session, NOW + timedelta(hours=13))
        touch_session(connection, token, NOW + timedelta(hours=13))
        assert find_session(connection, token, NOW + timedelta(hours=26)) is not None
        assert find_session(connection, token, NOW + timedelta(hours=28)) is None
        assert find_session(connection, "guess", NOW) is None
        end_session(connection, token)
        assert find_session(connection, token, NOW) is None
        old = start_session(connection, "ben", NOW)
        forget_old_sessions(connection, NOW + timedelta(days=2))
        assert find_session(connection, old, NOW) is None


def test_buckets_allow_a_burst_and_then_a_rate():
    now = [0.0]
    buckets = Buckets(0.5, 3, lambda: now[0])
    assert [buckets.take("a") for _ in range(4)] == [True, True, True, False]
    assert buckets.take("b")
    now[0] = 2.0
    assert [buckets.take("a") for _ in range(2)] == [True, False]
    for number in range(10_000):  # strangers cannot make it grow
        buckets.take(str(number))
    assert len(buckets._left) <= 4096
