"""The data: densities that integrate to 1, epochs that are permutations, pictures in [-1, 1], errors that help."""

import io
import os
import struct
import tempfile
import urllib.request
import zipfile
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
from PIL import Image

from gan_edu import data


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """No network, and a data folder of our own: returns that folder."""

    def refuse(*args, **kwargs):
        raise URLError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    monkeypatch.setenv("GAN_EDU_DATA", str(tmp_path))
    return tmp_path


def picture(color, size=(40, 20)):
    """The bytes of a one-coloured PNG."""
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, "PNG")
    return buffer.getvalue()


def write_idx(folder, train_images, train_labels):
    """MNIST's four raw files: `train_images` `(N, H, W)` bytes, and two blank test pictures."""
    folder.mkdir(parents=True)
    blank = np.zeros((2, *train_images.shape[1:]), dtype=np.uint8)
    for prefix, images, labels in (
        ("train", train_images, train_labels),
        ("t10k", blank, np.zeros(2, dtype=np.uint8)),
    ):
        header = struct.pack(">IIII", 2051, *images.shape)
        (folder / f"{prefix}-images-idx3-ubyte").write_bytes(header + images.tobytes())
        (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 2049, len(labels)) + labels.tobytes())


# Mixtures


@pytest.mark.parametrize("mixture", [data.ring(), data.grid(), data.ring(modes=1, radius=0, std=0.3)])
def test_log_prob_is_a_density_that_integrates_to_one(mixture):
    # Far below the width of a mode, the rectangle rule is exact to rounding for Gaussians.
    axis = torch.arange(-2.0, 2.0, mixture.std / 2, dtype=torch.float64)
    mass = mixture.log_prob(torch.cartesian_prod(axis, axis)).exp().sum() * (mixture.std / 2) ** 2
    assert mass.item() == pytest.approx(1, abs=1e-6)


def test_log_prob_of_one_gaussian_is_the_textbook_formula():
    mixture = data.Mixture(torch.tensor([[1.0, -2.0]]), std=0.7)
    x = torch.randn(20, 2, generator=torch.Generator().manual_seed(0))
    textbook = torch.distributions.Normal(mixture.centers[0], 0.7).log_prob(x).sum(1)
    torch.testing.assert_close(mixture.log_prob(x), textbook)


def test_samples_have_the_moments_of_the_mixture():
    mixture = data.Mixture(torch.tensor([[0.0, 0.0], [4.0, 0.0]]), std=0.5)
    x = mixture.sample(200_000, torch.Generator().manual_seed(0))
    assert x.shape == (200_000, 2) and x.dtype == torch.float32
    # Mean and covariance of a mixture: the mean of the centres; their covariance plus std^2 on the diagonal.
    torch.testing.assert_close(x.mean(0), torch.tensor([2.0, 0.0]), atol=0.02, rtol=0)
    torch.testing.assert_close(x.T.cov(), torch.tensor([[4.25, 0.0], [0.0, 0.25]]), atol=0.02, rtol=0)


@pytest.mark.parametrize(("mixture", "modes"), [(data.ring(), 8), (data.grid(), 25), (data.ring(modes=5), 5)])
def test_modes_are_equally_likely_centred_and_well_separated(mixture, modes):
    assert mixture.centers.shape == (modes, 2)
    torch.testing.assert_close(mixture.centers.mean(0), torch.zeros(2), atol=1e-6, rtol=0)
    apart = torch.pdist(mixture.centers).min()
    assert apart > 10 * mixture.std, "3 std around neighbouring centres must not come near each other"
    nearest = torch.cdist(mixture.sample(20_000, torch.Generator().manual_seed(0)), mixture.centers).argmin(1)
    shares = torch.bincount(nearest, minlength=modes) / 20_000
    torch.testing.assert_close(shares, torch.full((modes,), 1 / modes), atol=0.015, rtol=0)


def test_ring_lies_on_its_circle_and_grid_on_its_lattice():
    torch.testing.assert_close(data.ring(radius=2.0).centers.norm(dim=1), torch.full((8,), 2.0))
    assert sorted(set(data.grid().centers[:, 0].tolist())) == [-1.0, -0.5, 0.0, 0.5, 1.0]


def test_the_same_generator_seed_gives_the_same_points():
    draw = [data.ring().sample(10, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert torch.equal(draw[0], draw[1]) and not torch.equal(draw[0], draw[2])


@pytest.mark.parametrize("make", [lambda: data.ring(modes=0), lambda: data.grid(side=0), lambda: data.ring(std=0.0)])
def test_a_mixture_without_modes_or_width_is_an_error(make):
    with pytest.raises(ValueError, match="must"):
        make()


# Batches


@pytest.mark.parametrize(("n", "batch_size"), [(12, 4), (13, 4), (5, 5)])
def test_each_epoch_is_a_fresh_permutation_without_repeats(n, batch_size):
    batches = data.Batches(torch.arange(n), batch_size=batch_size)
    epochs = [torch.cat([next(batches) for _ in range(n // batch_size)]).tolist() for _ in range(4)]
    for epoch in epochs:
        assert len(set(epoch)) == len(epoch) == n // batch_size * batch_size
    assert len({tuple(epoch) for epoch in epochs}) == 4, "epochs must be shuffled anew"


def test_batches_of_several_tensors_keep_pairs_together():
    x = torch.arange(10.0)
    batch = next(data.Batches(x, x * 2, batch_size=3))
    assert isinstance(batch, tuple) and batch[0].shape == (3,)
    assert torch.equal(batch[1], batch[0] * 2)


def test_the_seed_alone_decides_the_order_of_batches():
    def first(seed):
        torch.manual_seed(int(torch.randint(1000, ())))  # the global generator must not matter
        batches = data.Batches(torch.arange(100), batch_size=10, seed=seed)
        return torch.cat([next(batches) for _ in range(25)])

    assert torch.equal(first(3), first(3)) and not torch.equal(first(3), first(4))


def test_making_batches_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    next(data.Batches(torch.arange(10), batch_size=2))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_batches_on_a_gpu_come_in_the_same_order_without_a_sync():
    on_cpu = data.Batches(torch.arange(64), batch_size=8)
    on_gpu = data.Batches(torch.arange(64), batch_size=8, device="cuda")
    torch.cuda.set_sync_debug_mode("error")
    try:
        drawn = [next(on_gpu) for _ in range(8)]
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert torch.equal(torch.cat(drawn).cpu(), torch.cat([next(on_cpu) for _ in range(8)]))


def test_batches_say_both_numbers_when_the_batch_is_larger_than_the_data():
    with pytest.raises(ValueError, match=r"10 items.*got 11"):
        data.Batches(torch.zeros(10), batch_size=11)


@pytest.mark.parametrize("tensors", [(), (torch.zeros(4), torch.zeros(5))])
def test_batches_refuse_no_tensors_and_unequal_lengths(tensors):
    with pytest.raises(ValueError, match=r"at least one|\[4, 5\]"):
        data.Batches(*tensors, batch_size=2)


# Image data sets


@pytest.mark.parametrize(
    ("name", "shape", "classes"), [("digits", (1797, 1, 8, 8), 10), ("photo_patches", (4000, 3, 32, 32), 2)]
)
def test_bundled_sets_work_offline_and_lie_in_minus_one_to_one(offline, name, shape, classes):
    images, labels, names = data.load(name)
    assert images.shape == shape and images.dtype == torch.float32
    assert images.min() == -1 and images.max() == 1
    assert labels.shape == shape[:1] and labels.dtype == torch.int64
    assert len(names) == classes and set(labels.tolist()) == set(range(classes))
    assert not os.listdir(offline), "nothing may be written"


def test_digits_keep_their_seventeen_grey_levels():
    assert data.digits().images.unique().tolist() == [level / 8 - 1 for level in range(17)]


def test_photo_patches_are_seeded_crops_of_the_right_photograph():
    a, b, c = (data.photo_patches(200, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(a.images, b.images) and not torch.equal(a.images, c.images)
    blue = a.images.mean(dim=(2, 3))[:, 2]
    china, flower = (blue[a.labels == i].mean() for i in range(2))
    assert china > flower + 0.5, "the sky of 'china' is bright, the background of 'flower' dark"
    assert data.photo_patches(3, size=16).images.shape == (3, 3, 16, 16)
    with pytest.raises(ValueError, match="size=500"):
        data.photo_patches(3, size=500)


def test_photo_patches_come_mirrored_as_well():
    # Crops as high as the photograph can only move sideways, so 600 of them hold the mirror image of the first.
    images = data.photo_patches(600, size=107).images
    assert (images == images[0].flip(-1)).all(dim=(1, 2, 3)).any()


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10"])
def test_a_missing_data_set_says_in_one_line_what_where_and_what_works(offline, name):
    with pytest.raises(data.DataNotFound) as caught:
        data.load(name)
    message = str(caught.value)
    assert "\n" not in message
    for part in (f"'{name}'", str(offline), "no network", "'digits' works offline"):
        assert part in message
    assert isinstance(caught.value, FileNotFoundError)
    assert not os.listdir(offline), "a failed download must leave nothing behind"


@pytest.mark.parametrize(("name", "folder"), [("mnist", "MNIST"), ("fashion_mnist", "FashionMNIST")])
def test_files_on_disk_are_read_without_a_network(offline, name, folder):
    pixels = np.zeros((3, 28, 28), dtype=np.uint8)
    pixels[1, 2, 5] = 255
    write_idx(offline / folder / "raw", pixels, np.array([7, 0, 9], dtype=np.uint8))
    (offline / folder / "raw").chmod(0o555)
    images, labels, classes = data.load(name)
    assert images.shape == (3, 1, 28, 28) and labels.tolist() == [7, 0, 9] and len(classes) == 10
    assert images[1, 0, 2, 5] == 1 and (images == 1).sum() == 1 and images.min() == -1
    assert len(data.DATASETS[name](train=False).images) == 2
    if name == "mnist":
        assert classes == tuple("0123456789")


@pytest.mark.parametrize("damage", ["empty", "cut short", "missing"])
def test_damaged_files_of_a_data_set_are_called_that(damage, offline):
    write_idx(offline / "MNIST" / "raw", np.zeros((3, 28, 28), np.uint8), np.zeros(3, np.uint8))
    file = offline / "MNIST" / "raw" / "train-images-idx3-ubyte"
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(b"" if damage == "empty" else file.read_bytes()[:1000])
    with pytest.raises(data.DataNotFound, match="MNIST/raw .*delete those that are damaged there") as caught:
        data.load("mnist")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("place", [".", "MNIST"])
def test_files_that_lie_flat_are_told_where_to_go(place, offline):
    write_idx(offline / "made", np.zeros((3, 28, 28), np.uint8), np.zeros(3, np.uint8))
    (offline / place).mkdir(exist_ok=True)
    for file in (offline / "made").iterdir():
        file.rename(offline / place / file.name)
    with pytest.raises(data.DataNotFound) as caught:
        data.load("mnist")
    assert f"not found whole in {offline / 'MNIST' / 'raw'}" in str(caught.value)
    assert "move its files there" in str(caught.value)


def test_data_root_is_the_variable_or_else_the_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("GAN_EDU_DATA", str(tmp_path))
    assert data.data_root() == tmp_path
    monkeypatch.delenv("GAN_EDU_DATA")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data.data_root() == tmp_path / ".cache" / "gan_edu"


def test_a_user_without_a_home_has_a_data_root_too(monkeypatch):
    def unknown(user):
        raise KeyError(user)

    for name in ("GAN_EDU_DATA", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)
    assert data.data_root() == Path(tempfile.gettempdir(), "gan_edu")


@pytest.mark.skipif(not (data.data_root() / "MNIST" / "raw").is_dir(), reason="needs MNIST under GAN_EDU_DATA")
def test_the_real_mnist_has_its_published_counts():
    images, labels, _ = data.mnist()
    assert images.shape == (60_000, 1, 28, 28) and images.min() == -1 and images.max() == 1
    # LeCun's training labels: 5,923 zeros, 6,742 ones, ...
    assert torch.bincount(labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    # The mean grey value that everybody normalizes MNIST with.
    assert ((images + 1) / 2).mean().item() == pytest.approx(0.1307, abs=1e-4)
    assert data.mnist(train=False).images.shape == (10_000, 1, 28, 28)


# Images as bytes, and the place in the stream


def test_bytes_come_out_as_exactly_the_floats_that_went_in():
    levels = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16).repeat(6, 1, 1, 1)
    floats = levels.float() / 127.5 - 1  # as every data set of the course is made
    plain, kept = (data.Batches(floats, batch_size=3, seed=4) for _ in range(2))
    kept.to_bytes()
    assert kept.tensors[0].dtype == torch.uint8 and torch.equal(kept.tensors[0], levels)
    for a, b, _ in zip(plain, kept, range(5), strict=False):
        assert b.dtype == torch.float32 and torch.equal(a, b)


def test_bytes_given_are_pixels():
    (batch,) = torch.unbind(
        next(data.Batches(torch.tensor([0, 51, 255], dtype=torch.uint8).reshape(1, 1, 1, 3), batch_size=1))
    )
    assert batch.flatten().tolist() == pytest.approx([-1, -0.6, 1])


@pytest.mark.parametrize("change", ["digits", "noise", "too large", "points", "labels", "float64"])
def test_what_would_lose_by_it_is_not_kept_as_bytes(change):
    exact = torch.arange(256.0).reshape(4, 1, 8, 8) / 127.5 - 1
    tensors = {
        "digits": data.digits().images,  # 17 levels, sixteenths, which are no multiples of 1/127.5
        "noise": torch.rand(4, 1, 8, 8),
        "too large": exact * 1.5,
        "points": torch.tensor([[-1.0, 1.0]]),
        "labels": torch.arange(4),
        "float64": exact.double(),
    }
    batches = data.Batches(tensors[change], batch_size=1)
    batches.to_bytes()
    assert batches.tensors[0].dtype == tensors[change].dtype
    torch.testing.assert_close(batches.tensors[0], tensors[change], rtol=0, atol=0)


@pytest.mark.parametrize("taken", [0, 1, 3, 4, 9])
def test_a_stream_goes_on_where_another_stood(taken):
    items = torch.arange(10)  # three batches of three an epoch, and one left over
    stream, other = data.Batches(items, batch_size=3, seed=1), data.Batches(items, batch_size=3, seed=2)
    for _ in range(taken):
        next(stream)
    state = stream.state_dict()
    ahead = [next(stream).tolist() for _ in range(8)]
    other.load_state_dict(state)
    assert [next(other).tolist() for _ in range(8)] == ahead
    with pytest.raises(ValueError, match="went over 10 items, here are 12"):
        data.Batches(torch.arange(12), batch_size=3).load_state_dict(state)


def test_a_stream_of_floats_goes_on_where_one_of_bytes_stood_and_the_other_way_round():
    images = torch.arange(256.0).repeat(4, 1).reshape(16, 1, 8, 8) / 127.5 - 1
    for compact in (0, 1):
        streams = [data.Batches(images, batch_size=4, seed=seed) for seed in (1, 2)]
        streams[compact].to_bytes()
        streams[1].load_state_dict(streams[0].state_dict())
        assert torch.equal(next(streams[0]), next(streams[1]))
    last = torch.cat([images[:-1], -images[-1:]])
    for changed in (-images, last, images.view(16, 1, 16, 4)):
        with pytest.raises(ValueError, match="other data"):
            data.Batches(changed, batch_size=4).load_state_dict(streams[0].state_dict())


@pytest.mark.parametrize(("given", "told"), [
    (data.digits(), "not Images"),
    (np.zeros((4, 1, 8, 8)), "not ndarray"),
    ([0.0, 1.0], "not list"),
])  # fmt: skip
def test_batches_of_anything_but_tensors_say_what_to_pass(given, told):
    with pytest.raises(TypeError, match=told):
        data.Batches(given)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_data_that_are_not_finite_are_refused_at_once(bad):
    images = torch.zeros(5, 1, 8, 8)
    images[3, 0, 2, 2] = bad
    with pytest.raises(ValueError, match="NaN"):
        data.Batches(images, batch_size=2)


# The reader's own pictures

FILES = {"cats/red.png": picture("red"), "dogs/blue.png": picture("blue"), "dogs/broken.png": b"\x89PNG not really"}


@pytest.fixture(params=["folder", "zip"])
def own_pictures(request, tmp_path):
    """Two classes, one broken file, one hidden file: once as a folder, once as a .zip."""
    files = FILES | {".hidden.png": b""}
    if request.param == "zip":
        with zipfile.ZipFile(tmp_path / "pets.zip", "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return tmp_path / "pets.zip"
    for name, content in files.items():
        (tmp_path / "pets" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "pets" / name).write_bytes(content)
    return tmp_path / "pets"


def test_image_folder_takes_classes_from_subfolders_and_names_broken_files_once(own_pictures):
    with pytest.warns(UserWarning) as caught:
        images, labels, classes = data.image_folder(own_pictures, size=16)
    assert len(caught) == 1 and "dogs/broken.png" in str(caught[0].message)
    assert "hidden" not in str(caught[0].message)
    assert images.shape == (2, 3, 16, 16) and images.dtype == torch.float32
    assert images[0, :, 8, 8].tolist() == [1, -1, -1] and images[1, :, 8, 8].tolist() == [-1, -1, 1]
    assert labels.tolist() == [0, 1] and classes == ("cats", "dogs")


def test_image_folder_crops_the_centre_square_before_it_resizes(tmp_path):
    wide = Image.new("RGB", (60, 20), "black")
    wide.paste("white", (20, 0, 40, 20))
    wide.save(tmp_path / "wide.png")
    images, labels, classes = data.image_folder(tmp_path, size=10)
    assert (images > 0.8).all(), "the black sides must be cut off, not squeezed in (a resize may blur the border)"
    assert labels is None and classes == ()


def test_image_folder_turns_every_colour_mode_into_rgb(tmp_path):
    for mode in ("L", "RGBA", "P", "1", "CMYK"):
        Image.new(mode, (8, 8)).save(tmp_path / f"{mode}.{'jpg' if mode == 'CMYK' else 'png'}")
    assert data.image_folder(tmp_path, size=8).images.shape == (5, 3, 8, 8)


def test_image_folder_turns_photographs_upright(tmp_path):
    sideways = Image.new("RGB", (20, 20), "black")
    sideways.paste("white", (0, 0, 10, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 90 degrees clockwise to see the picture upright
    sideways.save(tmp_path / "phone.png", exif=exif)
    image = data.image_folder(tmp_path, size=20).images[0, 0]
    assert image[2].mean() == 1 and image[-3].mean() == -1, "the white half was left and belongs on top"


def test_a_limit_leaves_no_class_out(tmp_path):
    for name in "abcd":
        (tmp_path / name).mkdir()
        for i in range(5):
            (tmp_path / name / f"{i}.png").write_bytes(picture("red"))
    images, labels, classes = data.image_folder(tmp_path, limit=4)
    assert len(images) == 4 and labels.tolist() == [0, 1, 2, 3] and classes == tuple("abcd")


def test_many_unreadable_files_are_counted_not_all_listed(tmp_path):
    (tmp_path / "good.png").write_bytes(picture("red"))
    for i in range(15):
        (tmp_path / f"note{i:02}.txt").write_text("no picture")
    with pytest.warns(UserWarning, match="note09.txt and 5 more"):
        data.image_folder(tmp_path)


def test_image_folder_without_a_readable_picture_is_a_value_error(tmp_path):
    with pytest.raises(ValueError, match="no readable picture"):
        data.image_folder(tmp_path)
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(ValueError, match="no whole folder, .zip or array"):
        data.image_folder(tmp_path / "a.txt")
    with pytest.raises(data.DataNotFound, match="nowhere"):
        data.image_folder(tmp_path / "nowhere")


def test_load_takes_a_name_or_a_path_and_else_lists_what_is_allowed(own_pictures):
    pictures = ["digits", "photo_patches", "mnist", "fashion_mnist", "cifar10", "moving_digits"]
    assert list(data.DATASETS) == [*pictures, "vowels", "spoken_digits", "brackets"]
    with pytest.warns(UserWarning, match="broken"):
        assert data.load(own_pictures).images.shape == (2, 3, 32, 32)
    with pytest.raises(ValueError, match="mnits.*digits, photo_patches, mnist, fashion_mnist, cifar10.*folder or .zip"):
        data.load("mnits")
