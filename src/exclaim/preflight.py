"""What a configuration needs of this machine, looked at before anything starts."""

import importlib.util
import os
import socket
from collections.abc import Callable
from pathlib import Path

import msgspec

from exclaim.audio import probe
from exclaim.config import Config, DecideOptions, EdgeOptions, SenseOptions
from exclaim.errors import ConfigError, ExclaimError
from exclaim.model import load_model
from exclaim.transport import check_url, is_loopback

__all__ = ["Finding", "check_port", "preflight"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at."""

    part: str  # "site", "sense.kitchen", "edge", "decide", "models"
    holds: bool
    text: str  # what was found; where it does not hold, what was expected and what to do


def preflight(config: Config, folder: Path) -> tuple[Finding, ...]:
    """Look at everything that a configuration names, in the order of the file.

    Args:
        config: what was read.
        folder: where relative paths start; for the services it is the working folder.
    """
    site = config.site
    checks: list[tuple[str, str, Callable[[], None]]] = [
        ("site", f"{site.name}: {site.context}; {site.purpose}", lambda: _check_profiles(config))
    ]
    for device in config.sense:
        checks += _sense_checks(device, config, folder)
    checks += _edge_checks(config.edge, folder) + _decide_checks(config.decide, folder)
    checks += [("models", f"{name} is verified", _model_check(name, config)) for name in config.models]
    return tuple(_look(*check) for check in checks)


def check_port(host: str, port: int, what: str) -> None:
    """Raise where a port cannot be listened on.

    Args:
        host: the address that a service will bind.
        port: 0 is any free port, and always holds.
        what: the service, for the message.

    Raises:
        ConfigError: when the port is taken or not allowed, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind((host, port))
        except OSError as error:
            raise ConfigError(
                f"the {what} cannot listen on {host} port {port}: {error.strerror}; "
                "stop what uses the port, or give another one"
            ) from error


def _look(part: str, text: str, check: Callable[[], None]) -> Finding:
    try:
        check()
    except ExclaimError as error:
        return Finding(part=part, holds=False, text=str(error))
    return Finding(part=part, holds=True, text=text)


def _check_profiles(config: Config) -> None:
    unknown = sorted(set(config.site.profiles) - {device.device for device in config.sense})
    if unknown and config.sense:
        raise ConfigError(
            f"site.profiles names {', '.join(unknown)}, which sense does not have; correct the name, or add the device"
        )


def _sense_checks(device: SenseOptions, config: Config, folder: Path) -> list[tuple]:
    part = f"sense.{device.device}"
    checks: list[tuple] = [
        (part, f"source {device.source}", lambda: _check_source(device.source, folder)),
        (
            part,
            f"sends to {device.edge_url}",
            lambda: check_url(device.edge_url, credential=device.credential, name="edge_url"),
        ),
    ]
    for name in ("ca_file", "seal_key_file"):
        checks += _file_check(part, name, getattr(device, name), folder)
    if device.outbox != "memory":
        checks.append((part, f"outbox {device.outbox}", lambda: _check_outbox(device, folder)))
    if device.infer == "device":
        store = folder / device.results_outbox
        checks.append((part, f"results_outbox {store}", lambda: _check_store(store, "results_outbox")))
    if is_loopback(config.edge.host) is False and not config.edge.devices.get(device.device):
        text = f"edge.devices has no token's SHA-256 for {device.device}; add it, since the edge is not local"
        checks.append((part, "", lambda: _fail(text)))
    return checks


def _edge_checks(edge: EdgeOptions, folder: Path) -> list[tuple]:
    store = folder / edge.store
    return [
        ("edge", f"port {edge.port} is free", lambda: check_port(edge.host, edge.port, "edge server")),
        ("edge", f"store {store}", lambda: _check_store(store, "edge.store")),
        (
            "edge",
            f"sends to {edge.decide_url}",
            lambda: check_url(edge.decide_url, credential=edge.credential, name="edge.decide_url"),
        ),
        ("edge", *_exposure(edge.host, edge.tls_certificate, edge.tls_key, "edge", "devices", edge.devices)),
        *_file_check("edge", "ca_file", edge.ca_file, folder),
        *_file_check("edge", "tls_certificate", edge.tls_certificate, folder),
        *_file_check("edge", "tls_key", edge.tls_key, folder),
    ]


def _decide_checks(decide: DecideOptions, folder: Path) -> list[tuple]:
    checks: list[tuple] = [
        (
            "decide",
            f"port {decide.port} is free",
            lambda: check_port(decide.host, decide.port, "decision service"),
        ),
        (
            "decide",
            *_exposure(decide.host, decide.tls_certificate, decide.tls_key, "decide", "people", decide.people),
        ),
        *_file_check("decide", "tls_certificate", decide.tls_certificate, folder),
        *_file_check("decide", "tls_key", decide.tls_key, folder),
    ]
    if decide.store.startswith("sqlite:///"):
        store = folder / decide.store.removeprefix("sqlite:///")
        checks.append(("decide", f"store {store}", lambda: _check_store(store, "decide.store")))
    if decide.webhook is not None:
        url = decide.webhook.url
        checks.append(("decide", f"webhook {url}", lambda: check_url(url, credential="signed", name="webhook")))
    return checks


def _exposure(
    host: str, certificate: str | None, key: str | None, part: str, field: str, tokens: dict[str, str]
) -> tuple[str, Callable[[], None]]:
    """A service beyond loopback needs TLS and a credential for each peer."""

    def check() -> None:
        if is_loopback(host):
            return
        if not (certificate and key):
            _fail(f"{part}.host {host} is beyond this machine; set {part}.tls_certificate and {part}.tls_key")
        if not tokens:
            _fail(f"{part}.host {host} is beyond this machine; {part}.{field} must name who may come in")

    return ("listens on this machine only" if is_loopback(host) else f"listens on {host} over TLS", check)


def _check_source(source: str, folder: Path) -> None:
    if source != "mic" and not source.startswith("mic:"):
        probe(folder / source)
    elif importlib.util.find_spec("sounddevice") is None:
        _fail(f"source {source} needs the `device` extra: pip install 'exclaim[device]'")


def _check_outbox(device: SenseOptions, folder: Path) -> None:
    if not device.seal_key_file:
        _fail(f"outbox {device.outbox} holds frames on disk; set seal_key_file, or outbox: memory")
    _check_store(folder / device.outbox, "outbox")


def _check_store(path: Path, name: str) -> None:
    target = path if path.exists() else path.parent
    if path.is_dir():
        _fail(f"{name} {path} is a folder; expected a file")
    if not path.parent.is_dir():
        _fail(f"{name} {path}: its folder does not exist; make it")
    if not os.access(target, os.W_OK):
        _fail(f"{name} {path} cannot be written; give this user the right to")


def _file_check(part: str, name: str, value: str | None, folder: Path) -> list[tuple]:
    if value is None:
        return []

    def check() -> None:
        if not os.access(folder / value, os.R_OK) or (folder / value).is_dir():
            _fail(f"{part}: {name} {value} cannot be read; expected a file")

    return [(part, f"{name} {value}", check)]


def _model_check(name: str, config: Config) -> Callable[[], None]:
    return lambda: load_model(name, pin=config.model_pins.get(name)) and None


def _fail(text: str) -> None:
    raise ConfigError(text)
