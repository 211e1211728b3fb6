"""One clear message for an input of the wrong shape, shared by all networks."""

from torch import Tensor, nn


def check_shape(network: nn.Module, given: Tensor, expected: tuple[int, ...]) -> None:
    """Compare the shape of `given`, without its batch axis, with `expected`.

    Raises:
        ValueError: the shapes differ; the message names the network, what it takes and what it was given.
    """
    if tuple(given.shape[1:]) != expected:
        wanted = ", ".join(["N", *map(str, expected)])
        raise ValueError(f"{type(network).__name__} takes ({wanted}) but was given {tuple(given.shape)}")
