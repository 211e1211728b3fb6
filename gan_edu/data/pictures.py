"""The reader's own pictures: what the eye sees in a file, or the reason why it is passed over.

Whatever fails between a file and its pixels ends in `NoPicture` with a reason, so that no file is silently something
else than it looks like.
"""

import io
import os
import warnings
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError
from torch import Tensor
from torchvision.transforms.functional import center_crop, resize

STACKS = ("GIF", "TIFF", "PNG", "WEBP", "AVIF")  # whose frames and pages are pictures; of others the first one is
HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
MOST_BYTES = 2**28  # of one file in a .zip, unpacked
KEPT_EDGES = (8, 28, 32)  # arrays of pictures this small stay as they are: there are networks for them
ARRAYS = (".npy", ".npz")
RESULTS = {"checkpoint.pt", "generator.pt"}  # a folder with one of them holds what a run drew


class NoPicture(ValueError):
    """Why a file is passed over."""


def read(name: PurePosixPath, opened: Callable, size: int, background: str) -> list[np.ndarray]:
    """Each frame or page of a picture: upright, its centred square, resized: `(size, size, 3)` bytes."""
    head = b""
    try:
        with opened() as file, warnings.catch_warnings(action="ignore"):  # of many pixels; too many raise
            head = file.read(16)
            picture = Image.open(file)
            picture.draft(None, (2 * size, 2 * size))  # a JPEG is decoded at an eighth, quarter or half, if that does
            frames = ImageSequence.Iterator(picture) if picture.format in STACKS else [picture]
            return [np.asarray(ImageOps.fit(_as_seen(frame, background), (size, size))) for frame in frames]
    except Exception as error:  # a broken picture or archive member can raise nearly anything
        raise NoPicture(_reason(error, name.suffix.lower(), head)) from None


def _as_seen(picture, background):
    """Upright, in RGB: 16-bit and float grey by their full range, transparency laid on the background."""
    picture = ImageOps.exif_transpose(picture)
    if picture.mode[0] in "IF":
        picture = Image.fromarray(((scale(np.asarray(picture)) + 1) * 127.5).round().astype(np.uint8))
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    picture = picture.convert("RGBA")
    laid = Image.alpha_composite(Image.new("RGBA", picture.size, background), picture).convert("RGB")
    clear, opaque = picture.getextrema()[3]
    if clear < opaque and all(low == high for low, high in laid.getextrema()):
        raise NoPicture(f"ink as {background} as what is behind it, which is transparent: take another background")
    return laid


def scale(values: np.ndarray) -> np.ndarray:
    """Grey values as float32 in [-1, 1]: bytes and 16-bit numbers by their type, others by what they seem to be.

    That is [-1, 1] already, or from 0 to 1, 255 or 65535. Raises NoPicture for other values.
    """
    low, high = float(values.min()), float(values.max())
    if -1 <= low < 0 and high <= 1:
        return values.astype(np.float32)
    if not 0 <= low <= high <= 65535:  # NaN is neither
        raise NoPicture(f"values from {low:g} to {high:g}, which may mean anything: make them 0 to 1")
    typed = values.dtype in (np.uint8, np.uint16)
    top = np.iinfo(values.dtype).max if typed else next(top for top in (1, 255, 65535) if high <= top)
    return values.astype(np.float32) / np.float32(top / 2) - 1


def _reason(error, ending, head):
    if isinstance(error, Image.DecompressionBombError):
        return "too many pixels"
    if isinstance(error, FileNotFoundError):
        return "a link that leads nowhere"
    if not isinstance(error, UnidentifiedImageError):
        return " ".join(str(getattr(error, "strerror", None) or error).split()) or type(error).__name__
    if head[4:8] == b"ftyp" and head[8:12] in HEIC:
        return "HEIC (pip install pillow-heif)"
    if ending in ARRAYS:
        return f"an array (pass {ending} to it alone, not its folder)"
    return "an archive (pass it alone, or unpack it)" if head[:2] == b"PK" else "no picture" if head else "empty"


def in_folder(path: Path) -> tuple[list, list]:
    """Every file in a folder, by its path inside and how it is opened; and by path and reason what is passed over.

    Links to folders are followed, and no folder is read twice, so that a loop ends.
    """
    files, skipped, seen = [], [], set()
    onerror = lambda error: skipped.append((error.filename, error.strerror))  # noqa: E731
    for folder, folders, names in os.walk(path, followlinks=True, onerror=onerror):
        real, inside = os.path.realpath(folder), PurePosixPath(Path(folder).relative_to(path).as_posix())
        if real in seen or RESULTS & set(names):
            skipped.append((inside, "read already, by another link" if real in seen else "the results of a run"))
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(
            (f for f in folders if f[0] != "."), key=lambda f, here=folder: os.path.islink(f"{here}/{f}")
        )
        names = [name for name in names if not Path(folder, name).is_fifo()]  # which would be waited for
        files += [(inside / name, partial(open, Path(folder, name), "rb")) for name in names]
    return files, skipped


def in_zip(path: Path) -> list:
    """Every file in a .zip, by its path inside and how it is opened. Raises ValueError for any other file."""
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError):
        what = (
            ".zip: it was cut short or damaged, copy it again"
            if path.suffix.lower() == ".zip"
            else "folder, .zip or array"
        )
        raise ValueError(f"{path} is no whole {what}") from None
    members = [member for member in archive.infolist() if not member.is_dir()]
    return [(PurePosixPath(m.filename.replace("\\", "/")), partial(_unpack, archive, m)) for m in members]


def _unpack(archive, member):
    if member.flag_bits & 1:
        raise NoPicture("encrypted (unpack it with its password)")
    if member.file_size > MOST_BYTES:
        raise NoPicture(f"more than {MOST_BYTES >> 20} MB when unpacked")
    return io.BytesIO(archive.read(member))


def array_file(path: Path, size: int) -> Tensor:
    """The largest array of pictures in a .npy or .npz, `(N, C, H, W)` in [-1, 1].

    Those of KEPT_EDGES stay as they are, of others the centred square is resized. Raises ValueError without pictures.
    """
    try:
        found = np.load(path, allow_pickle=False)
        arrays = [found] if isinstance(found, np.ndarray) else list(found.values())
        values = max((array for array in arrays if array.ndim in (3, 4)), key=np.size)
        values = values[..., None] if values.ndim == 3 else values
        values = np.moveaxis(values, -1, 1) if values.shape[-1] in (1, 3) else values
        if values.shape[1] not in (1, 3):
            raise NoPicture(f"neither grey nor RGB, {values.shape}")
        images = torch.from_numpy(scale(values)).contiguous()
    except Exception as error:  # damaged bytes can make a reader stumble over anything
        raise ValueError(f"{path} holds no pictures, (N, H, W), (N, H, W, C) or (N, C, H, W): {error}") from None
    images = center_crop(images, min(images.shape[2:]))
    return images if images.shape[3] in KEPT_EDGES else resize(images, [size, size], antialias=True)
