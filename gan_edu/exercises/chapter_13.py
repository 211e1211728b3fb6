"""The exercises of chapter 13: windows of k frames, a forgery that two frames cannot tell, and four sick videos."""

import torch
from torch import Tensor

from gan_edu import data
from gan_edu.exercises.core import call, exercise, require, require_diagnoses


def suspects() -> Tensor:
    """Three clips (3, 8, 1, 16, 16), one of them real; the two others are frames of real clips in another order."""
    clips = data.moving_digits(3, seed=1).images  # the first seed whose first clip is far from walls in frames[2:5]
    orders = torch.tensor([[3, 4, 3, 2, 3, 2, 3, 4], [5, 0, 3, 7, 1, 6, 2, 4], list(range(8))])
    return clips[torch.arange(3)[:, None], orders]


@exercise("13.1 Windows")
def check_windows(windows) -> str:
    """All stretches of k neighbouring frames, in the order of time."""
    for n, frames, k in ((3, 8, 2), (2, 8, 3), (4, 6, 1), (2, 5, 5)):
        tracks = torch.arange(n * frames, dtype=torch.float32).view(n, frames)
        right, where = tracks.unfold(1, k, 1), f"For tracks ({n}, {frames}) and k = {k}"
        try:
            found = torch.as_tensor(call(windows, tracks.clone(), k))
        except (RuntimeError, IndexError, ValueError) as error:
            require("only one element" not in str(error), "Stack the windows into one tensor: torch.stack, dim=1.")
            require(frames == 8, f"{where} it stopped ({error}). T is not always 8: ask tracks.shape.")
            require("equal size" not in str(error), "Cut along axis 1, not along the tracks: tracks[:, t : t + k].")
            raise
        shape, wanted = tuple(found.shape), (n, frames - k + 1, k)
        for made, hint in (
            (shape == (n, frames // k, k) != wanted, "Windows overlap: the next one begins one frame later, not k."),
            (shape == (n, k, frames - k + 1) != wanted, "The last two axes are swapped: (N, windows, k)."),
            (shape == (n, frames - k, k), "One window is missing: the last one ends with the last frame."),
            (shape == (n * (frames - k + 1), k) != wanted, "Keep each track's windows together: (N, windows, k)."),
            (shape != wanted, f"{where} yours has the shape {shape}; it should be {wanted}."),
            (not torch.equal(found.float(), right), f"{where} the shape is right, but a window holds other frames."),
        ):
            require(not made, hint)
    return "That is what a convolution with a kernel of k frames sees."


def _histogram(x: Tensor, dim: int) -> Tensor:
    """How often windows of `dim` frames, as position and differences, fall into boxes; each difference has 12."""
    parts, boxes = x.unfold(1, dim, 1).flatten(0, 1), 0
    for i in range(dim):
        boxes = boxes * 12 + ((parts[:, 0] + 1) * 6).floor().clamp(0, 11).long()
        parts = parts.diff(dim=1) if i < dim - 1 else parts
    return torch.bincount(boxes, minlength=12**dim) / len(boxes)


@exercise("13.2 A forgery for two frames")
def check_forge(forge) -> str:
    """Pairs of neighbours as in real tracks, triples not."""
    random = torch.Generator().manual_seed(0)
    given, real = (data.bouncing(6000, generator=random).squeeze(2) for _ in range(2))
    made = call(forge, given.clone())
    pieces = isinstance(made, list | tuple) and any(isinstance(piece, Tensor) for piece in made)
    require(not pieces, "Return one tensor: torch.stack or torch.cat joins what your list holds.")
    made = torch.as_tensor(made).float()
    require(made.shape == given.shape, "Return tracks (N, 8), as many as given.")
    require(made.isfinite().all(), "Some positions are NaN or infinite.")
    positions, pairs, triples = ((_histogram(made, k) - _histogram(real, k)).abs().sum() / 2 for k in (1, 2, 3))
    far, (steps, usual) = (made.diff(dim=1).abs() > 0.5).float().mean(), (x.diff().abs().mean() for x in (made, real))
    ways = made[:, :1] + made.diff().abs().amax(1, True) * torch.tensor([[[1]], [[-1]]]) * torch.arange(8)
    kept = ((data.clips.fold(ways) - made).abs().amax(2).amin(0) < 0.01).float().mean()  # go on as real tracks do
    for wrong, hint in (
        (positions > 0.05, f"One frame tells yours, {positions:.2f} apart: points lie elsewhere, or all in one place."),
        (far > 0.01, f"Two frames tell yours: {far:.0%} of its moves are too long. Real ones end at 0.5."),
        (steps < usual - 0.02, "Two frames tell yours: its moves are too short. Does a frame stand still?"),
        (pairs > 0.05, "The moves are as long as real ones, but they start at the wrong places: near a wall, say."),
        (triples < 0.045, "Too few of your triples differ for this check: let every track turn in mid-air."),
        (kept > 0.1, f"{kept:.0%} of your tracks are still real ones. Forge every track."),
    ):
        require(not wrong, hint)
    return f"Pairs are {pairs:.2f} apart (real ones 0.02), triples {triples:.2f}."


SIGNS = {
    "frames placed at random": "it is one good digit; but how far does it go in one frame, and which way in the next?",
    "blurred content": "it moves as it should. Would you know what it is, if you saw one frame?",
    "content drawn anew": "the place moves as it should. Is it the same digit all the time?",
    "one motion for all": "each clip alone is perfect. Compare the clips with each other.",
}
PATIENTS = ("content drawn anew", "one motion for all", "blurred content", "frames placed at random")


def sick_clips() -> Tensor:
    """Clips of four patients, three of each, (4, 3, 8, 1, 16, 16), made by hand from real digits."""
    random = torch.Generator().manual_seed(6)
    digits, tracks = data.digits().images[:200], data.bouncing(3, 8, 2, random)
    chosen, other, third = digits[torch.randint(200, (3, 3), generator=random)]
    nowhere = torch.rand(3, 8, 2, generator=random) - 0.5  # not far: a jump is hardly longer than a real move
    halves = [data.place(part, at, 16) for part, at in ((chosen, tracks[:, :4]), (other, tracks[:, 4:]))]
    smeared = (1.5 * torch.nn.functional.avg_pool2d(third + 1, 3, 1, 1) - 1).clamp(max=1)
    others = ((chosen, tracks[:1].expand(3, -1, -1)), (smeared, tracks), (chosen, nowhere))
    return torch.stack([torch.cat(halves, dim=1), *(data.place(part, at, 16) for part, at in others)])


@exercise("13.3 Four sick videos")
def check_sick_videos(my_diagnoses) -> str:
    """What ails each patient, in order."""
    if isinstance(my_diagnoses, list | tuple):
        my_diagnoses = [str(word).strip().lower().removesuffix(" clips") for word in my_diagnoses]
    require_diagnoses(my_diagnoses, PATIENTS, tuple(SIGNS), SIGNS)
    return "All four. One shows in a single frame, two only across frames, and one only across clips."
