"""The networks against published shapes and parameter counts that were worked out by hand."""

import pytest
import torch
from torch import nn

from gan_edu.models import (
    ArticleDiscriminator,
    ArticleGenerator,
    DCGANDiscriminator,
    DCGANGenerator,
    MLPDiscriminator,
    MLPGenerator,
    dcgan_init,
)

GENERATORS = {
    "mlp": (lambda: MLPGenerator(latent_dim=3, data_dim=2), (2,)),
    "dcgan 8": (lambda: DCGANGenerator(size=8, channels=1, latent_dim=3, width=8), (1, 8, 8)),
    "dcgan 28": (lambda: DCGANGenerator(size=28, channels=1, latent_dim=3, width=8), (1, 28, 28)),
    "dcgan 32": (lambda: DCGANGenerator(size=32, channels=3, latent_dim=3, width=8), (3, 32, 32)),
    "article 28": (lambda: ArticleGenerator(latent_dim=3), (1, 28, 28)),
    "article 32": (lambda: ArticleGenerator(size=32, channels=3, latent_dim=3), (3, 32, 32)),
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


@pytest.mark.parametrize("pair", [DCGANGenerator, DCGANDiscriminator])
def test_dcgan_size_that_does_not_exist(pair):
    with pytest.raises(ValueError, match="size 30; choose one of 8, 28, 32"):
        pair(size=30)


@pytest.mark.parametrize("pair", [ArticleGenerator, ArticleDiscriminator])
@pytest.mark.parametrize("size", [30, 0])
def test_article_size_that_cannot_be_halved_twice(pair, size):
    with pytest.raises(ValueError, match=f"multiple of 4, not {size}"):
        pair(size=size)
