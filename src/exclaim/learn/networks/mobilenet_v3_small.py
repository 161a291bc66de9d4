"""MobileNetV3-small, the network that the paper compares its student with.

Source: Howard et al., arXiv 1905.02244, table 2; the layout, names of the trunk and initialisation of
torchvision.models.mobilenet_v3_small. With three channels and one head of two classes it has 1,519,906
parameters.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from exclaim.errors import RecipeError
from exclaim.learn.networks.ends import Heads, View

__all__ = ["NETWORKS", "MobileNetV3Small"]

# Kernel, expanded channels, channels out, squeeze and excitation, hard-swish (else ReLU), stride.
_BLOCKS = (
    (3, 16, 16, True, False, 2),
    (3, 72, 24, False, False, 2),
    (3, 88, 24, False, False, 1),
    (5, 96, 40, True, True, 2),
    (5, 240, 40, True, True, 1),
    (5, 240, 40, True, True, 1),
    (5, 120, 48, True, True, 1),
    (5, 144, 48, True, True, 1),
    (5, 288, 96, True, True, 2),
    (5, 576, 96, True, True, 1),
    (5, 576, 96, True, True, 1),
)


def _layer(
    channels: int,
    out_channels: int,
    kernel: int,
    *,
    stride: int = 1,
    groups: int = 1,
    activation: type[nn.Module] | None = nn.Hardswish,
) -> nn.Sequential:
    """Convolution, batch normalisation, activation."""
    return nn.Sequential(
        nn.Conv2d(channels, out_channels, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(out_channels, eps=0.001, momentum=0.01),
        *([activation(inplace=True)] if activation else []),
    )


class _SqueezeExcitation(nn.Module):
    """Scale every channel by a gate that sees the mean of all channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        squeezed = max(8, (channels // 4 + 4) // 8 * 8)  # a quarter, rounded to a multiple of 8
        if squeezed < 0.9 * channels / 4:  # rounding down takes a tenth at most
            squeezed += 8
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        gate = torch.relu(self.fc1(x.mean(dim=(2, 3), keepdim=True)))
        return x * nn.functional.hardsigmoid(self.fc2(gate))


class _InvertedResidual(nn.Module):
    """Expand, filter each channel, squeeze and excite, project; beside a shortcut where the shape stays."""

    def __init__(
        self, channels: int, kernel: int, expanded: int, out: int, squeeze: bool, swish: bool, stride: int
    ) -> None:
        super().__init__()
        activation = nn.Hardswish if swish else nn.ReLU
        layers = [_layer(channels, expanded, 1, activation=activation)] if expanded != channels else []
        layers.append(_layer(expanded, expanded, kernel, stride=stride, groups=expanded, activation=activation))
        if squeeze:
            layers.append(_SqueezeExcitation(expanded))
        layers.append(_layer(expanded, out, 1, activation=None))
        self.block = nn.Sequential(*layers)
        self.shortcut = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        return x + self.block(x) if self.shortcut else self.block(x)


class MobileNetV3Small(nn.Module):
    """MobileNetV3-small over log-mel windows; the embedding has 1024 activations."""

    def __init__(
        self,
        heads: Mapping[str, int],
        *,
        in_channels: int = 3,
        pool: Sequence[int] = (1, 1),
        dropout: float = 0.2,
    ) -> None:
        """Build the network with random weights.

        Args:
            heads: head name to number of classes.
            in_channels: 3 as published (the log-mel three times), or 1: a first convolution of one channel.
            pool: cells (bands, frames) that are averaged before the first convolution.
            dropout: share of the embedding that is dropped before the heads in training.
        """
        super().__init__()
        if in_channels not in (1, 3):
            raise RecipeError(f"in_channels is {in_channels}; expected 1 or 3")
        self.in_channels = in_channels
        self.view = View(pool)
        features = [_layer(in_channels, 16, 3, stride=2)]
        channels = 16
        for kernel, expanded, out, squeeze, swish, stride in _BLOCKS:
            features.append(_InvertedResidual(channels, kernel, expanded, out, squeeze, swish, stride))
            channels = out
        self.features = nn.Sequential(*features, _layer(channels, 576, 1))
        self.dense = nn.Sequential(nn.Linear(576, 1024), nn.Hardswish(inplace=True))
        self.heads = Heads(1024, heads, dropout)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, 0, 0.01)
                nn.init.zeros_(module.bias)
        self.to(memory_format=torch.channels_last)

    def forward(self, log_mel: Tensor) -> dict[str, Tensor]:
        """Map (n, 128, 188) or (n, 1, 128, 188) to logits by head and ``embedding`` (n, 1024)."""
        image = self.view(log_mel).expand(-1, self.in_channels, -1, -1)
        return self.heads(self.dense(self.features(image).mean(dim=(2, 3))))


NETWORKS = {"mobilenet-v3-small": MobileNetV3Small}
