"""The network: a pretrained encoder of speech, a learned mean of its layers, pooling over time, and a recipe's heads.

Source: Baevski et al., wav2vec 2.0, arXiv 2006.11477; Hsu et al., HuBERT, arXiv 2106.07447; Chen et al., WavLM,
arXiv 2110.13900; the weighted layers are those of Yang et al., SUPERB, arXiv 2105.01051, section 3.
"""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from exclaim.errors import ModelError
from exclaim.learn.networks.ends import Heads
from exclaim.learn.waveforms.options import EncoderOptions
from exclaim.learn.waveforms.pretrained import Pretrained, transformers_version

__all__ = ["SpeechEncoder"]

_LEAST_VARIANCE = 1e-7  # so that silence is not divided by zero, as the networks were trained
# Layers left out or masked at random would come from generators that a run does not seed, and masks longer than a short
# clip are refused; what is drawn is drawn by the views.
_CALM: dict[str, Any] = {
    "apply_spec_augment": False,
    "mask_time_prob": 0.0,
    "mask_feature_prob": 0.0,
    "layerdrop": 0.0,
    "add_adapter": False,
}


class SpeechEncoder(nn.Module):
    """From waveforms to the logits of each head, and ``embedding``.

    A clip's answer does not depend on what it is padded with or how far: samples beyond its end are not heard, the
    frames that come of them are neither attended to nor pooled, and where the first convolution is normalised over
    time (``feat_extract_norm`` "group", as in the base networks) clips of different lengths go through the
    convolutions apart. So these may see masks that they were not trained with, for each clip is as if alone.
    """

    def __init__(self, heads: Mapping[str, int], pretrained: Pretrained, options: EncoderOptions) -> None:
        """Build the network with random weights.

        Args:
            heads: head name to its number of classes.
            pretrained: what the encoder is; :func:`~exclaim.learn.waveforms.pretrained.load_pretrained_weights` fills
                ``encoder``.
            options: of the recipe.

        Raises:
            ModelError: when transformers is not installed, or does not understand the configuration.
        """
        super().__init__()
        self.encoder = _encoder(pretrained)
        config = self.encoder.config
        self.normalise = pretrained.normalise
        self.frozen = options.frozen
        self._strides = tuple(zip(config.conv_kernel, config.conv_stride, strict=True))
        self._apart = config.feat_extract_norm == "group"
        self.mixture = nn.Parameter(torch.zeros(config.num_hidden_layers + 1))
        self.score = nn.Linear(config.hidden_size, 1) if options.pool == "attention" else None
        self.heads = Heads(config.hidden_size, heads, options.dropout)
        self.encoder.feature_extractor.requires_grad_(False)
        if options.frozen:
            self.encoder.requires_grad_(False)

    def train(self, mode: bool = True) -> "SpeechEncoder":
        """Set the mode; what is frozen stays as in evaluation."""
        super().train(mode)
        if self.frozen:
            self.encoder.eval()
        return self

    @property
    def least_samples(self) -> int:
        """How many samples make one frame; what is shorter is followed by silence up to here."""
        samples = 1
        for kernel, stride in reversed(self._strides):
            samples = (samples - 1) * stride + kernel
        return samples

    def frames(self, samples: Tensor) -> Tensor:
        """Return how many frames the convolutions make of so many samples."""
        for kernel, stride in self._strides:
            samples = torch.div(samples - kernel, stride, rounding_mode="floor") + 1
        return samples

    def forward(self, waveforms: Tensor) -> dict[str, Tensor]:
        """Map (n, samples) float32 at 16 kHz, NaN beyond a clip's end, to logits by head and ``embedding`` (n, d)."""
        samples, lengths = self._prepared(waveforms)
        features = self._features(samples, lengths)
        count = self.frames(lengths)
        heard = torch.arange(features.shape[1], device=count.device) < count[:, None]
        with torch.no_grad() if self.frozen else nullcontext():
            states = self._states(features, heard)
        shares = torch.softmax(self.mixture, 0)
        # each layer at one size, so that none counts for being large
        mixed = sum(
            share * functional.layer_norm(state.float(), state.shape[-1:])
            for share, state in zip(shares, states, strict=True)
        )
        return self.heads(self._pooled(mixed, heard))

    def _prepared(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        """Return samples with zeros beyond each clip's end, and how many of them are heard: one frame's at least."""
        inside = ~torch.isnan(waveforms)
        samples = torch.where(inside, waveforms, 0.0)
        lengths = inside.sum(dim=1)
        if self.normalise:
            count = lengths.clamp(min=1)[:, None]
            centred = torch.where(inside, samples - samples.sum(dim=1, keepdim=True) / count, 0.0)
            variance = centred.square().sum(dim=1, keepdim=True) / count
            samples = centred / torch.sqrt(variance + _LEAST_VARIANCE)
        short = self.least_samples - samples.shape[1]
        return functional.pad(samples, (0, max(0, short))), lengths.clamp(min=self.least_samples)

    @torch.no_grad()
    def _features(self, samples: Tensor, lengths: Tensor) -> Tensor:
        """Return (n, frames, channels) of the convolutions, which stay as they were published."""
        convolutions = self.encoder.feature_extractor
        if not self._apart:
            return convolutions(samples[:, : int(lengths.max())]).transpose(1, 2)
        found: Tensor | None = None
        for length in lengths.unique().tolist():
            alike = lengths == length
            made = convolutions(samples[alike, :length]).transpose(1, 2)
            if found is None:
                longest = int(self.frames(lengths.max()))
                found = made.new_zeros(len(samples), longest, made.shape[2])
            found[alike, : made.shape[1]] = made
        assert found is not None  # a batch has a clip
        return found

    def _states(self, features: Tensor, heard: Tensor) -> list[Tensor]:
        """Return what each layer of the transformer is given, and what the last one gives."""
        projected = self.encoder.feature_projection(features)
        first = projected[0] if isinstance(projected, tuple) else projected
        with _inputs(self.encoder.encoder.layers) as states, warnings.catch_warnings():
            # WavLM lays a mask of truth values beside its bias of numbers, which torch would have alike
            warnings.filterwarnings("ignore", "Support for mismatched key_padding_mask and attn_mask", UserWarning)
            last = self.encoder.encoder(first, attention_mask=heard)[0]
        return [*states, last]

    def _pooled(self, states: Tensor, heard: Tensor) -> Tensor:
        if self.score is None:
            shares = heard / heard.sum(dim=1, keepdim=True)
        else:
            scores = self.score(states).squeeze(2).float()
            shares = torch.softmax(scores.masked_fill(~heard, -torch.inf), dim=1)
        return (states * shares[:, :, None]).sum(dim=1)


def _encoder(pretrained: Pretrained) -> nn.Module:
    release = transformers_version()
    import transformers

    configs, models = {
        "wav2vec2": (transformers.Wav2Vec2Config, transformers.Wav2Vec2Model),
        "hubert": (transformers.HubertConfig, transformers.HubertModel),
        "wavlm": (transformers.WavLMConfig, transformers.WavLMModel),
    }[pretrained.kind]
    try:
        return models(configs.from_dict(pretrained.config | _CALM))
    except Exception as error:  # of many kinds, for a configuration can say anything
        raise ModelError(
            f"transformers {release} does not understand the {pretrained.kind}'s configuration "
            f"({str(error).splitlines()[0]}); fetch it again, or install another release"
        ) from error


@contextmanager
def _inputs(layers: nn.ModuleList) -> Iterator[list[Tensor]]:
    """Collect what each layer is given; by every release of transformers in the same way."""
    given: list[Tensor] = []
    hooks = [layer.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0])) for layer in layers]
    try:
        yield given
    finally:
        for hook in hooks:
            hook.remove()
