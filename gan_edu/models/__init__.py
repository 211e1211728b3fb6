"""Generators (noise to data) and discriminators (data to logits), one file per family.

Every generator has the attribute `latent_dim`; every discriminator returns logits (N,), never probabilities. Those that
are told a class take it as a second argument.
"""

from gan_edu.models.article import ArticleDiscriminator, ArticleGenerator
from gan_edu.models.clips import ClipDiscriminator, ClipGenerator
from gan_edu.models.conditional import ConcatDiscriminator, ConditionalGenerator, ProjectionDiscriminator
from gan_edu.models.dcgan import DCGANDiscriminator, DCGANGenerator, dcgan_init
from gan_edu.models.diffusion import Denoiser, ddim, levels, noised
from gan_edu.models.mlp import MLPDiscriminator, MLPGenerator
from gan_edu.models.saved import load_generator
from gan_edu.models.strings import StringDiscriminator, StringGenerator, straight_through
from gan_edu.models.style import ModulatedConv, StyleGenerator
from gan_edu.models.subpixel import SubpixelDiscriminator, SubpixelGenerator
from gan_edu.models.translators import PairDiscriminator, PairGenerator, PatchDiscriminator, UNetGenerator
from gan_edu.models.tutorial import TutorialDiscriminator, TutorialGenerator
from gan_edu.models.waves import PhaseShuffle, WaveDiscriminator, WaveGenerator
