"""Explorers to press and drag in a notebook: the minimax game (chapter 01), a GAN in the plane (chapter 04), how a game
of two numbers is played (chapter 07), how scores are cheated (chapter 09), how a generator is steered (chapter 11),
clips that play (chapter 13), vowels that sound (chapter 14), a writer that is turned hot and cold (chapter 15),
digits that appear out of noise (chapter 16), pictures of which some were trained on (chapter 17), and machines that
train together (chapter 18).

Each is an object with `.widget`, shown by leaving it as the last line of a cell; where widgets cannot be shown (a page
that is only read) its place is taken by one line of text.
"""

from gan_edu.playground.dirac import DiracExplorer
from gan_edu.playground.game import GANPlayground
from gan_edu.playground.minimax import MinimaxExplorer
from gan_edu.playground.samples import (
    ClipExplorer,
    DiffusionExplorer,
    MembershipGame,
    ScoresExplorer,
    SharpenExplorer,
    SteeringExplorer,
)
from gan_edu.playground.scaling import ScalingExplorer
from gan_edu.playground.speech import VowelPad
from gan_edu.playground.text import TextExplorer
