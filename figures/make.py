"""Make the pictures of the README: `python figures/make.py` (about half a minute)."""

from pathlib import Path

from gan_edu import data, plots, recipes, train

HERE = Path(__file__).parent
MOMENTS = (0, 1, 2, 4, 8, 40)  # of 41 snapshots: most happens early


def noise_becomes_digits():
    """The same noise at six moments of the training of `python -m gan_edu train digits`, and real digits beside it."""
    digits, recipe = data.digits(), recipes.RECIPES[8]
    gan, batches = recipes.pictures(digits, recipe)
    history = train.train(gan, batches, recipe.steps, snapshots=41, final_rate=recipes.FINAL_RATE)
    figure, axes = plots.panels(7, width=1.6, height=1.9)
    for ax, i in zip(axes, MOMENTS, strict=False):
        plots.images(ax, history.samples[i][:16], columns=4, title=f"step {history.steps[i]:,}")
    plots.images(axes[-1], digits.images[:16], columns=4, title="real digits")
    return figure


if __name__ == "__main__":
    for name, figure in {"digits.png": noise_becomes_digits()}.items():
        (HERE / name).write_bytes(plots.png(figure))
        print(f"wrote {HERE.name}/{name}")
