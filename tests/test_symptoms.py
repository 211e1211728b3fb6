"""What `train` tells of a sick run, in runs that are sick, and that it is silent in healthy ones."""

import inspect
import re
import warnings

import pytest
import torch
from conftest import ROOT
from torch import nn
from torch.nn.functional import softplus

from gan_edu import data, models, recipes, train
from gan_edu.train.symptoms import Symptom, tell

pytestmark = pytest.mark.usefixtures("one_thread")
SIGNS = {"gradient": "no gradient", "alike": "all alike", "outside": "lie outside", "sign": "one sign"}


def pair(last=None, rate=1e-3, d_rate=1e-3, loss="non_saturating", images=False):
    """A tiny GAN, for points in the plane or for pictures of 4x4 pixels, with batches of its data."""
    torch.manual_seed(0)
    if images:
        shape = nn.Sequential(last or nn.Tanh(), nn.Unflatten(1, (1, 4, 4)))
        generator = nn.Sequential(nn.Linear(2, 16), shape)
        discriminator = nn.Sequential(nn.Flatten(), nn.Linear(16, 16), nn.LeakyReLU(), nn.Linear(16, 1), nn.Flatten(0))
        real = torch.rand(256, 1, 4, 4) * 2 - 1
    else:
        generator, discriminator = models.MLPGenerator(hidden=16), models.MLPDiscriminator(hidden=16)
        real = data.ring().sample(256)
    players = ((generator, rate), (discriminator, d_rate))
    adams = [torch.optim.Adam(network.parameters(), lr) for network, lr in players]
    gan = train.GAN(generator, discriminator, loss, *adams, latent_dim=2, device="cpu")
    return gan, data.Batches(real, batch_size=32, device="cpu")


def told(gan, batches, steps=300, **settings) -> set[str]:
    """The symptoms that a run warns of, by the names in SIGNS; a symptom told twice fails."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        train.train(gan, batches, steps, progress=False, **settings)
    said = [str(warning.message) for warning in caught if issubclass(warning.category, Symptom)]
    assert len(said) == len(set(said)) and all(warning.filename == __file__ for warning in caught)
    return {name for name, words in SIGNS.items() if any(words in message for message in said)}


def step_with_detach(gan, real, noise=None, condition=None):
    """A step of the reader's own in which no gradient reaches G."""
    fake = gan.generate(gan.sample_noise(len(real)))
    d_loss = train.discriminator_step(gan, real, fake.detach())
    g_loss = softplus(-gan.judge(fake.detach())).mean()
    gan.g_optimizer.zero_grad()
    g_loss.backward()
    gan.g_optimizer.step()
    return train.StepLosses(d_loss, g_loss.detach())


def step_with_one_label(gan, real, noise=None, condition=None):
    """A step of the reader's own in which D is told that fakes are real as well."""
    fake = gan.generate(gan.sample_noise(len(real)))
    d_loss = softplus(-gan.judge(real)).mean() + softplus(-gan.judge(fake.detach())).mean()
    train.differentiate(d_loss, gan.d_optimizer)
    train.move(gan.d_optimizer)
    return train.StepLosses(d_loss.detach(), train.generator_step(gan, real, fake))


def test_a_healthy_tiny_run_is_silent():
    assert told(*pair()) == set()
    assert told(*pair(images=True)) == set()


def test_no_gradient_at_g():
    assert told(*pair(), step=step_with_detach) == {"gradient"}
    gan, batches = pair()
    assert told(gan, batches, steps=299, step=step_with_detach) == set()  # nobody looked yet


def test_minimax_where_d_is_so_sure_that_its_slope_is_zero_in_float32():
    gan, batches = pair(loss="minimax", d_rate=1e-6)
    gan.discriminator.net[-1].bias.data.fill_(-500.0)
    assert told(gan, batches) == {"gradient", "sign"}


def test_samples_all_alike():
    gan, batches = pair(rate=0.0)
    gan.generator.net[-1].weight.data.zero_()
    assert told(gan, batches) == {"alike"}


def test_images_outside():
    gan, batches = pair(last=nn.Identity(), images=True, rate=1e-6)
    gan.generator[0].weight.data.mul_(4)
    assert told(gan, batches) == {"outside"}
    assert told(*pair(images=True, rate=1e-6)) == set()


def test_one_sign_for_both():
    assert told(*pair(rate=1e-6), step=step_with_one_label) == {"sign"}
    gan, batches = pair(rate=1e-6, d_rate=1e-6)
    gan.discriminator.net[-1].bias.data.fill_(9.0)
    assert told(gan, batches) == {"sign"}


@pytest.mark.parametrize("loss", ["wasserstein", "least_squares", "relativistic"])
def test_a_sign_that_means_nothing_is_no_symptom(loss):
    gan, batches = pair(loss=loss, rate=1e-6, d_rate=1e-6)
    gan.discriminator.net[-1].bias.data.fill_(9.0)
    assert told(gan, batches) == set()


def test_each_symptom_is_told_once_in_a_run_and_again_in_the_next():
    gan, batches = pair(rate=1e-6, d_rate=1e-6)
    gan.discriminator.net[-1].bias.data.fill_(9.0)
    assert told(gan, batches, steps=900) == {"sign"} and told(gan, batches) == {"sign"}


class Blur(nn.Module):
    """Noise in evaluation mode, too, as a remedy of chapter 8 has it."""

    def forward(self, x):
        return x + torch.randn_like(x)


def test_a_step_that_clears_its_gradients_is_no_symptom():
    def tidy_step(gan, real, **more):
        losses = train.train_step(gan, real, **more)
        gan.g_optimizer.zero_grad()
        return losses

    ring = data.ring()
    gan, batches = recipes.plane(ring, device="cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("error", Symptom)
        train.train(gan, batches, 300, step=tidy_step, progress=False)


def test_a_look_changes_nothing():
    """Neither weights, buffers and modes nor random numbers, also with batch norm and dropout in both networks."""
    torch.manual_seed(0)
    generator = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 2))
    blur = [Blur(), nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 1), nn.Flatten(0)]
    gan = train.GAN(generator, nn.Sequential(*blur), latent_dim=2, ema=0.9, device="cpu")
    generator[1].eval()  # as somebody may have left it
    train.train_step(gan, torch.randn(16, 2))
    before = {name: value.clone() for net in gan.networks().values() for name, value in net.state_dict().items()}
    modes = [module.training for net in gan.networks().values() for module in net.modules()]
    dice = torch.get_rng_state()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Symptom)
        tell(gan, torch.randn(16, 2, generator=torch.Generator().manual_seed(1)), None, set())
    after = {name: value for net in gan.networks().values() for name, value in net.state_dict().items()}
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert modes == [module.training for net in gan.networks().values() for module in net.modules()]
    assert torch.equal(dice, torch.get_rng_state())


def test_a_generator_with_a_condition_is_looked_at_with_it():
    class Conditional(nn.Module):
        def __init__(self, inputs, outputs):
            super().__init__()
            self.net = nn.Linear(inputs + 3, outputs)

        def forward(self, x, label):
            out = self.net(torch.cat([x, nn.functional.one_hot(label, 3)], 1))
            return out.squeeze(1) if out.shape[1] == 1 else out

    torch.manual_seed(0)
    gan = train.GAN(Conditional(2, 2), Conditional(2, 1), latent_dim=2, device="cpu")
    batches = data.Batches(data.ring().sample(96), torch.arange(96) % 3, batch_size=32, device="cpu")
    assert told(gan, batches) == set()


def test_the_recipe_of_the_plane_is_silent():
    gan, batches = recipes.plane(data.ring(), seed=0, device="cpu")
    assert told(gan, batches, steps=600) == set()


def test_what_notebooks_are_compared_without_is_what_train_says():
    """The Makefile names the first words of each message; another message would come on some CPUs alone."""
    left_out = re.search(r"^SYMPTOMS := (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE).group(1)
    first_words = [part.removeprefix("ignore:") for part in left_out.split(",")]
    messages = re.findall(r'^        "(.+)": ', inspect.getsource(tell), re.MULTILINE)
    assert len(messages) == len(first_words) == len(SIGNS)
    assert all(message.startswith(first) for message, first in zip(messages, first_words, strict=True))
