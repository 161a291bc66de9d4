import hashlib
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import httpx
import pytest

from exclaim.decide.access import check_access
from exclaim.decide.passwords import hash_password
from exclaim.errors import ConfigError

TOKEN = "an-edge-token"
DIGEST = hashlib.sha256(TOKEN.encode()).hexdigest()
PASSWORD = "correct horse"


@pytest.fixture(scope="module")
def people():
    return {"anna": hash_password(PASSWORD)}


@pytest.fixture
def guarded(serve, people):
    return serve(edges={"edge-1": DIGEST}, people=people)


def log_in(client, password=PASSWORD, name="anna"):
    return client.post("/login", data={"name": name, "password": password})


def token_of(client):
    page = client.get("/").text
    return page.split('name="csrf" value="')[1].split('"')[0]


PATHS = [
    ("GET", "/"),
    ("GET", "/v1/incidents"),
    ("GET", "/v1/decisions"),
    ("GET", "/v1/devices"),
    ("GET", "/v1/live"),
    ("GET", "/v1/openapi.json"),
    ("GET", "/v1/anything"),
    ("POST", "/v1/events"),
    ("POST", "/v1/heartbeats"),
    ("POST", "/v1/test-alarm"),
    ("POST", "/v1/incidents/1/acknowledge"),
    ("POST", "/devices/hall/mute"),
    ("POST", "/logout"),
]


@pytest.fixture(scope="module")
def locked(serve_once, people):
    """A guarded service that nobody gets into."""
    return serve_once(edges={"edge-1": DIGEST}, people=people)


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_without_a_credential_everything_is_denied(locked, method, path):
    response = locked.request(method, path)
    assert response.status_code == 401
    assert set(response.json()) == {"error"}


def test_an_edge_delivers_by_its_token_and_may_do_nothing_else(guarded, episode_of):
    guarded.headers["authorization"] = f"Bearer {TOKEN}"
    assert guarded.send_events(episode_of("negative")).status_code == 200
    assert guarded.get("/v1/incidents").status_code == 401
    for wrong in (f"Bearer {TOKEN}x", f"Basic {TOKEN}", f"Bearer {DIGEST}", "Bearer"):
        guarded.headers["authorization"] = wrong
        assert guarded.send_events(episode_of("negative")).status_code == 401


def test_a_person_logs_in_acts_with_the_token_and_logs_out(guarded):
    assert guarded.get("/", headers={"accept": "text/html"}).headers["location"] == "/login"
    answer = log_in(guarded)
    assert answer.status_code == 303
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    csrf = token_of(guarded)
    assert guarded.post("/v1/test-alarm").status_code == 403
    assert guarded.post("/v1/test-alarm", headers={"x-csrf-token": "wrong"}).status_code == 403
    assert guarded.post("/v1/test-alarm", headers={"x-csrf-token": csrf}).status_code == 201
    assert guarded.post("/incidents/1/acknowledge", data={"csrf": csrf}).status_code == 303
    case = guarded.get("/v1/incidents/1").json()
    assert (case["state"], case["history"][-1]["by"]) == ("acknowledged", "anna")
    assert guarded.post("/logout", data={"csrf": csrf}).status_code == 303
    assert guarded.get("/v1/incidents").status_code == 401


def test_a_wrong_login_is_refused_and_soon_limited(guarded):
    answers = [log_in(guarded, "wrong horse", name).status_code for name in ("anna", "nobody", "anna", "anna", "anna")]
    assert answers == [403] * 5
    assert log_in(guarded).status_code == 429  # also for the right password


def test_another_site_cannot_act_through_a_persons_browser(guarded):
    log_in(guarded)
    csrf = token_of(guarded)
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        answer = guarded.post("/v1/test-alarm", headers={"x-csrf-token": csrf, **headers})
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "other_site")


def test_open_loopback_refuses_other_sites_and_rebound_names(serve):
    client = serve()
    assert client.post("/v1/test-alarm", headers={"origin": "https://evil.example"}).status_code == 403
    assert client.post("/v1/test-alarm", headers={"sec-fetch-site": "same-site"}).status_code == 403
    assert client.get("/v1/incidents", headers={"host": "evil.example"}).status_code == 421
    assert client.get("/v1/incidents", headers={"host": "localhost:1"}).status_code == 200


def test_pages_carry_the_headers_that_hold_browsers(serve):
    client = serve()
    for path in ("/", "/v1/incidents", "/v1/nothing", "/static/main.js"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
    assert client.get("/v1/incidents").headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"host": "0.0.0.0"}, "tls_certificate and tls_key, decide.edges .*, decide.people"),
        ({"host": "192.168.1.5", "tls_certificate": "c", "tls_key": "k"}, "decide.edges"),
        ({"tls_key": "k"}, "belong together"),
        ({"edges": {"edge": "plain token"}}, "SHA-256 of its token"),
        ({"people": {"anna": "plain password"}}, "--hash-password"),
        ({"people": {"a" * 65: "x"}}, "1 to 64 characters"),
    ],
)
def test_a_configuration_that_opens_the_door_is_refused(config_of, options, message):
    with pytest.raises(ConfigError, match=message):
        check_access(config_of(**options))


def test_loopback_needs_nothing(config_of):
    for host in ("127.0.0.1", "::1", "localhost"):
        check_access(config_of(host=host))


def test_beyond_loopback_with_everything_is_allowed(config_of, people):
    options = {"tls_certificate": "c", "tls_key": "k", "edges": {"edge": DIGEST}, "people": people}
    check_access(config_of(host="0.0.0.0", **options))


def test_over_tls_the_cookie_is_secure(serve, people, tmp_path):
    certificate, key = make_certificate(tmp_path)
    with pytest.raises(ConfigError, match="tls_certificate"):
        serve(tls_certificate=str(tmp_path / "none"), tls_key=str(key))
    client = serve(tls_certificate=str(certificate), tls_key=str(key), people=people, edges={"edge": DIGEST})
    assert client.base_url.scheme == "https"
    with httpx.Client(base_url=client.base_url, verify=ssl.create_default_context(cafile=certificate)) as browser:
        cookie = log_in(browser).headers["set-cookie"]
        assert cookie.startswith("__Host-exclaim=")
        assert "Secure" in cookie
        assert "max-age" in browser.get("/health").headers["strict-transport-security"]


def make_certificate(folder):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "cert.pem", folder / "key.pem"
