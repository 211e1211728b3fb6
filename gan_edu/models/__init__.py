"""Generators (noise to data) and discriminators (data to logits), one file per family.

Every generator has the attribute `latent_dim`; every discriminator returns logits (N,), never probabilities.
"""

from gan_edu.models.article import ArticleDiscriminator, ArticleGenerator
from gan_edu.models.dcgan import DCGANDiscriminator, DCGANGenerator, dcgan_init
from gan_edu.models.mlp import MLPDiscriminator, MLPGenerator
from gan_edu.models.saved import load_generator
from gan_edu.models.subpixel import SubpixelDiscriminator, SubpixelGenerator
from gan_edu.models.tutorial import TutorialDiscriminator, TutorialGenerator
