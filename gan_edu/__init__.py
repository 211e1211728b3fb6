"""Generative adversarial networks that one can hold in the head: the package behind the notebooks of this course.

One module per idea; imports point one way, from the bottom of this list to its top.

``data``        ring and grid of Gaussians, digits, photo patches, MNIST and the like, your own pictures; ``Batches``
``models``      generator and discriminator pairs, one file per family; all return logits, never probabilities
``losses``      the six adversarial losses as functions of logits, the gradient penalties, ``Term``
``dirac``       the game of two numbers on which one can see why training is unstable
``metrics``     mode coverage, Fréchet distance, kernel distance, precision and recall, a classifier for features
``checkpoints`` files that a training run is kept in
``train``       ``GAN``, the step of each player, ``train_step``, the loop ``train``
``accelerate``  the same step, as fast as the device allows
``recipes``     settings that work, for the plane and for images of each size
``compare``     ten years of GANs on one page: nine methods, tuned and judged alike
``machine``     what the reader's machine can do
``plots``       every picture the notebooks draw, each with its alternative text
``runs``        the folder that the command line keeps a run in
``playground``  the interactive explorers
``exercises``   one file per chapter, one checker per exercise, with hints

``data``, ``losses`` and ``checkpoints`` know none of the others, ``models`` and ``metrics`` know ``data`` at most (how
a sound is looked at), ``train`` knows ``losses`` and ``checkpoints``, ``accelerate`` knows ``train``, ``plots`` knows
``metrics``. Importing ``gan_edu`` itself loads none of them: write ``from gan_edu import data, train``.
On the command line: ``python -m gan_edu --help``.
"""

import os

# Threads that wait for each other sleep instead of spinning: as fast on a quiet machine, and where a neighbour takes
# one of two cores, two threads are about as fast as one. OpenMP reads it once, when torch is loaded: it is set before.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

__version__ = "0.1.0"
