"""A trained generator in a file: its class, its settings, its weights."""

from pathlib import Path

import torch
from torch import nn

from gan_edu import models


def load_generator(path: str | Path) -> nn.Module:
    """The generator in a `generator.pt` of the command line, on the CPU, in evaluation mode; load only files you trust.

    Raises ValueError where the file is none; OSError where it cannot be read.
    """
    with open(path, "rb") as file:
        try:
            saved = torch.load(file, map_location="cpu", weights_only=True)
            classes = {name: found for name, found in vars(models).items() if name.endswith("Generator")}
            generator = classes[saved["class"]](**saved["settings"])
            generator.load_state_dict(saved["weights"])
        except Exception as error:  # damaged bytes can make a reader stumble over anything
            raise ValueError(f"{path} holds no generator of gan_edu ({type(error).__name__})") from None
    return generator.eval().requires_grad_(False)
