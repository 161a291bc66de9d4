"""The configuration file: what is written can be read, every option is shown, and nonsense is refused."""

import re
import socket
from pathlib import Path

import msgspec
import pytest
import yaml

from exclaim.config import (
    Config,
    DecideOptions,
    EdgeOptions,
    GateOptions,
    SenseOptions,
    SiteOptions,
    config_template,
    load_config,
)
from exclaim.errors import ConfigError
from exclaim.preflight import check_port, preflight

SITE = SiteOptions(name="oak", context="a care home of 40 rooms", purpose="to call staff", profile="care")


@pytest.fixture
def written(tmp_path) -> Path:
    path = tmp_path / "exclaim.yaml"
    path.write_text(config_template(SITE, device="room-1", source="mic"), "utf-8")
    return path


def edited(path: Path, **changes: object) -> Path:
    """Write a configuration again with dotted keys changed (``site__name``)."""
    tree = yaml.safe_load(path.read_text("utf-8"))
    for key, value in changes.items():
        *parents, last = key.split("__")
        branch = tree
        for parent in parents:
            branch = branch[int(parent)] if parent.isdigit() else branch[parent]
        branch[last] = value
    path.write_text(yaml.safe_dump(tree), "utf-8")
    return path


def test_the_template_is_the_defaults(written):
    config = load_config(written)
    assert config == Config(site=SITE, sense=(SenseOptions(device="room-1", source="mic"),))


def test_the_template_survives_awkward_words(tmp_path):
    site = SiteOptions(name="x", context='"quoted": {x} # not a comment', purpose="äöü\n$name ${profile}")
    path = tmp_path / "c.yaml"
    path.write_text(config_template(site, device="d", source="a: b.wav"), "utf-8")
    assert load_config(path).site == site


SECTIONS = {
    SiteOptions: "site:",
    SenseOptions: "sense:",
    GateOptions: "    # gate:",
    EdgeOptions: "edge:",
    DecideOptions: "decide:",
    Config: "",
}


@pytest.mark.parametrize("options", SECTIONS)
def test_the_template_shows_every_option_with_its_default(options):
    text = config_template(SITE, device="room-1", source="mic")
    text = text[text.index(f"\n{SECTIONS[options]}") :]
    for field in msgspec.structs.fields(options):
        shown = re.search(rf"^\W*{field.name}: *([^#\n]*)", text, re.MULTILINE)
        assert shown, f"{options.__name__}.{field.name} is not in assets/config.yaml"
        commented = text[: shown.start(1)].splitlines()[-1].lstrip().startswith("#")
        if commented and isinstance(field.default, str | int | float | type(None)):
            assert yaml.safe_load(shown[1]) == field.default, field.name


def test_uncommenting_everything_still_loads(written):
    text = written.read_text("utf-8")
    body = text[text.index("site:") :]
    written.write_text(re.sub(r"^( *)# (?=[a-z_ ]+:)", r"\1", body, flags=re.MULTILINE), "utf-8")
    config = load_config(written)
    assert config.sense[0].gate == GateOptions()
    assert config.decide == DecideOptions()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"site__colour": "red"}, "unknown field `colour`"),
        ({"site__profile": "castle"}, "castle"),
        ({"site__time_zone": "Mars/Olympus"}, "no IANA zone"),
        ({"site__name": "no spaces"}, "site.name"),
        ({"site__context": ""}, "site.context"),
        ({"edge__port": 70000}, "edge.port"),
        ({"sense__0__gate": {"threshold_db": 99}}, "threshold_db"),
        ({"sense": [{"device": "a"}, {"device": "a"}]}, "more than once"),
    ],
)
def test_what_does_not_hold_together_is_refused_with_its_place(written, changes, message):
    with pytest.raises(ConfigError, match=re.escape(message)) as caught:
        load_config(edited(written, **changes))
    assert str(written) in str(caught.value)


@pytest.mark.parametrize("missing", ["context", "purpose", "name"])
def test_context_and_purpose_are_required(written, missing):
    tree = yaml.safe_load(written.read_text("utf-8"))
    del tree["site"][missing]
    written.write_text(yaml.safe_dump(tree), "utf-8")
    with pytest.raises(ConfigError, match=f"missing required field `{missing}`"):
        load_config(written)


@pytest.mark.parametrize("content", [b"", b"[1, 2]", b"site: [", b"\xff\xfe\x00", b"site: &a [*a]"])
def test_what_is_no_configuration_is_refused(tmp_path, content):
    path = tmp_path / "c.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=re.escape(str(path))):
        load_config(path)


def test_an_absent_file_says_how_to_write_one(tmp_path):
    with pytest.raises(ConfigError, match="config init"):
        load_config(tmp_path / "none.yaml")


def failures(config: Config, folder: Path) -> str:
    return "\n".join(finding.text for finding in preflight(config, folder) if not finding.holds)


def test_preflight_names_each_thing_that_does_not_hold(tmp_path):
    (tmp_path / "words.wav").write_text("this is text")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        config = Config(
            site=SITE,
            sense=(
                SenseOptions(device="a", source="none.wav", edge_url="http://edge.example:1"),
                SenseOptions(device="b", source="words.wav", outbox="frames.sqlite"),
            ),
            edge=EdgeOptions(port=taken.getsockname()[1], store="no/such/folder/edge.sqlite", ca_file="ca.pem"),
            decide=DecideOptions(host="0.0.0.0", port=0),
            models=("no-such-model",),
        )
        text = failures(config, tmp_path)
    for part in (
        "none.wav",
        "words.wav",
        "plain http beyond this machine",
        "seal_key_file",
        "stop what uses the port",
        "its folder does not exist",
        "ca.pem cannot be read",
        "decide.tls_certificate",
        "no-such-model",
    ):
        assert part in text


def test_preflight_passes_a_configuration_that_holds(tmp_path):
    config = Config(
        site=SITE,
        sense=(SenseOptions(device="a", infer="device", source="mic"),),
        edge=EdgeOptions(port=0),
        decide=DecideOptions(port=0),
        models=(),
    )
    findings = preflight(config, tmp_path)
    assert [finding.text for finding in findings if not finding.holds and "device` extra" not in finding.text] == []
    assert {finding.part for finding in findings} == {"site", "sense.a", "edge", "decide"}


def test_profiles_of_unknown_devices_are_named(tmp_path):
    site = msgspec.structs.replace(SITE, profiles={"cellar": "metro"})
    config = Config(site=site, sense=(SenseOptions(device="a"),), models=())
    assert "cellar" in failures(config, tmp_path)


def test_a_port_in_use_is_a_sentence():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"page cannot listen on 127.0.0.1 port {port}: .*stop what uses"):
            check_port("127.0.0.1", port, "page")
    check_port("127.0.0.1", 0, "page")
