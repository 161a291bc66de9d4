"""Over TLS with credentials, as beyond one machine: the device trusts the edge's authority and no other."""

import hashlib
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from .conftest import House, Receiver, ended_well, listened


def certificate(folder: Path, name: str) -> tuple[str, str]:
    """Write a certificate for this machine that vouches for itself, and its key; return their paths."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / f"{name}.pem", folder / f"{name}.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return str(paths[0]), str(paths[1])


def test_frames_leave_over_tls_to_the_edge_that_was_meant(house: House, receiver: Receiver, scene: Path) -> None:
    mine, key = certificate(house.folder, "edge")
    other, _ = certificate(house.folder, "other")
    house.options["edge"] = {
        "tls_certificate": mine,
        "tls_key": key,
        "devices": {"kitchen": hashlib.sha256(b"secret").hexdigest()},
    }
    edge = house.start("edge", "--config", str(house.config()))
    while "ready on https://" not in (line := edge.stdout.readline()):
        assert line, "the edge did not start"
    url = house.edge_url.replace("http:", "https:")
    house.options["sense"] = {"source": str(scene), "edge_url": url, "credential": "secret", "ca_file": other}
    fooled = house.sense()
    while "CERTIFICATE_VERIFY_FAILED" not in (line := fooled.stdout.readline()):
        assert line, "the device ended"
    assert fooled.poll() is None  # it keeps what it has, and tries again
    fooled.terminate()
    fooled.wait(60)
    assert receiver.events == {}
    ended_well(house.sense(ca_file=mine))
    receiver.wait(lambda r: [e["state"] for e in r.episodes()] == ["closed"] * 4)
    assert receiver.episodes() == listened(scene, house.models[0])
