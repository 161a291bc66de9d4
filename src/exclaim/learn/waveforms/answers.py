"""What a network on waveforms says of whole clips: the mean over pieces of those that are longer than it hears."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import nn

from exclaim.audio import read_audio
from exclaim.corpora.clip import Clip
from exclaim.features import SAMPLE_RATE
from exclaim.learn.examples import Example
from exclaim.learn.loop import answer
from exclaim.learn.recipe import Recipe
from exclaim.learn.validation import Answers, Validation
from exclaim.learn.waveforms.sound import padded, pieces

__all__ = ["WaveformValidation", "clip_outputs"]

_AT_ONCE = 16  # clips decoded, and pieces heard, at a time

Outputs = dict[str, np.ndarray]


def clip_outputs(
    network: nn.Module,
    clips: Sequence[Clip],
    seconds: float,
    device: torch.device,
    progress: Callable[[int, int], None] = lambda done, whole: None,
) -> Iterator[Outputs]:
    """Yield a network's outputs for each clip, in their order, as it is: nothing is drawn.

    Args:
        network: from (n, samples), NaN beyond a clip's end, to outputs.
        clips: that can be read, of any length.
        seconds: what the network hears at once; a longer clip's outputs are the mean over its pieces.
        device: where the network is.
        progress: called with (done, all).
    """
    samples = round(seconds * SAMPLE_RATE)
    for begin in range(0, len(clips), _AT_ONCE):
        group = clips[begin : begin + _AT_ONCE]
        cut = [(owner, piece) for owner, clip in enumerate(group) for piece in pieces(read_audio(clip.path), samples)]
        owners = np.array([owner for owner, _ in cut])
        parts = [
            answer(network, padded([piece for _, piece in cut[first : first + _AT_ONCE]]), device)
            for first in range(0, len(cut), _AT_ONCE)
        ]
        whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        for owner in range(len(group)):
            yield {name: values[owners == owner].mean(axis=0) for name, values in whole.items()}
        progress(min(begin + _AT_ONCE, len(clips)), len(clips))


class WaveformValidation(Validation):
    """The held-out clips of a recipe whose network hears waveforms, whole and as they are."""

    def __init__(self, recipe: Recipe, examples: Sequence[Example], seconds: float) -> None:
        """Take the validation part's examples, and what the network hears at once."""
        self._recipe = recipe
        self._examples = examples
        self._seconds = seconds
        self.speakers = sorted({e.clip.speaker_key for e in examples if e.clip.speaker_key})

    def answers(self, network: nn.Module, device: torch.device) -> dict[str, Answers]:
        """Return a network's answers by head; heads of which nothing is known here are left out."""
        clips = [example.clip for example in self._examples]
        outputs = list(clip_outputs(network, clips, self._seconds, device))
        found = {}
        for name in self._recipe.heads:
            known = [number for number, example in enumerate(self._examples) if example.weights[name] > 0]
            if known:
                labels = [int(self._examples[number].targets[name].argmax()) for number in known]
                found[name] = Answers(np.stack([outputs[number][name] for number in known]), np.array(labels))
        return found
