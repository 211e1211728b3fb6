"""Contestant (a): the training step of TensorFlow's DCGAN tutorial, as a worker (`workers.py`).

Written anew after the tutorial's published structure: its two networks, cross entropy of logits, one `tf.function` with
two gradient tapes, two Adams at 1e-4, batches of 256 out of a shuffled `tf.data`. Needs TensorFlow and NumPy alone.

    python tests/benchmarks/tensorflow_tutorial.py --images images.npy --threads 2
"""

import argparse
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf
from workers import serve

layers = tf.keras.layers
cross_entropy = tf.keras.losses.BinaryCrossentropy(from_logits=True)


def upsample(filters: int, strides: int, **settings) -> layers.Layer:
    return layers.Conv2DTranspose(filters, 5, strides=strides, padding="same", use_bias=False, **settings)


def make_generator() -> tf.keras.Model:
    """Noise (N, 100) to images (N, 28, 28, 1) in [-1, 1]."""
    return tf.keras.Sequential(
        [
            layers.Input((100,)),
            layers.Dense(7 * 7 * 256, use_bias=False),
            layers.BatchNormalization(),
            layers.LeakyReLU(),
            layers.Reshape((7, 7, 256)),
            upsample(128, 1),
            layers.BatchNormalization(),
            layers.LeakyReLU(),
            upsample(64, 2),
            layers.BatchNormalization(),
            layers.LeakyReLU(),
            upsample(1, 2, activation="tanh"),
        ]
    )


def make_discriminator() -> tf.keras.Model:
    """Images (N, 28, 28, 1) to logits (N, 1)."""
    model = tf.keras.Sequential([layers.Input((28, 28, 1))])
    for filters in (64, 128):
        model.add(layers.Conv2D(filters, 5, strides=2, padding="same"))
        model.add(layers.LeakyReLU())
        model.add(layers.Dropout(0.3))
    model.add(layers.Flatten())
    model.add(layers.Dense(1))
    return model


class Tutorial:
    """The game and its data: bytes (N, 28, 28)."""

    def __init__(self, images: np.ndarray, seed: int, batch_size: int):
        tf.keras.utils.set_random_seed(seed)
        self.generator, self.discriminator = make_generator(), make_discriminator()
        self.optimizers = tf.keras.optimizers.Adam(1e-4), tf.keras.optimizers.Adam(1e-4)
        self.batch_size, self.steps, self.seconds = batch_size, 0, 0.0
        pixels = images[..., None].astype(np.float32) / 127.5 - 1
        stream = tf.data.Dataset.from_tensor_slices(pixels).shuffle(len(pixels)).repeat()
        self.batches = iter(stream.batch(batch_size))

    @tf.function
    def step(self, real):
        """Both losses from one forward pass, then both moves."""
        noise = tf.random.normal([self.batch_size, 100])
        with tf.GradientTape() as g_tape, tf.GradientTape() as d_tape:
            fake = self.generator(noise, training=True)
            real_logits, fake_logits = self.discriminator(real, training=True), self.discriminator(fake, training=True)
            g_loss = cross_entropy(tf.ones_like(fake_logits), fake_logits)
            d_loss = cross_entropy(tf.ones_like(real_logits), real_logits)
            d_loss += cross_entropy(tf.zeros_like(fake_logits), fake_logits)
        players = zip((self.generator, self.discriminator), (g_tape, d_tape), (g_loss, d_loss), strict=True)
        gradients = [(tape.gradient(loss, player.trainable_variables), player) for player, tape, loss in players]
        for optimizer, (gradient, player) in zip(self.optimizers, gradients, strict=True):
            optimizer.apply_gradients(zip(gradient, player.trainable_variables, strict=True))
        return d_loss

    def time(self, steps: int) -> dict:
        """Take `steps` steps: their seconds, which `train` does not count. The first traces and fills the shuffle."""
        began = time.perf_counter()
        for _ in range(steps):
            loss = self.step(next(self.batches))
        loss.numpy()  # waits for the device
        self.steps += steps
        return {"seconds": time.perf_counter() - began}

    def train(self, until: float) -> dict:
        """Train until `until` seconds of training are over: its seconds, and all steps since the beginning."""
        while self.seconds < until:
            self.seconds += self.time(1)["seconds"]
        return {"seconds": self.seconds, "steps": self.steps}

    def sample(self, n: int, seed: int, path: str) -> dict:
        """Write `n` samples (n, 1, 28, 28) in [-1, 1] to NumPy's file; training's random numbers are left alone."""
        noise = tf.random.stateless_normal([n, 100], [seed, 0])
        batches = [self.generator(noise[i : i + 500], training=False).numpy() for i in range(0, n, 500)]
        np.save(path, np.concatenate(batches).transpose(0, 3, 1, 2))
        return {}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", required=True, help="a file of NumPy's with bytes (N, 28, 28)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--threads", type=int, required=True)
    arguments = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
    tutorial = Tutorial(np.load(arguments.images), arguments.seed, arguments.batch_size)
    versions = {"tensorflow": tf.__version__, "keras": tf.keras.__version__}
    serve(
        lambda do, **request: getattr(tutorial, do)(**request),
        batch_size=tutorial.batch_size,
        precision="float32",
        versions=versions,
        device="cuda" if tf.config.list_physical_devices("GPU") else "cpu",
    )


if __name__ == "__main__":
    main()
