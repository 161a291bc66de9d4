"""exclaim model show, threshold, pin, sign."""

import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from typer.testing import CliRunner

from exclaim.card import CorpusUse, Metric, Parent
from exclaim.commands.model import app
from exclaim.errors import ModelError
from exclaim.model import load_model, pin, pin_of


@pytest.fixture
def tiny(tmp_path, make_model):
    metric = Metric(
        task="scream-type", name="uar", value=0.7123, interval=(0.68, 0.74), data="test speakers", protocol="clips"
    )
    path = make_model(
        tmp_path / "tiny.onnx",
        metrics=(metric,),
        corpora=(CorpusUse(name="emogator", licence="Apache-2.0"),),
        parents=(Parent(name="teacher", sha256="ab" * 32),),
    )
    (tmp_path / "models.json").unlink()
    return path


def run(*arguments) -> str:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_show_says_what_the_model_is_without_trusting_it(tiny):
    text = run("show", tiny)
    assert "scream-detection: other, scream; temperature 1; opens at 0.5, closes below 0.3" in text
    assert "emogator (Apache-2.0)" in text
    assert "scream-type uar 0.712 [0.680, 0.740] on test speakers" in text
    assert "teacher " + "ab" * 32 in text
    assert "Not a medical or safety device" in text


def test_show_as_json_is_the_card(tiny):
    card = json.loads(run("show", tiny, "--json"))
    assert card["name"] == "tiny"
    assert card["heads"][1]["abstain_below"] == 0.6


def test_pin_makes_it_load(tiny):
    with pytest.raises(ModelError, match="nothing vouches"):
        load_model(tiny)
    assert pin_of(tiny) in run("pin", tiny)
    assert load_model(tiny).card.name == "tiny"


def test_sign_makes_it_load_for_those_who_trust_the_key(tiny, tmp_path):
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "key.pem").write_bytes(pem)
    text = run("sign", tiny, "--key", tmp_path / "key.pem")
    assert load_model(tiny, trusted_keys=(text.split()[-1],)).card.name == "tiny"


def test_what_is_damaged_is_neither_pinned_nor_signed(tiny, tmp_path):
    tiny.write_bytes(tiny.read_bytes()[:-1])
    for arguments in (["pin", tiny], ["sign", tiny, "--key", tmp_path / "key.pem"]):
        with pytest.raises(ModelError, match="damaged"):
            run(*arguments)
    assert not (tmp_path / "models.json").exists()


def test_a_key_that_is_not_there_is_named(tiny, tmp_path):
    with pytest.raises(ModelError, match=r"signing key .*gone\.pem cannot be read"):
        run("sign", tiny, "--key", tmp_path / "gone.pem")


def test_a_threshold_is_set_in_the_old_proportion_and_what_hung_on_it_is_dropped(tiny):
    pin(tiny)
    before = load_model(tiny).card
    run("threshold", tiny, "0.8", "--version", "2-site")
    after = load_model(tiny).card
    assert (after.version, after.heads[0].thresholds.on) == ("2-site", 0.8)
    assert after.heads[0].thresholds.off == pytest.approx(0.48)
    assert after.heads[1:] == before.heads[1:]
    assert after.metrics == before.metrics, "the type's figures do not hang on the detection's threshold"


def test_a_threshold_that_closes_above_where_it_opens_is_refused(tiny):
    pin(tiny)
    kept = tiny.read_bytes()
    with pytest.raises(ModelError):
        run("threshold", tiny, "0.3", "--off", "0.5", "--version", "2")
    assert tiny.read_bytes() == kept
