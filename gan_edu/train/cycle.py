"""A step of two translators at once, one there and one back: CycleGAN (Zhu et al. 2017). Taught in chapter 12."""

from torch import Tensor

from gan_edu.train.game import GAN
from gan_edu.train.step import StepLosses, train_step


def cycle_step(gan: GAN, real: Tensor, condition: None = None) -> StepLosses:
    """One step of a GAN whose generator is a `models.PairGenerator`: the noise are the real pairs (b, a), swapped.

    real: (N, channels of b and a, H, W). With `losses.cycle` among G's terms this is CycleGAN: one loss of both
    translators, one backward pass, one move. It is called by `train(..., step=cycle_step)`.
    """
    return train_step(gan, real, gan.generator.swap(real))
