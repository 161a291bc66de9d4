"""ResNet-18, the teacher: torchvision's network behind a convolution from one channel to three.

Source: He et al., arXiv 1512.03385; the layout, names and initialisation of torchvision.models.resnet18, so
that its weights fit. With one head of two classes it has 11,177,616 parameters, as Malik et al. (arXiv
2305.00725) count their teacher: 11,177,538 and 78 of the first convolution (5 x 5, with bias).
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from exclaim.learn.networks.ends import Heads, View

__all__ = ["NETWORKS", "ResNet18"]


class _Block(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut."""

    def __init__(self, channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out_channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.downsample = None
        if stride != 1 or channels != out_channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        y = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(y)) + shortcut)


class ResNet18(nn.Module):
    """ResNet-18 over log-mel windows; the embedding has 512 activations."""

    def __init__(self, heads: Mapping[str, int], *, pool: Sequence[int] = (1, 1), dropout: float = 0.0) -> None:
        """Build the network with random weights.

        Args:
            heads: head name to number of classes.
            pool: cells (bands, frames) that are averaged before the first convolution; (2, 2) trains about
                four times faster.
            dropout: share of the embedding that is dropped before the heads in training.
        """
        super().__init__()
        self.view = View(pool)
        self.colour = nn.Conv2d(1, 3, 5, padding=2)
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = nn.Sequential(_Block(64, 64, 1), _Block(64, 64, 1))
        self.layer2 = nn.Sequential(_Block(64, 128, 2), _Block(128, 128, 1))
        self.layer3 = nn.Sequential(_Block(128, 256, 2), _Block(256, 256, 1))
        self.layer4 = nn.Sequential(_Block(256, 512, 2), _Block(512, 512, 1))
        self.heads = Heads(512, heads, dropout)
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and module is not self.colour:
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        self.to(memory_format=torch.channels_last)  # a step on a CPU takes about a tenth less

    def forward(self, log_mel: Tensor) -> dict[str, Tensor]:
        """Map (n, 128, 188) or (n, 1, 128, 188) to logits by head and ``embedding`` (n, 512)."""
        x = self.colour(self.view(log_mel))
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.heads(x.mean(dim=(2, 3)))


NETWORKS = {"resnet18": ResNet18}
