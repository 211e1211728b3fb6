"""Where the data comes from: mixtures of Gaussians, images, clips, sounds, strings, records, and batches of them."""

from gan_edu.data.batches import Batches
from gan_edu.data.clips import SPEEDS, bouncing, moving_digits, place
from gan_edu.data.domains import hue_of, paint, slant
from gan_edu.data.images import (
    DATASETS,
    DataNotFound,
    Images,
    cifar10,
    data_root,
    digits,
    fashion_mnist,
    image_folder,
    load,
    mnist,
    photo_patches,
)
from gan_edu.data.mixtures import Mixture, grid, ring
from gan_edu.data.records import cheapest, mazes, patients, returns, shortest, solvable, walls_in_the_way
from gan_edu.data.shapes import Cloud, fit, letters
from gan_edu.data.sounds import FORMANTS, PITCHES, RATE, read_wav, resonance, sing, spoken_digits, vowels, wav
from gan_edu.data.strings import (
    BRACKETS,
    END,
    balanced,
    brackets,
    colour_names,
    decode,
    encode,
    is_balanced,
    text_lines,
)
