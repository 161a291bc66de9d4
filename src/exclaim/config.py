"""One configuration file, checked as a whole before work starts."""

import json
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import yaml

from exclaim.errors import ConfigError
from exclaim.wire import Name

__all__ = [
    "Config",
    "DecideOptions",
    "EdgeOptions",
    "GateOptions",
    "SenseOptions",
    "SiteOptions",
    "WebhookOptions",
    "config_template",
    "load_config",
]

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]
Sentence = Annotated[str, msgspec.Meta(min_length=3, max_length=500)]
Profile = Literal["home", "care", "metro"]


class _Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every options struct."""


class SiteOptions(_Options, kw_only=True):
    """The place and the purpose: required, since they decide who is called and why sound is listened to."""

    name: Name
    context: Sentence  # where this runs: "a care home of 40 rooms"
    purpose: Sentence  # why: "to call staff when a resident screams"
    profile: Profile = "home"  # whom a negative scream alerts: health care, health care, police
    profiles: dict[str, Profile] = {}  # device name to its profile, where it differs from the site's
    time_zone: str = "UTC"  # IANA name, for screens only

    def profile_of(self, device: str) -> Profile:
        """Return the profile that a device's sounds are judged by."""
        return self.profiles.get(device, self.profile)


class GateOptions(_Options, kw_only=True):
    """Silence is not worth sending."""

    enabled: bool = True
    # dB of a frame's loudest band that opens the gate
    threshold_db: Annotated[float, msgspec.Meta(ge=-80, le=34)] = -45.0
    # stays open this long after the last loud frame: 2 s
    hold_frames: Annotated[int, msgspec.Meta(ge=0, le=3750)] = 125
    # sent from before the gate opened: 0.5 s
    preroll_frames: Annotated[int, msgspec.Meta(ge=0, le=188)] = 31


class SenseOptions(_Options, kw_only=True):
    """The device."""

    device: Name
    source: str = "mic"  # "mic", "mic:NAME", or a sound file's path
    synthesised: bool = False  # the file holds no recording; said wherever its sounds go
    real_time: bool = True  # a file is played at its own speed; otherwise as fast as it goes
    infer: Literal["device", "edge"] = "edge"  # device: only results leave; edge: frames leave
    edge_url: str = "http://127.0.0.1:8741"
    credential: str | None = None  # bearer token; required beyond loopback
    ca_file: str | None = None  # certificate authority of the edge's TLS certificate
    outbox: str = "memory"  # frames: "memory", or a path with seal_key_file
    seal_key_file: str | None = None  # 32 bytes in hexadecimal, kept elsewhere
    # frames are kept this long at most
    outbox_seconds: Annotated[float, msgspec.Meta(gt=0, le=86400)] = 3600.0
    results_outbox: str = "exclaim-device.sqlite"  # episodes of infer: device
    heartbeat_seconds: Seconds = 10.0
    gate: GateOptions = GateOptions()


class EdgeOptions(_Options, kw_only=True):
    """The edge server."""

    name: Name = "edge"
    host: str = "127.0.0.1"
    port: Port = 8741
    store: str = "exclaim-edge.sqlite"  # path of its SQLite file
    decide_url: str = "http://127.0.0.1:8742"
    credential: str | None = None  # bearer token towards the decision service
    ca_file: str | None = None
    devices: dict[str, str] = {}  # device name to SHA-256 of its bearer token; required beyond loopback
    tls_certificate: str | None = None
    tls_key: str | None = None
    heartbeat_seconds: Seconds = 10.0
    max_body_bytes: Annotated[int, msgspec.Meta(ge=1024, le=64 * 2**20)] = 4 * 2**20
    max_requests_per_second: Annotated[float, msgspec.Meta(gt=0)] = 50.0  # for each device


class WebhookOptions(_Options, kw_only=True):
    """A webhook, signed as Standard Webhooks."""

    url: str
    secret: str  # "whsec_" and base64


class DecideOptions(_Options, kw_only=True):
    """The decision service and its web page."""

    host: str = "127.0.0.1"
    port: Port = 8742
    store: str = "sqlite:///exclaim-decide.sqlite"  # SQLAlchemy URL: SQLite or PostgreSQL
    edges: dict[str, str] = {}  # edge name to SHA-256 of its bearer token; required beyond loopback
    people: dict[str, str] = {}  # operator name to scrypt hash of the password; required beyond loopback
    tls_certificate: str | None = None
    tls_key: str | None = None
    review_seconds: Seconds = 60.0  # an unsure detection alerts when nobody reviewed it by then
    escalate_seconds: Seconds = 120.0  # an alert that nobody acknowledged by then escalates
    late_seconds: Seconds = 900.0  # what arrives later than this opens as late and pages nobody
    silent_seconds: Seconds = 30.0  # no heartbeat for this long: silent
    dead_seconds: Seconds = 120.0  # and for this long: dead
    webhook: WebhookOptions | None = None  # off by default
    max_body_bytes: Annotated[int, msgspec.Meta(ge=1024, le=64 * 2**20)] = 2**20


class Config(_Options, kw_only=True):
    """The whole file; ``sense`` may name several devices: ``exclaim sense --device NAME`` runs one."""

    site: SiteOptions
    sense: tuple[SenseOptions, ...] = ()
    edge: EdgeOptions = EdgeOptions()
    decide: DecideOptions = DecideOptions()
    models: tuple[str, ...] = ("scream-detection", "scream-type")  # shipped names, or paths of model files
    model_pins: dict[str, str] = {}  # path to SHA-256, for models that are not shipped


def load_config(path: Path) -> Config:
    """Read and check a YAML configuration file.

    Raises:
        ConfigError: when unreadable, not YAML, with an unknown key, or with values that do not hold together.
    """
    try:
        text = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        hint = "`exclaim config init` writes one"
        raise ConfigError(f"configuration {path} cannot be read: {error}; {hint}") from error
    try:
        config = msgspec.convert(yaml.safe_load(text), Config)
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise ConfigError(f"configuration {path}: {error}") from error
    _check(config, path)
    return config


def _check(config: Config, path: Path) -> None:
    zone = config.site.time_zone
    try:
        if zone != "UTC":  # known even where no zone database is installed
            ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ConfigError(f"configuration {path}: site.time_zone {zone!r} is no IANA zone") from error
    names = [device.device for device in config.sense]
    for name in sorted(set(names)):
        if names.count(name) > 1:
            raise ConfigError(f"configuration {path}: sense names the device {name!r} more than once")


def config_template(site: SiteOptions, *, device: str, source: str) -> str:
    """Return the text of a commented configuration file for one device.

    Args:
        site: the place, the purpose and whom to call; its ``profiles`` and ``time_zone`` are not written.
        device: name of the device.
        source: "mic", "mic:NAME", or a sound file's path.
    """
    template = files("exclaim").joinpath("assets/config.yaml").read_text("utf-8")
    values = {
        "name": site.name,
        "context": site.context,
        "purpose": site.purpose,
        "profile": site.profile,
        "device": device,
        "source": source,
    }
    quoted = {key: json.dumps(value, ensure_ascii=False) for key, value in values.items()}
    return Template(template).substitute(quoted)
