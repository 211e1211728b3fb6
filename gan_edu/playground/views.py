"""What the playground measures and shows of a game in the plane."""

import torch
from torch import Tensor

from gan_edu import metrics
from gan_edu.train import GAN

PARTS = (("noise", "G"), ("G", "G"), ("fakes ✕", "DG"), ("D", "DG"), ("real ●", "D"))  # each, and in whose move it is
STORIES = {  # by who moved
    "": "Nobody has moved yet.",
    "settings": "The same networks under new settings.",
    "D": "D moved, G stayed: D's belief rises where real samples lie and falls where fakes lie.",
    "G": "G moved, D stayed: its fakes went toward places where D believes more; tick G's push to see the way.",
    "D, then G": "D moved, then G, against the D that had moved.",
    "D and G": "D and G moved at once, each against the other as it was.",
}
EVERYWHERE = torch.stack(torch.meshgrid([torch.linspace(-1.6, 1.6, 50)] * 2, indexing="xy"), 2)  # (50, 50, 2), rows: y
UNDECIDED = {"least_squares": 0.5, "wasserstein": None, "relativistic": None}  # D's logit there; 0 for other losses


def histogram(points: Tensor, limit: float = 1.6, bins: int = 24) -> Tensor:
    """The share of the points (N, 2) in each cell of a grid over the plane: (bins * bins,); outliers go to its rim."""
    cell = ((points + limit) / (2 * limit) * bins).long().clamp(0, bins - 1)
    return torch.bincount(cell[:, 0] * bins + cell[:, 1], minlength=bins**2) / len(points)


def divergences(p: Tensor, q: Tensor, tiny: float = 1e-4) -> tuple[float, float]:
    """KL(p || q), with `tiny` for empty cells of q, and the Jensen-Shannon divergence of two histograms, in nats."""
    middle, kl = ((p + q) / 2).clamp(min=1e-12), metrics.kl_divergence
    return kl(p, q.clamp(min=tiny)), (kl(p, middle) + kl(q, middle)) / 2


@torch.no_grad()
def belief(gan: GAN, real: Tensor, fake: Tensor, places: Tensor = EVERYWHERE) -> Tensor:
    """D's belief that each of the places (..., 2) is real; 1/2 where it is undecided.

    The logits of "wasserstein" and "relativistic" mean something up to a constant only: undecided is their mean here.
    """
    undecided = UNDECIDED.get(gan.loss.name, 0.0)
    if undecided is None:
        undecided = (gan.judge(real).mean() + gan.judge(fake).mean()) / 2
    return torch.sigmoid(gan.judge(places.reshape(-1, 2)) - undecided).reshape(places.shape[:-1])


def push(gan: GAN, real: Tensor, fake: Tensor) -> Tensor:
    """Where G's loss pushes each fake, and how hard: -dL_G/dx, (N, 2)."""
    x = fake.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(gan.loss.generator(gan.judge(x), gan.judge(real)), x)
    return -gradient * len(x)  # the loss is a mean


def arrows(fake: Tensor, push: Tensor, longest: float = 0.3) -> Tensor:
    """The pushes as arrows, polylines (N, 5, 2), with their feet on the fakes; lengths saturate at `longest`."""
    length = push.norm(dim=1, keepdim=True).clamp(min=1e-12)
    way = longest * torch.tanh(length) * push / length
    end, across = fake + way, way.flip(1) * torch.tensor([0.15, -0.15])
    return torch.stack([fake, end, end - 0.3 * way + across, end, end - 0.3 * way - across], 1)


def diagram(who: str) -> str:
    """The game as a row of HTML: noise → G → fakes → D ← real; what took part in the move of `who` is framed."""
    words = []
    for part, movers in PARTS:
        frame = "solid" if any(mover in who for mover in movers) else "none"
        name = f"<b>{part} moves</b>" if part in who else part
        words.append(f'<span style="border: 2px {frame}; border-radius: 4px; padding: 1px 4px">{name}</span>')
    return " → ".join(words[:4]) + " ← " + words[4]


def story(who: str, moved: str, history: dict[str, list[float]]) -> str:
    """What the last move of `who` did, in words and in the losses of before and after it; `moved`: who was not held."""
    held = " and ".join(player for player in "DG" if player in who and player not in moved)
    told = f"{moved or 'Nobody'} moved; {held} held still (rate 0)." if held else STORIES[who]
    since = -1 if who == "settings" else -2  # losses of before are those of other settings
    d_loss, g_loss = (" → ".join(f"{x:z.3f}" for x in history[name][since:]) for name in ("d_loss", "g_loss"))
    return f"{told} D's loss: {d_loss}; G's: {g_loss}."
