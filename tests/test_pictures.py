"""The reader's own files: what the eye sees is what comes out, or the file is named with the reason why not."""

import io
import os
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from gan_edu import data
from gan_edu.data import pictures

SIZE = 16
DISC = (np.mgrid[:SIZE, :SIZE] - 7.5).__pow__(2).sum(0) < 20


def noise(seed=0, size=SIZE):
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)


def png(array=None):
    buffer = io.BytesIO()
    Image.fromarray(noise() if array is None else array).save(buffer, "PNG")
    return buffer.getvalue()


def loaded(path, **settings):
    """The pictures as bytes `(N, size, size, 3)`, and the one warning or None."""
    with pytest.MonkeyPatch.context() as patch:
        told = []
        patch.setattr("warnings.warn", lambda text, **where: told.append(text))
        images = data.image_folder(path, size=SIZE, **settings).images
    assert len(told) <= 1
    return ((images + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy(), told[0] if told else None


# Bit depth


RAMP = np.tile(np.linspace(0, 1, SIZE), (SIZE, 1))
DEPTHS = {
    "8 bits": ("x.png", (RAMP * 255).round().astype(np.uint8)),
    "16-bit PNG": ("x.png", (RAMP * 65535).round().astype(np.uint16)),
    "16-bit TIFF": ("x.tif", (RAMP * 65535).round().astype(np.uint16)),
    "floats from 0 to 1": ("x.tif", RAMP.astype(np.float32)),
    "floats from -1 to 1": ("x.tif", (RAMP * 2 - 1).astype(np.float32)),
    "floats from 0 to 255": ("x.tif", (RAMP * 255).astype(np.float32)),
    "32-bit numbers from 0 to 255": ("x.tif", (RAMP * 255).round().astype(np.int32)),
}


@pytest.mark.parametrize(("name", "values"), DEPTHS.values(), ids=DEPTHS)
def test_grey_of_every_depth_is_the_grey_that_the_eye_sees(name, values, tmp_path):
    Image.fromarray(values).save(tmp_path / name)
    found, told = loaded(tmp_path)
    assert told is None
    np.testing.assert_allclose(found[0].astype(int), np.stack([RAMP * 255] * 3, -1), atol=1)


@pytest.mark.parametrize("value", [np.nan, np.inf, -3.0, 1e6])
def test_numbers_that_may_mean_anything_are_named(value, tmp_path):
    Image.fromarray(np.full((4, 4), value, np.float32)).save(tmp_path / "x.tif")
    (tmp_path / "y.png").write_bytes(png())
    assert "values from" in loaded(tmp_path)[1]


def test_red_is_red_in_every_colour_mode_or_the_file_is_named(tmp_path):
    red = Image.new("RGB", (8, 8), (230, 10, 10))
    for mode, name in {"CMYK": "a.jpg", "YCbCr": "b.jpg", "LAB": "d.tif", "RGBA": "e.webp"}.items():
        red.convert(mode).save(tmp_path / name)
    found, told = loaded(tmp_path)
    assert len(found) == 4 or "d.tif" in told
    assert found[..., 0].min() > 200 > 60 > found[..., 1:].max()


# Transparency


def with_alpha(color, hidden):
    array = np.zeros((SIZE, SIZE, 4), np.uint8)
    array[..., :3] = noise() if hidden is None else hidden
    array[DISC, :3] = color
    array[..., 3] = DISC * 255
    return Image.fromarray(array)


@pytest.mark.parametrize("hidden", [(255, 255, 255), (0, 0, 0), (0, 255, 0), None])
def test_hidden_colours_never_become_the_background(hidden, tmp_path):
    with_alpha((220, 20, 20), hidden).save(tmp_path / "x.png")
    (found,), told = loaded(tmp_path)
    assert told is None and (found[DISC] == (220, 20, 20)).all() and (found[~DISC] == 255).all()
    (found,), _ = loaded(tmp_path, background="black")
    assert (found[DISC] == (220, 20, 20)).all() and (found[~DISC] == 0).all()


def test_palettes_with_a_transparent_colour_and_grey_with_alpha_are_laid_on_the_background_too(tmp_path):
    palette = Image.new("P", (SIZE, SIZE), 0)
    palette.putpalette([0, 255, 0, 220, 20, 20] + [0] * 762)
    palette.paste(1, (4, 4, 12, 12))
    palette.save(tmp_path / "a.png", transparency=0)
    ink = np.stack([np.full((SIZE, SIZE), 10, np.uint8), (DISC * 255).astype(np.uint8)], -1)
    Image.fromarray(ink).save(tmp_path / "b.png")  # one colour everywhere: what is drawn, alpha draws
    (first, second), told = loaded(tmp_path)
    assert told is None
    assert (first[0, 0] == 255).all() and (first[8, 8] == (220, 20, 20)).all()
    assert (second[DISC] == 10).all() and (second[~DISC] == 255).all()


def test_ink_that_cannot_be_seen_on_the_background_is_named_and_seen_on_another(tmp_path):
    with_alpha((255, 255, 255), (255, 255, 255)).save(tmp_path / "white_ink.png")
    with_alpha((0, 0, 0), (0, 0, 0)).save(tmp_path / "black_ink.png")
    found, told = loaded(tmp_path)
    assert len(found) == 1 and "another background: white_ink.png" in told
    found, told = loaded(tmp_path, background="grey")
    assert len(found) == 2 and told is None


# Frames and pages


@pytest.mark.parametrize("name", ["x.gif", "x.tif", "x.png", "x.webp"])
def test_every_frame_and_every_page_is_a_picture(name, tmp_path):
    frames = [Image.new("RGB", (SIZE, SIZE), (50 * i, 0, 255)) for i in range(5)]
    frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], lossless=True)
    found, told = loaded(tmp_path)
    assert told is None and found.shape == (5, SIZE, SIZE, 3)
    np.testing.assert_allclose(found[:, 8, 8, 0].astype(int), [0, 50, 100, 150, 200], atol=3)


# Reasons


HEIC = b"\0\0\0\x18ftypheic" + bytes(2000)
BAD = {
    "IMG_1.HEIC": (HEIC, "HEIC (pip install pillow-heif)"),
    "empty.jpg": (b"", "empty"),
    "page.jpg": (b"<!DOCTYPE html><html>404</html>", "no picture"),
    "half.png": (png()[:300], "truncated"),
    "inner.zip": (b"PK\3\4" + bytes(50), "an archive (pass it alone, or unpack it)"),
    "x.npy": (b"\x93NUMPY" + bytes(50), "an array (pass .npy to it alone, not its folder)"),
    "film.mp4": (b"\0\0\0\x20ftypisom" + bytes(500), "no picture"),
}


@pytest.mark.parametrize(("name", "content", "why"), [(n, *rest) for n, rest in BAD.items()], ids=BAD)
def test_a_skipped_file_comes_with_the_reason(name, content, why, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match="no readable picture") as caught:
        data.image_folder(tmp_path)
    assert why in str(caught.value) and name in str(caught.value)
    (tmp_path / "good.png").write_bytes(png())
    found, told = loaded(tmp_path)
    assert len(found) == 1 and "skipped 1 of 2 files" in told and why in told and name in told


def test_too_many_pixels_are_named_and_cost_nothing(tmp_path):
    Image.new("1", (20_000, 10_000), 1).save(tmp_path / "huge.png")
    (tmp_path / "good.png").write_bytes(png())
    found, told = loaded(tmp_path)
    assert len(found) == 1 and "too many pixels: huge.png" in told


def test_names_that_cannot_be_printed_stay_in_one_line(tmp_path):
    for name in (b"new\nline.png", b"latin1-\xe9.png"):
        with open(os.path.join(os.fsencode(tmp_path), name), "wb") as file:
            file.write(b"no picture")
    (tmp_path / "ネコ.png").write_bytes(png())
    _, told = loaded(tmp_path)
    assert "\n" not in told and r"new\nline.png" in told and told.isprintable()


def test_a_film_of_four_gigabytes_is_not_read_into_memory(tmp_path, monkeypatch):
    with open(tmp_path / "film.mp4", "wb") as file:
        file.write(b"\0\0\0\x20ftypisom")
        file.truncate(2**32)
    (tmp_path / "good.png").write_bytes(png())
    read = []

    class Watched(io.FileIO):
        def read(self, size=-1):
            found = super().read(size)
            read.append(len(found))
            return found

    monkeypatch.setattr(pictures, "open", lambda path, mode: Watched(path, "r"), raising=False)
    assert len(loaded(tmp_path)[0]) == 1
    assert sum(read) < 10**6


def test_a_jpeg_is_decoded_at_reduced_size_and_looks_the_same(tmp_path, monkeypatch):
    smooth = np.stack([np.tile(np.linspace(0, 255, 640), (640, 1))] * 3, -1).astype(np.uint8)
    Image.fromarray(smooth).save(tmp_path / "x.jpg", quality=95)
    sizes, fit = [], pictures.ImageOps.fit
    monkeypatch.setattr(
        pictures.ImageOps, "fit", lambda picture, size: sizes.append(picture.size) or fit(picture, size)
    )
    found, _ = loaded(tmp_path)
    assert sizes == [(80, 80)]
    expected = np.asarray(fit(Image.fromarray(smooth), (SIZE, SIZE))).astype(int)
    np.testing.assert_allclose(found[0].astype(int), expected, atol=4)


def test_many_pictures_show_how_far_it_is(tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr("gan_edu.data.images.tqdm", lambda files, **looks: shown.append((len(files), looks)) or files)
    (tmp_path / "x.png").write_bytes(png())
    loaded(tmp_path)
    ((count, looks),) = shown
    assert count == 1 and looks["delay"] > 0 and not looks.get("disable")


# Links


def test_links_to_class_folders_are_followed_and_loops_end(tmp_path):
    real, root = tmp_path / "elsewhere", tmp_path / "set"
    real.mkdir()
    root.mkdir()
    for i in range(3):
        (real / f"{i}.png").write_bytes(png(noise(i)))
    (root / "dogs").mkdir()
    (root / "dogs" / "x.png").write_bytes(png())
    (root / "cats").symlink_to(real, target_is_directory=True)
    (real / "up").symlink_to(root, target_is_directory=True)  # a loop of two links
    (root / "dogs" / "self").symlink_to(root / "dogs", target_is_directory=True)
    (root / "gone.png").symlink_to("/nowhere/gone.png")
    with pytest.warns(UserWarning) as caught:
        images, labels, classes = data.image_folder(root)
    assert len(images) == 4 and classes == ("cats", "dogs") and labels.tolist() == [0, 0, 0, 1]
    (told,) = [str(warning.message) for warning in caught]
    assert "a link that leads nowhere: gone.png" in told and "read already" in told and "dogs/self" in told


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "x.png").write_bytes(png())
    assert len(loaded(tmp_path)[0]) == 1


# Archives


def archive(path, files, **how):
    with zipfile.ZipFile(path, "w", **how) as file:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.filename, info.compress_type = name, file.compression  # as it is, with its backslashes
            file.writestr(info, content)


def test_backslashes_in_a_zip_part_folders(tmp_path):
    archive(tmp_path / "x.zip", {"cats\\a.png": png(), "dogs/b.png": png()})
    assert data.image_folder(tmp_path / "x.zip").classes == ("cats", "dogs")


def test_a_zip_that_is_cut_short_is_called_that(tmp_path):
    archive(tmp_path / "x.zip", {f"{i}.png": png() for i in range(5)})
    whole = (tmp_path / "x.zip").read_bytes()
    for share in (0.1, 0.5, 0.98):
        (tmp_path / "x.zip").write_bytes(whole[: int(len(whole) * share)])
        for load in (data.image_folder, data.load):
            with pytest.raises(ValueError, match=r"x\.zip.*cut short"):
                load(tmp_path / "x.zip")


def test_what_a_bomb_would_unpack_to_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "MOST_BYTES", 10**5)
    archive(tmp_path / "x.zip", {"bomb.png": bytes(10**6), "good.png": png()}, compression=zipfile.ZIP_DEFLATED)
    unpacked, read = [], zipfile.ZipFile.read
    monkeypatch.setattr(zipfile.ZipFile, "read", lambda self, member: unpacked.append(member) or read(self, member))
    found, told = loaded(tmp_path / "x.zip")
    assert len(found) == len(unpacked) == 1 and "unpacked: bomb.png" in told
    monkeypatch.undo()
    assert pictures.MOST_BYTES <= 2**28


def test_encrypted_members_are_called_that(tmp_path):
    archive(tmp_path / "x.zip", {"a.png": png(), "b.png": png()})
    content = bytearray((tmp_path / "x.zip").read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1  # the flag in the directory, of the first
    (tmp_path / "x.zip").write_bytes(content)
    found, told = loaded(tmp_path / "x.zip")
    assert len(found) == 1 and "encrypted" in told and "a.png" in told


# Arrays


STACK = np.stack([noise(i, 32) for i in range(6)])


def plain(images):
    return ((images + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()


@pytest.mark.parametrize("layout", ["channels last", "channels first", "float64 0..1", "float32 -1..1", "int64"])
def test_arrays_come_out_as_the_pictures_that_they_hold(layout, tmp_path):
    array = {
        "channels last": STACK,
        "channels first": STACK.transpose(0, 3, 1, 2),
        "float64 0..1": STACK / 255,
        "float32 -1..1": (STACK / 127.5 - 1).astype(np.float32),
        "int64": STACK.astype(np.int64),
    }[layout]
    np.save(tmp_path / "x.npy", array)
    images, labels, classes = data.load(tmp_path / "x.npy")
    assert images.dtype == torch.float32 and labels is None and classes == ()
    assert (plain(images) == STACK).all()


def test_the_pictures_in_an_npz_are_its_largest_stack(tmp_path):
    np.savez(tmp_path / "x.npz", x_test=STACK[:2], y=np.arange(6), x_train=STACK)
    assert (plain(data.load(tmp_path / "x.npz").images) == STACK).all()


def test_the_samples_that_the_command_line_writes_can_be_trained_on(tmp_path):
    samples = torch.rand(5, 1, 8, 8) * 2 - 1
    np.savez_compressed(tmp_path / "s.npz", samples=samples.numpy())
    assert torch.equal(data.load(tmp_path / "s.npz").images, samples)


def test_grey_arrays_of_other_sizes_become_squares(tmp_path):
    np.save(tmp_path / "x.npy", np.tile(np.linspace(0, 255, 48).astype(np.uint8), (3, 64, 1)))
    images = data.load(tmp_path / "x.npy").images
    assert images.shape == (3, 1, 32, 32) and (images[0, 0].diff(dim=1) > 0).all()


@pytest.mark.parametrize(
    "array",
    [np.zeros(5), np.zeros((5, 32, 32, 7)), np.full((2, 8, 8), np.nan), np.array([{"a": 1}]), np.zeros((0, 8, 8))],
)
def test_other_arrays_are_named_in_one_line(array, tmp_path):
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(ValueError, match=r"x\.npy holds no pictures.*\(N, H, W\)") as caught:
        data.load(tmp_path / "x.npy")
    assert "\n" not in str(caught.value)


def test_what_a_run_drew_does_not_feed_the_next(tmp_path):
    (tmp_path / "x.png").write_bytes(png())
    (tmp_path / "runs" / "x").mkdir(parents=True)
    (tmp_path / "runs" / "x" / "samples.png").write_bytes(png())
    (tmp_path / "runs" / "x" / "checkpoint.pt").write_bytes(b"")
    found, told = loaded(tmp_path)
    assert len(found) == 1 and "the results of a run: runs/x" in told
