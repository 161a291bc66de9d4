"""What depthwise-separable networks for log-mel are built of: the change channel, convolutions, blocks.

Source: depthwise-separable convolutions, Howard et al. arXiv 1704.04861.
"""

import torch
from torch import Tensor, nn

__all__ = ["SeparableBlock", "convolution", "with_change"]


def with_change(image: Tensor) -> Tensor:
    """Map (n, 1, bands, frames) to (n, 2, bands, frames): each band, and it relative to its mean over the window."""
    return torch.cat([image, image - image.mean(dim=3, keepdim=True)], dim=1)


def convolution(channels: int, out_channels: int, kernel: int, **options: object) -> list[nn.Module]:
    """Convolution without bias, "same" padding, and batch normalisation."""
    return [
        nn.Conv2d(channels, out_channels, kernel, padding=kernel // 2, bias=False, **options),
        nn.BatchNorm2d(out_channels),
    ]


class SeparableBlock(nn.Module):
    """Depthwise, then pointwise convolution, beside a shortcut where the shape stays."""

    def __init__(self, channels: int, out_channels: int, kernel: int, stride: tuple[int, int] = (1, 1)) -> None:
        """Take the channels in and out, the kernel's side, and the stride (bands, frames)."""
        super().__init__()
        self.convolutions = nn.Sequential(
            *convolution(channels, channels, kernel, stride=stride, groups=channels),
            nn.ReLU(inplace=True),
            *convolution(channels, out_channels, 1),
        )
        self.shortcut = stride == (1, 1) and channels == out_channels
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, channels, bands, frames) to (n, out_channels, bands / stride, frames / stride)."""
        y = self.convolutions(x)
        return self.relu(y + x if self.shortcut else y)
