"""A device that is not there is told in a sentence."""

import pytest

from exclaim.errors import RecipeError
from exclaim.learn.device import fabric_on


def test_a_processor_is_always_there() -> None:
    assert fabric_on("cpu").device.type == "cpu"


def test_a_device_that_nobody_knows_is_refused() -> None:
    with pytest.raises(RecipeError, match="accelerator 'abacus' cannot be used"):
        fabric_on("abacus")
