"""An endless stream of shuffled batches from data that already lives on the device."""

import hashlib
from functools import cached_property

import torch
from torch import Tensor


class Batches:
    """Iterate for ever over tensors that share their first dimension, in a fresh random order each epoch.

    The data sets of this course fit in memory, so they are moved to the device once, and a batch is one indexing
    operation there: no worker processes, no copies to the device, no waiting. Every item appears once before any
    appears again, but for those of the incomplete last batch of an epoch, which is dropped.

    Args:
        tensors: one or more tensors `(N, ...)`, for example images and their labels. Images of bytes, `(N, C, H, W)` of
            uint8, are kept as bytes, and come out as float32 in [-1, 1].
        batch_size: items in a batch, at most N.
        device: where the data is kept and the batches come out.
        seed: decides the order, which is the same on every device.

    Iterating gives a tensor `(batch_size, ...)` if one tensor was given, else a tuple of them.

    Raises:
        ValueError: without tensors, if their lengths differ, if `batch_size` is not between 1 and N, for NaN.
        TypeError: for anything but tensors.
    """

    def __init__(self, *tensors: Tensor, batch_size: int = 64, device: torch.device | str = "cpu", seed: int = 0):
        if not tensors:
            raise ValueError("Batches needs at least one tensor")
        for tensor in tensors:
            if not isinstance(tensor, Tensor):
                raise TypeError(f"Batches takes tensors, not {type(tensor).__name__}: .images, or torch.tensor(array)")
            if not tensor.isfinite().all():
                raise ValueError("the data hold NaN or infinite numbers: leave those items out, or repair them")
        lengths = [len(tensor) for tensor in tensors]
        if len(set(lengths)) > 1:
            raise ValueError(f"tensors must have the same length, got {lengths}")
        if not 1 <= batch_size <= lengths[0]:
            raise ValueError(f"batch_size must be between 1 and the {lengths[0]} items of the data, got {batch_size}")
        self.tensors = tuple(tensor.to(device) for tensor in tensors)
        self.batch_size = batch_size
        # A CPU generator gives the same order on every device; its numbers travel once an epoch, not once a batch.
        self._generator = torch.Generator().manual_seed(seed)
        self._start_epoch()

    def _start_epoch(self):
        order = torch.randperm(len(self.tensors[0]), generator=self._generator)
        self._order = order.to(self.tensors[0].device)
        self._position = 0

    def __iter__(self):
        return self

    def __next__(self) -> Tensor | tuple[Tensor, ...]:
        if self._position + self.batch_size > len(self._order):
            self._start_epoch()
        index = self._order[self._position : self._position + self.batch_size]
        self._position += self.batch_size
        batch = tuple(to_floats(tensor[index]) for tensor in self.tensors)
        return batch if len(batch) > 1 else batch[0]

    def to_bytes(self) -> None:
        """Keep as bytes, a quarter of the memory, each tensor of images `(N, C, H, W)` that loses nothing by it."""
        self.tensors = tuple(_to_bytes(tensor) for tensor in self.tensors)

    def state_dict(self) -> dict:
        """Where the stream stands: the order of this epoch, the place in it, later orders, and a digest."""
        place = {"order": self._order.cpu(), "position": self._position, "generator": self._generator.get_state()}
        return {**place, "digest": self.digest}

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all the data, as it comes out: the same on every device, for bytes and for their floats."""
        digest = hashlib.sha256(repr([tuple(tensor.shape) for tensor in self.tensors]).encode())
        for part in [part for tensor in self.tensors for part in tensor.split(4096)]:  # floats for a few at a time
            digest.update(to_floats(part).cpu().numpy().tobytes())
        return digest.hexdigest()

    def load_state_dict(self, state: dict) -> None:
        """Go on where a stream over the same data stood. Raises ValueError where the data was other."""
        if len(state["order"]) != len(self._order):
            raise ValueError(f"the stream went over {len(state['order'])} items, here are {len(self._order)}")
        if state.get("digest") != self.digest:
            raise ValueError("the stream went over other data: items were changed, or came in another order")
        self._order = state["order"].to(self._order.device)
        self._position = state["position"]
        self._generator.set_state(state["generator"])


def to_floats(pixels: Tensor) -> Tensor:
    """Bytes `(N, C, H, W)` in 0..255 as float32 in [-1, 1]; any other tensor as it is."""
    return pixels.float() / 127.5 - 1 if pixels.dtype == torch.uint8 and pixels.ndim == 4 else pixels


def _to_bytes(images: Tensor) -> Tensor:
    if images.ndim != 4 or images.dtype != torch.float32 or images.abs().max() > 1:
        return images
    pixels = ((images + 1) * 127.5).round().to(torch.uint8)
    # Compared on the CPU, where the images were made: another device may round the division in another way.
    return pixels if torch.equal(to_floats(pixels.cpu()), images.cpu()) else images
