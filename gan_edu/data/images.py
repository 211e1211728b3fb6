"""Image data sets as plain tensors in [-1, 1]: two that need no network, three downloads, and the reader's own."""

import os
import re
import socket
import tempfile
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_digits, load_sample_images
from torch import Tensor
from torchvision import datasets
from tqdm.auto import tqdm

from gan_edu.data import pictures
from gan_edu.data.batches import to_floats


class Images(NamedTuple):
    """Pictures `(N, C, H, W)`, float32 in [-1, 1], with labels `(N,)`, int64 indices into `classes`, or None."""

    images: Tensor
    labels: Tensor | None
    classes: tuple[str, ...]


class DataNotFound(FileNotFoundError):
    """A data set is neither on disk nor can it be downloaded."""


def data_root() -> Path:
    """The folder of downloaded data sets: `$GAN_EDU_DATA`, else `~/.cache/gan_edu`, else one for temporary files."""
    root = Path(os.path.expanduser(os.environ.get("GAN_EDU_DATA") or "~/.cache/gan_edu"))
    return Path(tempfile.gettempdir(), "gan_edu") if root.parts[0] == "~" else root  # a user who has no home


def _from_bytes(pixels: np.ndarray | Tensor) -> Tensor:
    """Map channel-last bytes `(N, H, W, C)` in 0..255 to `(N, C, H, W)` in [-1, 1]."""
    return to_floats(torch.as_tensor(pixels).permute(0, 3, 1, 2).contiguous())


def digits() -> Images:
    """1,797 handwritten digits, `(1797, 1, 8, 8)`, bundled with scikit-learn: no download.

    Source: Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI 1998, the test set; grey levels 0..16.
    """
    bunch = load_digits()
    images = torch.as_tensor(bunch.images, dtype=torch.float32)[:, None] / 8 - 1
    return Images(images, torch.as_tensor(bunch.target, dtype=torch.int64), tuple("0123456789"))


def photo_patches(n: int = 4000, size: int = 32, seed: int = 0) -> Images:
    """`n` random crops of scikit-learn's two bundled photographs, half of them mirrored: colour without a download.

    Returns images `(n, 3, size, size)`; the label says which photograph, "china" (a temple) or "flower". Both are
    first made four times smaller, 107 x 160 pixels, so that a crop of 32 shows a roof and not a tile.

    Raises:
        ValueError: if `n` is less than 1 or `size` does not fit into a photograph.
    """
    photos = [np.asarray(Image.fromarray(photo).reduce(4)) for photo in load_sample_images().images]
    height, width, _ = photos[0].shape
    if n < 1 or not 1 <= size <= height:
        raise ValueError(f"photo_patches needs n >= 1 and 1 <= size <= {height}, got n={n} and size={size}")
    rng = np.random.default_rng(seed)
    labels = rng.integers(len(photos), size=n)
    tops, lefts = rng.integers(height - size + 1, size=n), rng.integers(width - size + 1, size=n)
    directions = rng.choice([-1, 1], size=n)
    crops = [
        photos[label][top : top + size, left : left + size][:, ::direction]
        for label, top, left, direction in zip(labels, tops, lefts, directions, strict=True)
    ]
    return Images(_from_bytes(np.stack(crops)), torch.as_tensor(labels), ("china", "flower"))


def _torchvision(dataset: type, name: str, train: bool) -> Images:
    """Read `dataset` from `data_root()`; download it first if it is not there."""
    root = data_root()
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(20)  # behind a firewall that drops packets, a download would hang for minutes
    try:
        found = dataset(root, train=train, download=True)
    except Exception as error:  # a file that is empty or cut short can raise nearly anything
        folder = root / dataset.__name__
        with suppress(OSError):  # do not leave the empty folders of an attempt behind
            (folder / "raw").rmdir()
            folder.rmdir()
        reason = str(error).strip().split("\n")[-1]  # torchvision tells of each mirror in turn
        place = root / getattr(dataset, "base_folder", f"{dataset.__name__}/raw")
        raise DataNotFound(
            f"the data set '{name}' was not found whole in {place} and could not be downloaded ({reason}): move its "
            "files there, or delete those that are damaged there and connect once; 'digits' works offline"
        ) from error
    finally:
        socket.setdefaulttimeout(timeout)
    pixels = torch.as_tensor(found.data)
    images = _from_bytes(pixels if pixels.ndim == 4 else pixels[..., None])
    classes = tuple(label.split(" - ")[0] for label in found.classes)  # torchvision writes MNIST's as "3 - three"
    return Images(images, torch.as_tensor(found.targets, dtype=torch.int64), classes)


def mnist(train: bool = True) -> Images:
    """Handwritten digits, `(60000, 1, 28, 28)` for training or 10,000 for testing (LeCun et al. 1998).

    Raises:
        DataNotFound: if the files are not in `data_root()` and cannot be downloaded.
    """
    return _torchvision(datasets.MNIST, "mnist", train)


def fashion_mnist(train: bool = True) -> Images:
    """Pieces of clothing, `(60000, 1, 28, 28)` for training or 10,000 for testing (Xiao et al. 2017).

    Raises:
        DataNotFound: if the files are not in `data_root()` and cannot be downloaded.
    """
    return _torchvision(datasets.FashionMNIST, "fashion_mnist", train)


def cifar10(train: bool = True) -> Images:
    """Small colour photographs of ten kinds, `(50000, 3, 32, 32)` for training or 10,000 for testing (Krizhevsky 2009).

    Raises:
        DataNotFound: if the files are not in `data_root()` and cannot be downloaded.
    """
    return _torchvision(datasets.CIFAR10, "cifar10", train)


def image_folder(path: str | Path, size: int = 32, limit: int | None = None, background: str = "white") -> Images:
    """The reader's own pictures, from a folder (with its subfolders) or a .zip: `(N, 3, size, size)`.

    Each is turned upright, cropped to its centred square, resized and made RGB, as it looks laid on the `background`.
    Every frame of an animation and every page of a stack is a picture. Where there are subfolders, the name of the
    folder that a picture lies in is its class. `limit` takes at most that many files, evenly spread over the sorted
    names, so that no class is left out. Files that are no readable picture are named, with the reason, in one warning
    and skipped. A .npy or .npz file with an array of pictures is taken as well, `(N, C, size, size)`; those of 8x8,
    28x28 and 32x32 keep their size.

    Raises:
        DataNotFound: if `path` does not exist.
        ValueError: if it is none of these, or damaged, holds no readable picture, or `size` or `limit` is below 1.
    """
    path = Path(os.path.expanduser(path))
    if size < 1 or (limit is not None and limit < 1):
        raise ValueError(f"size and limit must be at least 1, got size={size} and limit={limit}")
    if not path.exists():
        raise DataNotFound(f"there is no folder or .zip at {path}; 'digits' needs no file at all")
    if path.suffix.lower() in pictures.ARRAYS and path.is_file():
        return Images(pictures.array_file(path, size)[:limit], None, ())
    found, skipped = pictures.in_folder(path) if path.is_dir() else (pictures.in_zip(path), [])
    hidden = re.compile(r"(^|/)(\.|__MACOSX)")
    files = sorted((file for file in found if not hidden.search(str(file[0]))), key=lambda file: file[0])
    if limit is not None and limit < len(files):
        files = [files[i * len(files) // limit] for i in range(limit)]
    with suppress(ImportError):  # who installed it has HEIC
        __import__("pillow_heif").register_heif_opener()
    pixels, folders = [], []
    for name, opened in tqdm(files, delay=1, leave=False, unit=" files"):
        try:
            pixels += pictures.read(name, opened, size, background)
        except pictures.NoPicture as why:
            skipped.append((name, str(why)))
        folders += [name.parent.name] * (len(pixels) - len(folders))
    if not pixels:
        raise ValueError(f"no readable picture in {path} ({len(files)} files looked at; {_told(skipped)})")
    if skipped:
        warnings.warn(f"skipped {len(skipped)} of {len(files)} files, {_told(skipped)}", stacklevel=2)
    images = _from_bytes(np.stack(pixels))
    if not any(folders):
        return Images(images, None, ())
    names = [folder or path.resolve().stem for folder in folders]
    classes = tuple(sorted(set(names)))
    return Images(images, torch.tensor([classes.index(name) for name in names]), classes)


def _told(skipped, most=10):
    """What was skipped, by reason, at most ten names for each of ten reasons, in one printable line."""
    reasons = {}
    for name, why in skipped:
        reasons.setdefault(why, []).append(str(name) if str(name).isprintable() else repr(str(name)))
    more = {why: f" and {len(names) - most} more" if len(names) > most else "" for why, names in reasons.items()}
    return "; ".join(f"{why}: {', '.join(names[:most])}{more[why]}" for why, names in list(reasons.items())[:most])


DATASETS: dict[str, Callable[[], Images]] = {
    "digits": digits,
    "photo_patches": photo_patches,
    "mnist": mnist,
    "fashion_mnist": fashion_mnist,
    "cifar10": cifar10,
}


READERS: dict[str, Callable[[Path], Images]] = {}  # by the ending of files that hold no pictures


def load(name_or_path: str | Path, background: str = "white") -> Images:
    """A data set by its name in `DATASETS`, or else the pictures of an existing folder, .zip or array: `image_folder`.

    A file with an ending in `READERS`, such as .txt, is read by those.

    Raises:
        ValueError: if it is neither; the message lists the names.
        DataNotFound: if the data set has to be downloaded and cannot be.
    """
    if str(name_or_path) in DATASETS:
        return DATASETS[str(name_or_path)]()
    if not os.path.exists(os.path.expanduser(name_or_path)):
        raise ValueError(
            f"unknown data set '{name_or_path}': take {', '.join(DATASETS)}, or an existing folder or .zip"
        )
    if reader := READERS.get(Path(name_or_path).suffix.lower()):
        return reader(name_or_path)
    return image_folder(name_or_path, background=background)
