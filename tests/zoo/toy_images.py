"""Two classes told apart by brightness: what a model must be able to learn in seconds."""

import torch

from palitra.zoo.labelled_images import LabelledImages
from palitra.zoo.models import preset
from palitra.zoo.run_folder import RunCard
from palitra.zoo.trainer import Trainer


def toy_images(count=64, size=16, channels=1, width=None):
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(count) % 2
    images = torch.randint(0, 60, (count, channels, size, width or size), generator=generator).byte()
    images[labels == 1] += 150
    return LabelledImages(images, labels, ("dark", "light"))


def toy_trainer(model, folder, *changes, data=None):
    data = data or toy_images()
    config = preset(model, "tiny", ("training.batch=8", "training.images=64", *changes))
    return Trainer(RunCard(config, data.shape, data.names), data, folder)
