"""The convolutions of AlexNet and VGG16, with tensor names as in the published weight files.

Sources: Krizhevsky, "One weird trick for parallelizing convolutional neural networks" (2014), and
Simonyan and Zisserman, "Very Deep Convolutional Networks" (2015), configuration D. Only the
convolutional part is built: `features.N.weight` and `features.N.bias`.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

ALEXNET_TAPS = (1, 4, 7, 9, 11)
VGG16_TAPS = (3, 8, 15, 22, 29)


class PerceptualTrunk(nn.Module):
    """A chain of layers that hands out the activations after the layers numbered in `taps`."""

    def __init__(self, layers: nn.Sequential, taps: tuple[int, ...], channels: tuple[int, ...]) -> None:
        super().__init__()
        self.features, self.taps, self.channels = layers, taps, channels

    def forward(self, images: Tensor) -> list[Tensor]:
        """Activations (B, C, H, W), shallow to deep; nothing is worked out behind the last."""
        return list(self._activations(images))

    def _activations(self, x: Tensor) -> Iterator[Tensor]:
        for number, layer in enumerate(self.features):
            x = layer(x)
            if number in self.taps:
                yield x
            if number == self.taps[-1]:
                return


def alexnet() -> PerceptualTrunk:
    """AlexNet in its one-tower form; taps after each of the five ReLUs."""
    layers = nn.Sequential(
        nn.Conv2d(3, 64, 11, stride=4, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(64, 192, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(192, 384, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1),
        nn.ReLU(),
    )
    return PerceptualTrunk(layers, ALEXNET_TAPS, (64, 192, 384, 256, 256))


def vgg16() -> PerceptualTrunk:
    """VGG16; taps after the last ReLU of each of the five blocks."""
    layers: list[nn.Module] = []
    inputs = 3
    for block, (width, depth) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))):
        if block:
            layers.append(nn.MaxPool2d(2))
        for _ in range(depth):
            layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU()]
            inputs = width
    return PerceptualTrunk(nn.Sequential(*layers), VGG16_TAPS, (64, 128, 256, 512, 512))
