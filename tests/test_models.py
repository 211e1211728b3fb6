"""The networks against published shapes and parameter counts that were worked out by hand."""

import math

import numpy as np
import pytest
import torch
from scipy.signal import correlate2d
from torch import nn

from gan_edu.models import (
    ArticleDiscriminator,
    ArticleGenerator,
    DCGANDiscriminator,
    DCGANGenerator,
    MLPDiscriminator,
    MLPGenerator,
    SubpixelDiscriminator,
    SubpixelGenerator,
    TutorialDiscriminator,
    TutorialGenerator,
    dcgan_init,
    subpixel,
)
from gan_edu.models.tutorial import like_keras

GENERATORS = {
    "mlp": (lambda: MLPGenerator(latent_dim=3, data_dim=2), (2,)),
    "dcgan 8": (lambda: DCGANGenerator(size=8, channels=1, latent_dim=3, width=8), (1, 8, 8)),
    "dcgan 28": (lambda: DCGANGenerator(size=28, channels=1, latent_dim=3, width=8), (1, 28, 28)),
    "dcgan 32": (lambda: DCGANGenerator(size=32, channels=3, latent_dim=3, width=8), (3, 32, 32)),
    "article 28": (lambda: ArticleGenerator(latent_dim=3), (1, 28, 28)),
    "article 32": (lambda: ArticleGenerator(size=32, channels=3, latent_dim=3), (3, 32, 32)),
    "subpixel 8": (lambda: SubpixelGenerator(size=8, channels=1, latent_dim=3, width=8), (1, 8, 8)),
    "subpixel 28": (lambda: SubpixelGenerator(size=28, channels=1, latent_dim=3, width=8), (1, 28, 28)),
    "subpixel 32": (lambda: SubpixelGenerator(size=32, channels=3, latent_dim=3, width=8), (3, 32, 32)),
}
DISCRIMINATORS = {
    "mlp": (lambda: MLPDiscriminator(data_dim=2), (2,)),
    "dcgan 8": (lambda: DCGANDiscriminator(size=8, channels=1, width=8), (1, 8, 8)),
    "dcgan 28": (lambda: DCGANDiscriminator(size=28, channels=1, width=8), (1, 28, 28)),
    "dcgan 32 with batch norm": (
        lambda: DCGANDiscriminator(size=32, channels=3, width=8, batch_norm=True),
        (3, 32, 32),
    ),
    "article 28": (lambda: ArticleDiscriminator(size=28, channels=1), (1, 28, 28)),
    "article 32": (lambda: ArticleDiscriminator(), (3, 32, 32)),
    "tutorial 28": (TutorialDiscriminator, (1, 28, 28)),
    "tutorial 32": (lambda: TutorialDiscriminator(size=32, channels=3), (3, 32, 32)),
    "subpixel 8": (lambda: SubpixelDiscriminator(size=8, channels=1, width=8), (1, 8, 8)),
    "subpixel 28": (lambda: SubpixelDiscriminator(size=28, channels=1, width=8), (1, 28, 28)),
    "subpixel 32": (lambda: SubpixelDiscriminator(size=32, channels=3, width=8), (3, 32, 32)),
}
every_generator = pytest.mark.parametrize(("build", "shape"), GENERATORS.values(), ids=GENERATORS)
every_discriminator = pytest.mark.parametrize(("build", "shape"), DISCRIMINATORS.values(), ids=DISCRIMINATORS)


@pytest.fixture(autouse=True)
def fixed_seed():
    torch.manual_seed(0)


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def shapes_after_each(network: nn.Module, kind: type | tuple, example: torch.Tensor) -> list[tuple[int, ...]]:
    """The shape, without the batch axis, that every layer of this kind puts out, in order."""
    shapes = []
    hooks = [
        layer.register_forward_hook(lambda _layer, _given, out: shapes.append(tuple(out.shape[1:])))
        for layer in network.modules()
        if isinstance(layer, kind)
    ]
    network(example)
    for hook in hooks:
        hook.remove()
    return shapes


@every_generator
def test_generator_maps_noise_to_data(build, shape):
    generator = build()
    assert generator(torch.randn(5, generator.latent_dim)).shape == (5, *shape)


@every_generator
def test_images_are_in_range_and_points_are_not_bounded(build, shape):
    extreme = build()(1e3 * torch.randn(64, 3)).abs().max()
    assert extreme <= 1 if len(shape) == 3 else extreme > 1


@every_generator
def test_generator_depends_on_every_latent_coordinate(build, shape):
    generator = build().eval()
    noise = torch.randn(2, generator.latent_dim)
    for i in range(generator.latent_dim):
        moved = noise.clone()
        moved[:, i] += 1.0
        assert not torch.equal(generator(moved), generator(noise)), f"coordinate {i} has no effect"


@every_generator
def test_generator_in_eval_mode_repeats_itself_and_treats_samples_alone(build, shape):
    generator = build().eval()
    noise = torch.randn(6, generator.latent_dim)
    assert torch.equal(generator(noise), generator(noise))
    torch.testing.assert_close(generator(noise)[:2], generator(noise[:2]), rtol=1e-4, atol=1e-5)


@every_discriminator
def test_discriminator_gives_one_unbounded_logit_for_each_sample(build, shape):
    discriminator = build().eval()
    logits = discriminator(1e5 * torch.randn(256, *shape))
    assert logits.shape == (256,)
    assert logits.min() < 0 and logits.max() > 0, "a probability is never negative"
    assert logits.abs().max() > 1, "logits are not squashed"


@every_discriminator
def test_discriminator_in_eval_mode_repeats_itself_and_treats_samples_alone(build, shape):
    discriminator = build().eval()
    images = torch.randn(6, *shape)
    assert torch.equal(discriminator(images), discriminator(images))
    torch.testing.assert_close(discriminator(images)[:2], discriminator(images[:2]), rtol=1e-4, atol=1e-5)


@every_discriminator
def test_every_pixel_moves_the_logit(build, shape):
    images = torch.randn(4, *shape, requires_grad=True)
    discriminator = build().eval()
    (slope,) = torch.autograd.grad(discriminator(images).sum(), images)
    assert (slope.abs().sum(0) > 0).all()


def test_article_generator_starts_from_7x7x256():
    """100 numbers, 7x7x256, 7x7x128, 14x14x64, 28x28x1: TensorFlow's DCGAN tutorial asserts the same shapes."""
    shapes = shapes_after_each(ArticleGenerator(), (nn.Unflatten, nn.ConvTranspose2d), torch.randn(2, 100))
    assert shapes == [(256, 7, 7), (128, 7, 7), (64, 14, 14), (1, 28, 28)]


def test_article_discriminator_halves_twice():
    shapes = shapes_after_each(ArticleDiscriminator(), nn.Conv2d, torch.randn(2, 3, 32, 32))
    assert shapes == [(64, 16, 16), (128, 8, 8)]


@pytest.mark.parametrize(
    ("size", "maps"),
    {
        8: [(128, 2, 2), (64, 4, 4), (1, 8, 8)],
        28: [(128, 7, 7), (64, 14, 14), (1, 28, 28)],
        32: [(256, 4, 4), (128, 8, 8), (64, 16, 16), (1, 32, 32)],
    }.items(),
)
def test_dcgan_doubles_and_halves_the_edge(size, maps):
    generator, discriminator = DCGANGenerator(size), DCGANDiscriminator(size)
    assert shapes_after_each(generator, (nn.Unflatten, nn.ConvTranspose2d), torch.randn(2, 100)) == maps
    images = torch.randn(2, 1, size, size)
    assert shapes_after_each(discriminator, nn.Conv2d, images) == maps[-2::-1]


@pytest.mark.parametrize(
    ("network", "parameters"),
    [
        # weights and biases of 2 -> 64 -> 64 -> 2 and 2 -> 64 -> 64 -> 1
        (MLPGenerator(), 2 * 64 + 64 + 64 * 64 + 64 + 64 * 2 + 2),
        (MLPDiscriminator(), 2 * 64 + 64 + 64 * 64 + 64 + 64 * 1 + 1),
        # linear; batch norm; 128 -> 64, kernel 4x4; batch norm; 64 -> 1, with bias
        (DCGANGenerator(28), 100 * 6272 + 2 * 128 + 128 * 64 * 16 + 2 * 64 + 64 * 16 + 1),
        (DCGANDiscriminator(28), 64 * 16 + 64 + 64 * 128 * 16 + 128 + 6272 + 1),
        # batch norm replaces the second convolution's 128 biases by 128 scales and 128 shifts
        (DCGANDiscriminator(28, batch_norm=True), 64 * 16 + 64 + 64 * 128 * 16 + 2 * 128 + 6272 + 1),
        # linear to 12544; batch norm; 5x5 kernels, the first two followed by batch norm
        (ArticleGenerator(), 100 * 12544 + 2 * 12544 + 25 * (256 * 128 + 128 * 64 + 64) + 2 * 128 + 2 * 64),
        (ArticleDiscriminator(), 25 * 3 * 64 + 64 + 25 * 64 * 128 + 128 + 128 * 64 + 1),
        # linear; batch norm; 64 -> 4 x 32, kernel 3x3; batch norm; 32 -> 32; batch norm; 32 -> 4 x 1, with bias
        (SubpixelGenerator(28), 64 * 64 * 49 + 2 * 64 + 9 * 64 * 128 + 9 * 32 * 32 + 2 * 2 * 32 + 9 * 32 * 4 + 4),
        # 4 x 1 -> 20, kernel 3x3; 20 -> 40, kernel 4x4; 40 -> 40, kernel 3x3; linear
        (SubpixelDiscriminator(28), 9 * 4 * 20 + 20 + 16 * 20 * 40 + 40 + 9 * 40 * 40 + 40 + 40 * 49 + 1),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_number_of_parameters(network, parameters):
    assert count(network) == parameters


def test_dcgan_batch_norm_is_optional_and_never_sees_the_images_first():
    layers = [type(layer) for layer in DCGANDiscriminator(32, batch_norm=True).downsample]
    assert layers.count(nn.BatchNorm2d) == 2
    assert layers[:2] == [nn.Conv2d, nn.LeakyReLU]
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in DCGANDiscriminator(32).modules())


@pytest.mark.parametrize("network", [DCGANGenerator(32), DCGANDiscriminator(32, batch_norm=True)], ids=["G", "D"])
def test_dcgan_weights_are_drawn_as_published(network):
    """N(0, 0.02^2); the spread of n draws is known to about 0.02 / sqrt(2 n)."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            n = layer.weight.numel()
            assert layer.weight.std().item() == pytest.approx(0.02, abs=5 * 0.02 / (2 * n) ** 0.5)
            assert layer.weight.mean().item() == pytest.approx(0.0, abs=5 * 0.02 / n**0.5)
        if isinstance(layer, nn.BatchNorm2d):
            assert layer.weight.mean().item() == pytest.approx(1.0, abs=5 * 0.02 / len(layer.weight) ** 0.5)
        if getattr(layer, "bias", None) is not None:
            assert layer.bias.count_nonzero() == 0


def test_dcgan_init_reaches_nested_layers_of_any_network():
    network = nn.Sequential(nn.Sequential(nn.Conv2d(64, 64, 4)), nn.ReLU())
    before = network[0][0].weight.std()
    network.apply(dcgan_init)
    assert before > 0.015 and network[0][0].weight.std().item() == pytest.approx(0.02, abs=1e-3)
    assert network[0][0].bias.count_nonzero() == 0


def test_article_slopes_and_dropout_are_the_printed_ones():
    for network in (ArticleGenerator(), ArticleDiscriminator()):
        slopes = {layer.negative_slope for layer in network.modules() if isinstance(layer, nn.LeakyReLU)}
        assert slopes == {0.3}
    assert [layer.p for layer in ArticleDiscriminator().modules() if isinstance(layer, nn.Dropout)] == [0.3, 0.3]


def test_article_pair_as_printed_does_not_fit_and_says_so():
    images = ArticleGenerator()(torch.randn(4, 100))
    message = r"ArticleDiscriminator takes \(N, 3, 32, 32\) but was given \(4, 1, 28, 28\)"
    with pytest.raises(ValueError, match=message):
        ArticleDiscriminator()(images)


@pytest.mark.parametrize("size", [28, 32])
def test_article_pair_fits_when_both_get_one_size(size):
    images = ArticleGenerator(size, 3)(torch.randn(4, 100))
    assert ArticleDiscriminator(size, 3)(images).shape == (4,)


@pytest.mark.parametrize(
    ("size", "maps"),
    {
        8: [(32, 2, 2), (16, 4, 4), (1, 8, 8)],
        28: [(32, 7, 7), (16, 14, 14), (1, 28, 28)],
        32: [(64, 4, 4), (32, 8, 8), (16, 16, 16), (1, 32, 32)],
    }.items(),
)
def test_subpixel_doubles_and_halves_the_edge_and_no_convolution_runs_at_full_size(size, maps):
    generator, discriminator = SubpixelGenerator(size, width=16), SubpixelDiscriminator(size, width=16)
    noise, images = torch.randn(2, 64), torch.randn(2, 1, size, size)
    assert shapes_after_each(generator, (nn.Unflatten, nn.PixelShuffle), noise) == maps
    convolved = [(4 * channels, edge // 2, edge // 2) for channels, edge, _ in maps[1:]]
    assert shapes_after_each(generator, nn.Conv2d, noise) == [*convolved[:-1], maps[-2], convolved[-1]]
    assert shapes_after_each(discriminator, nn.Conv2d, images) == [*maps[-2::-1], maps[0]]


@pytest.mark.parametrize("channels", [1, 3])
def test_shuffling_by_hand_is_pytorchs_bit_for_bit_and_keeps_channels_last(channels):
    last, first = torch.channels_last, torch.contiguous_format
    for memory_format in (first, last):
        small = torch.randn(2, 4 * channels, 3, 5).contiguous(memory_format=memory_format).requires_grad_()
        large = torch.randn(2, channels, 6, 10).contiguous(memory_format=memory_format).requires_grad_()
        pairs = ((subpixel.to_pixels, nn.PixelShuffle(2), small), (subpixel.to_channels, nn.PixelUnshuffle(2), large))
        for by_hand, pytorchs, x in pairs:
            found, expected = by_hand(x), pytorchs(x)
            assert torch.equal(found, expected) and found.is_contiguous(memory_format=last)
            weights = torch.randn(found.shape)
            assert torch.equal(*(torch.autograd.grad((y * weights).sum(), x)[0] for y in (found, expected)))


def test_on_a_gpu_the_subpixel_pair_shuffles_by_hand_where_channels_are_last(monkeypatch):
    x = torch.randn(2, 8, 3, 3)
    assert not subpixel._by_hand(x.contiguous(memory_format=torch.channels_last))  # PyTorch's own keeps them here
    assert subpixel._by_hand(torch.empty(2, 8, 3, 3, device="meta", memory_format=torch.channels_last))
    assert not subpixel._by_hand(torch.empty(2, 8, 3, 3, device="meta"))
    generator, discriminator = SubpixelGenerator(28, width=8), SubpixelDiscriminator(28, width=8)
    noise = torch.randn(4, 64)
    with monkeypatch.context() as patched:
        patched.setattr(subpixel, "_by_hand", lambda x: True)
        by_hand = discriminator(generator.eval()(noise))
    torch.testing.assert_close(discriminator(generator(noise)), by_hand)


def test_subpixel_discriminator_judges_images_alone_in_training_too_and_without_chance():
    discriminator, images = SubpixelDiscriminator(), torch.randn(6, 1, 28, 28)
    assert discriminator.training
    torch.testing.assert_close(discriminator(images)[:2], discriminator(images[:2]), rtol=1e-4, atol=1e-5)


def test_subpixel_discriminator_weighs_what_it_sees_in_one_place_by_what_it_sees_in_another():
    """A sum over places, or a network that looks a few pixels far, has no mixed differences: d1 d2 D = 0."""
    discriminator = SubpixelDiscriminator().double()
    empty, left, right = (torch.zeros(1, 1, 28, 28).double() for _ in range(3))
    left[..., 10:14, 7:9], right[..., 10:14, 23:25] = 1.0, 1.0  # 14 pixels between them
    mixed = discriminator(left + right) - discriminator(left) - discriminator(right) + discriminator(empty)
    assert mixed.abs() > 1e-6


# TensorFlow's tutorial: the article's layers as Keras computes them


def halving_and_doubling():
    """A convolution of stride 2 and a transposed one with the same weights, both as Keras pads them, in float64."""
    down = nn.Sequential(nn.Conv2d(2, 3, 5, stride=2, padding=2, bias=False))
    up = nn.Sequential(nn.ConvTranspose2d(3, 2, 5, stride=2, padding=2, output_padding=1, bias=False))
    for layers in (down, up):
        like_keras(layers.double())
    (weight,), (other,) = down.parameters(), up.parameters()
    other.data.copy_(weight.data)
    return down, up, weight.detach().numpy()


@pytest.mark.parametrize("edge", [4, 14, 28])
def test_same_padding_of_stride_two_puts_one_row_before_and_two_after(edge):
    down, _, weight = halving_and_doubling()
    images = np.random.default_rng(0).normal(size=(2, 2, edge, edge))
    padded = np.pad(images, ((0, 0), (0, 0), (1, 2), (1, 2)))
    expected = [
        [sum(correlate2d(channel, w, "valid") for channel, w in zip(image, kernel, strict=True)) for kernel in weight]
        for image in padded
    ]
    found = down(torch.from_numpy(images)).detach().numpy()
    assert found.shape == (2, 3, edge // 2, edge // 2)
    np.testing.assert_allclose(found, np.array(expected)[..., ::2, ::2], atol=1e-12)


@pytest.mark.parametrize("edge", [4, 14, 28])
def test_the_transposed_convolution_is_the_adjoint_of_the_convolution(edge):
    down, up, _ = halving_and_doubling()
    images, maps = torch.randn(2, 2, edge, edge).double(), torch.randn(2, 3, edge // 2, edge // 2).double()
    assert up(maps).shape == images.shape
    assert (down(images) * maps).sum().item() == pytest.approx((images * up(maps)).sum().item(), rel=1e-12)


def test_the_tutorials_padding_is_not_the_articles():
    torch.manual_seed(0)
    tutorial, article = TutorialDiscriminator().eval(), ArticleDiscriminator(28, 1).eval()
    pairs = zip(article.parameters(), tutorial.parameters(), strict=True)
    with torch.no_grad():
        for ours, theirs in pairs:
            ours.copy_(theirs)
    spot = torch.zeros(1, 1, 28, 28)
    spot[..., 0, 0] = 1.0  # in the corner, the two centre their kernels one pixel apart
    assert (tutorial(spot) - article(spot)).abs() > 1e-5


def test_the_tutorial_has_the_counts_that_keras_prints():
    # Its `summary()`: 2,330,944 parameters of G, of which 25,472 are batch norm's statistics; 212,865 of D.
    generator = TutorialGenerator()
    statistics = sum(b.numel() for name, b in generator.named_buffers() if "num_batches" not in name)
    assert statistics == 25_472 == 2 * (12544 + 128 + 64)
    assert count(generator) + statistics == 2_330_944
    assert count(TutorialDiscriminator()) == 212_865


def test_the_tutorials_maps_are_those_of_keras():
    kinds = (nn.Linear, nn.Unflatten, nn.ZeroPad2d, nn.Tanh)
    shapes = shapes_after_each(TutorialGenerator(), kinds, torch.randn(2, 100))
    assert shapes == [(12544,), (256, 7, 7), (64, 14, 14), (1, 28, 28), (1, 28, 28)]
    halves = shapes_after_each(TutorialDiscriminator(), nn.Conv2d, torch.randn(2, 1, 28, 28))
    assert halves == [(64, 14, 14), (128, 7, 7)]


def test_batch_norm_of_the_tutorial_has_the_numbers_of_keras():
    norms = [layer for layer in TutorialGenerator().modules() if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d)]
    assert len(norms) == 3
    for norm in norms:
        x = 3 + 2 * torch.randn(64, norm.num_features, *[1] * isinstance(norm, nn.BatchNorm2d) * 2)
        axes = [axis for axis in range(x.dim()) if axis != 1]
        mean, variance = x.mean(axes, keepdim=True), x.var(axes, keepdim=True, correction=0)
        torch.testing.assert_close(norm(x), (x - mean) / (variance + 1e-3).sqrt())
        torch.testing.assert_close(norm.running_mean, 0.01 * mean.flatten())  # 0.99 of the start, which is 0


@pytest.mark.parametrize("network", [TutorialGenerator, TutorialDiscriminator])
def test_weights_of_the_tutorial_are_glorots(network):
    layers = [m for m in network().modules() if isinstance(m, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)]
    assert len(layers) == {TutorialGenerator: 4, TutorialDiscriminator: 3}[network]
    for layer in layers:
        fans = sum(layer.weight.shape[:2]) * layer.weight[0, 0].numel()  # the field of a kernel times both channels
        bound, n = math.sqrt(6 / fans), layer.weight.numel()
        assert bound * (1 - 20 / n) < layer.weight.abs().max() <= bound
        assert layer.weight.mean().item() == pytest.approx(0, abs=5 * bound / math.sqrt(3 * n))
        assert layer.weight.var().item() == pytest.approx(bound**2 / 3, rel=5 / math.sqrt(n))
        assert layer.bias is None or not layer.bias.any()


def keras_pair(keras):
    """The two networks of the tutorial, written with Keras."""
    layers = keras.layers
    kernel = {"kernel_size": 5, "padding": "same"}
    generator = keras.Sequential(
        [
            layers.Input((100,)),
            layers.Dense(7 * 7 * 256, use_bias=False),
            layers.BatchNormalization(),
            layers.LeakyReLU(),
            layers.Reshape((7, 7, 256)),
            layers.Conv2DTranspose(128, strides=1, use_bias=False, **kernel),
            layers.BatchNormalization(),
            layers.LeakyReLU(),
            layers.Conv2DTranspose(64, strides=2, use_bias=False, **kernel),
            layers.BatchNormalization(),
            layers.LeakyReLU(),
            layers.Conv2DTranspose(1, strides=2, use_bias=False, activation="tanh", **kernel),
        ]
    )
    discriminator = keras.Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(64, strides=2, **kernel),
            layers.LeakyReLU(),
            layers.Dropout(0.3),
            layers.Conv2D(128, strides=2, **kernel),
            layers.LeakyReLU(),
            layers.Dropout(0.3),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )
    return generator, discriminator


def give_weights(network, keras_network):
    """Copy weights into Keras' layers: kernels are (height, width, in, out) there, and maps end in their channels."""
    ours = [m for m in network.modules() if isinstance(m, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)]
    kinds = ("Dense", "Conv2D", "Conv2DTranspose")
    theirs = [layer for layer in keras_network.layers if type(layer).__name__ in kinds]
    for layer, keras_layer in zip(ours, theirs, strict=True):
        weight = layer.weight.detach().numpy()
        if weight.ndim == 4:
            weight = weight.transpose(2, 3, 1, 0)
        elif weight.shape[1] == 100:
            weight = weight.reshape(256, 49, 100).transpose(2, 1, 0).reshape(100, -1)
        else:
            weight = weight.reshape(128, 49).T.reshape(-1, 1)
        keras_layer.set_weights([weight] + ([] if layer.bias is None else [layer.bias.detach().numpy()]))


@pytest.fixture(scope="module")
def keras():
    tensorflow = pytest.importorskip("tensorflow", reason="compares with Keras where TensorFlow is installed")
    return tensorflow.keras


def test_the_tutorials_pair_is_that_of_keras(keras):
    torch.manual_seed(0)
    generator, discriminator = TutorialGenerator(), TutorialDiscriminator()
    keras_generator, keras_discriminator = keras_pair(keras)
    assert keras_generator.count_params() == 2_330_944 and keras_discriminator.count_params() == 212_865
    with torch.no_grad():
        for bias in (p for p in discriminator.parameters() if p.dim() == 1):
            bias.normal_()
        give_weights(generator, keras_generator)
        give_weights(discriminator, keras_discriminator)
        noise = torch.randn(16, 100)
        for training in (True, False):  # by statistics of the batch, then by those that were kept
            fakes = generator.train(training)(noise)
            expected = np.array(keras_generator(noise.numpy(), training=training)).transpose(0, 3, 1, 2)
            np.testing.assert_allclose(fakes.numpy(), expected, atol=1e-5)
        logits = discriminator.eval()(fakes)
        expected = np.array(keras_discriminator(fakes.numpy().transpose(0, 2, 3, 1), training=False))[:, 0]
        np.testing.assert_allclose(logits.numpy(), expected, atol=1e-5)


@every_generator
def test_wrong_noise_is_named(build, shape):
    name = type(build()).__name__
    for wrong in (torch.randn(5, 4), torch.randn(5, 3, 1, 1), torch.randn(3)):
        with pytest.raises(ValueError, match=rf"{name} takes \(N, 3\) but was given \({wrong.shape[0]}"):
            build()(wrong)


@every_discriminator
def test_wrong_data_is_named(build, shape):
    name = type(build()).__name__
    for wrong in (torch.randn(5, 1, *shape), torch.randn(5, shape[0] + 1, *shape[1:]), torch.randn(shape)):
        with pytest.raises(ValueError, match=rf"{name} takes \(N, {shape[0]}.* but was given \("):
            build()(wrong)


@pytest.mark.parametrize("pair", [DCGANGenerator, DCGANDiscriminator, SubpixelGenerator, SubpixelDiscriminator])
def test_dcgan_size_that_does_not_exist(pair):
    with pytest.raises(ValueError, match="size 30; choose one of 8, 28, 32"):
        pair(size=30)


@pytest.mark.parametrize("pair", [ArticleGenerator, ArticleDiscriminator])
@pytest.mark.parametrize("size", [30, 0])
def test_article_size_that_cannot_be_halved_twice(pair, size):
    with pytest.raises(ValueError, match=f"multiple of 4, not {size}"):
        pair(size=size)
