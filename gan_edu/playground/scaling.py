"""The explorer of chapter 18: how much faster so many processes train, by work, weights and cable."""

from gan_edu import plots
from gan_edu.playground.explorer import Explorer, menu, slider

# Bytes a second and seconds, as promised: between cards of one machine, in a slot, between machines, at home.
CABLES = {
    "NVLink": (450e9, 5e-6),
    "PCIe": (25e9, 10e-6),
    "10 Gbit network": (1.25e9, 50e-6),
    "1 Gbit network": (0.125e9, 100e-6),
}
RANKS = (1, 2, 4, 8, 16, 32, 64)


def step_seconds(work: float, weights: float, ranks: int, cable: tuple[float, float], weak: bool = False) -> float:
    """Seconds of one step: of the work, which `ranks` share unless `weak`, and of two messages over a ring.

    cable: (bytes a second, seconds that any message takes); weights: of both players, four bytes each
    """
    bandwidth, latency = cable
    message = 2 * (ranks - 1) / ranks * 4 * weights / bandwidth + 2 * 2 * (ranks - 1) * latency
    return (work if weak else work / ranks) + message


class ScalingExplorer(Explorer):
    """Menus for processes, cable and batch, sliders for weights and work; the speed-up follows: `.widget`."""

    NAME, INVITATION = "scaling explorer", "run this cell to plan your machines"

    def __init__(self, work: float = 7.0, weights: float = 10.0, cable: str = "PCIe"):
        super().__init__(
            ranks=menu(8, RANKS, "processes", "How many train together"),
            cable=menu(cable, tuple(CABLES), "cable", "What their messages travel on"),
            batch=menu("the same", ("the same", "grows"), "batch", "Is one batch shared, or has each its own?"),
            weights=slider(weights, 1, 100, "million w.", "Weights of both players, in millions", 1),
            work=slider(work, 0.5, 100, "ms a step", "Milliseconds of one step on one process", 0.5),
        )

    def draw(self, ranks, cable, batch, weights, work):
        def speed_up(cable, n):
            weak = batch == "grows"
            one, many = (step_seconds(work / 1e3, weights * 1e6, k, CABLES[cable], weak) for k in (1, n))
            return one / many * (n if weak else 1)

        figure, ax = plots.panels(width=5, height=3.2)
        plots.curves(ax, RANKS, {name: [speed_up(name, n) for n in RANKS] for name in CABLES})
        ax.plot(RANKS, RANKS, color="0.7", linewidth=1, label="ideal")
        ax.plot(ranks, speed_up(cable, ranks), "o", color=plots.FAKE, markersize=9)
        ax.set(xscale="log", yscale="log", xticks=RANKS, xticklabels=RANKS)
        plots.label(ax, "processes", "times as fast", legend=True)
        found = speed_up(cable, ranks)
        return figure, f"{ranks} processes over {cable}: {found:.1f} times one, {found / ranks:.0%} of what is paid for"
