"""What the MobileNetV3 family is built of: convolution layers, gates on channels, inverted residual blocks.

Source: Howard et al., arXiv 1905.02244; layout, names and initialisation as in torchvision.models.mobilenetv3.
"""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor, nn

__all__ = ["BlockShape", "InvertedResidual", "convolution_layer", "divisible", "draw_weights", "trunk"]


class BlockShape(NamedTuple):
    """One line of the paper's tables."""

    kernel: int
    expanded: int  # channels within the block
    out: int  # channels
    squeeze: bool  # squeeze and excitation
    swish: bool  # hard-swish, else ReLU
    stride: int


def divisible(channels: float, divisor: int = 8) -> int:
    """Return the multiple of ``divisor`` nearest to ``channels``: at least one of it, and at most a tenth less."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded if rounded >= 0.9 * channels else rounded + divisor


def convolution_layer(
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
        squeezed = divisible(channels // 4)
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        gate = torch.relu(self.fc1(x.mean(dim=(2, 3), keepdim=True)))
        return x * nn.functional.hardsigmoid(self.fc2(gate))


class InvertedResidual(nn.Module):
    """Expand, filter each channel, squeeze and excite, project; beside a shortcut where the shape stays."""

    def __init__(self, channels: int, shape: BlockShape) -> None:
        """Take the channels that come in and the block's shape."""
        super().__init__()
        kernel, expanded, out, squeeze, swish, stride = shape
        activation = nn.Hardswish if swish else nn.ReLU
        layers = [convolution_layer(channels, expanded, 1, activation=activation)] if expanded != channels else []
        layers.append(
            convolution_layer(expanded, expanded, kernel, stride=stride, groups=expanded, activation=activation)
        )
        if squeeze:
            layers.append(_SqueezeExcitation(expanded))
        layers.append(convolution_layer(expanded, out, 1, activation=None))
        self.block = nn.Sequential(*layers)
        self.shortcut = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels, bands, frames) to (n, out, bands / stride, frames / stride)."""
        return x + self.block(x) if self.shortcut else self.block(x)


def trunk(in_channels: int, channels: int, shapes: Iterable[BlockShape], last: int) -> nn.Sequential:
    """Return the convolutions of a network: a first one of stride 2, the blocks, a last one of 1 x 1.

    Args:
        in_channels: of the image.
        channels: after the first convolution.
        shapes: of the blocks.
        last: channels at the end.
    """
    layers: list[nn.Module] = [convolution_layer(in_channels, channels, 3, stride=2)]
    for shape in shapes:
        layers.append(InvertedResidual(channels, shape))
        channels = shape.out
    return nn.Sequential(*layers, convolution_layer(channels, last, 1))


def draw_weights(network: nn.Module) -> None:
    """Draw first weights as torchvision does, from torch's global generator."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0, 0.01)
            nn.init.zeros_(module.bias)
