"""Where pretrained networks are looked for."""

from pathlib import Path

from exclaim.learn.embeddings.models_root import models_root


def test_what_is_given_wins_over_the_environment_and_that_over_the_default():
    assert models_root(Path("here"), {"EXCLAIM_MODELS": "there"}) == Path("here")
    assert models_root(None, {"EXCLAIM_MODELS": "there"}) == Path("there")
    assert models_root(None, {"EXCLAIM_MODELS": ""}).parts[-2:] == ("shared", "models")
