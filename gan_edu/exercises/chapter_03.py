"""The exercises of chapter 03. A move is judged by its gradient: the right one, or that of a known mistake."""

import torch
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from gan_edu import losses, models
from gan_edu.exercises.core import Wrong, call, close, exercise, require, same_move

RATE = 0.1
AT = "clear them directly before that player's own backward()."
HINTS = {
    "old": f"old gradients were added to its new ones: {AT}",
    "never cleared": f"the first step is right, a later one is not, as its gradients are never cleared: {AT}",
    "left by G": "the first step is right, a later one is not: G's backward() (line 7) leaves gradients on D, which "
    "are added to D's next ones. Clear them after line 7 and before line 3.",
    "uphill": "moved uphill: it minimizes its loss, so leave the sign.",
    "swapped": "took real for fake: the order is discriminator_loss(real logits, fake logits), the two are swapped.",
    "other's": "moved along the other player's loss: D's is discriminator_loss, G's is generator_loss.",
    "sum": "moved along the sum of both losses: the other's backward() filled its gradients too. Clear them, or say "
    "whom a walk is for: backward(inputs=...).",
    "half": "moved half as far as it should: take its loss as it is, do not halve it.",
    "sigmoid": "got a sigmoid too many in its loss: the losses take logits.",
    "minimax": "moved along the minimax loss: here its loss is generator_loss, softplus(-f).",
    "old D": "learnt against the D from before its move: compute G's loss after d_optimizer.step().",
    "real alone": "D's judgement of the fakes has no graph: put only G under no_grad.",
    "moved G": "answered the G that had already moved: use the fakes made before either move.",
    "moved D": "answered the D that had already moved: that is a step in turns. Take both gradients first.",
}


class _Game:
    """Two small players with plain gradient descent, and what they are seen doing."""

    def __init__(self, seed: int):
        torch.manual_seed(seed)
        self.players = {"G": models.MLPGenerator(hidden=8), "D": models.MLPDiscriminator(hidden=8)}
        self.optimizers = {name: torch.optim.SGD(p.parameters(), RATE) for name, p in self.players.items()}
        self.seen, self.noises = [], []  # what happens, in order
        for name, player in self.players.items():
            self.optimizers[name].register_step_pre_hook(lambda *_, name=name: self.seen.append(f"step of {name}"))
            for weight in player.parameters():
                weight.register_hook(lambda _, name=name: self.seen.append(f"backward to {name}"))
        self.players["G"].register_forward_pre_hook(lambda _, inputs: self.noises.append(inputs[0]))

    def weights(self) -> dict:
        return {name: parameters_to_vector(player.parameters()).detach() for name, player in self.players.items()}

    def play(self, move, real, noise, *optimizers):
        """Let the answer make its move; returns what it returns and the weights before it."""
        before = self.weights()
        self.seen.clear()
        self.noises.clear()
        answer = call(move, *self.players.values(), *optimizers, real, noise)
        given = all(x.shape == noise.shape and torch.equal(x, noise) for x in self.noises)
        require(self.noises and given, "G was not given the noise of this call: its fakes are generator(noise).")
        frozen = "".join(n for n, p in self.players.items() if not all(w.requires_grad for w in p.parameters()))
        require(not frozen, f"{frozen}'s weights are still frozen: {frozen} can never learn again.")
        return answer, before

    def judge(self, name, before, right, wrong):
        """Did this player move along the gradient `right`? If not, the hint for the one of `wrong` that it followed."""
        after = self.weights()[name]
        if same_move(before[name], after, before[name] - RATE * right):
            return
        if torch.equal(after, before[name]):
            require(f"step of {name}" in self.seen, f"{name} stands still: its optimizer never made its step.")
            why = "its gradients were cleared between backward() and step()."
            if f"backward to {name}" not in self.seen:
                why = "no backward() reached it. Was something detached that it learns through?"
            elif next(event for event in self.seen if event.endswith(name)).startswith("step"):
                why = "step() came before backward(): there was nothing to apply yet."
            raise Wrong(f"{name} stands still: {why}")
        for mistake, gradient in wrong.items():
            followed = same_move(before[name], after, before[name] - RATE * gradient)
            require(not followed, f"{name}: {HINTS[mistake]}")
        raise Wrong(f"{name} moved, but not along the gradient of its own loss on this real and this noise.")

    def slopes(self, real, noise) -> dict:
        """The gradients that a player could follow here, {player: {"own" or a mistake: gradient}}, and the losses."""
        g, d = self.players.values()
        f, r = d(g(noise)), d(real)
        d_loss, g_loss = losses.discriminator_loss(r, f), losses.generator_loss(f)
        wrong_d = {"swapped": losses.discriminator_loss(f, r), "real alone": losses.discriminator_loss(r, f.detach())}
        wrong_d["sigmoid"] = losses.discriminator_loss(r.sigmoid(), f.sigmoid())
        wrong_g = {"minimax": losses.LOSSES["minimax"].generator(f), "sigmoid": losses.generator_loss(f.sigmoid())}
        found = {"losses": (d_loss.detach(), g_loss.detach())}
        for name, own, other, wrong in (("D", d_loss, g_loss, wrong_d), ("G", g_loss, d_loss, wrong_g)):
            each = {"own": own, "other's": other, "sum": own + other, "uphill": -own, "half": own / 2, **wrong}
            found[name] = {what: self.gradient(name, loss) for what, loss in each.items()}
        return found

    def gradient(self, name, loss) -> torch.Tensor:
        weights = list(self.players[name].parameters())
        return parameters_to_vector(torch.autograd.grad(loss, weights, retain_graph=True, materialize_grads=True))

    def after_moved(self, name, real, noise) -> dict:
        """The same slopes where this player has made its right move."""
        weights, player = self.weights()[name], self.players[name]
        vector_to_parameters(weights - RATE * self.slopes(real, noise)[name]["own"], player.parameters())
        found = self.slopes(real, noise)
        vector_to_parameters(weights, player.parameters())
        return found


def _require_losses(answer, *expected):
    """The returned losses: the right numbers, in order, without their graphs."""
    answers = list(answer) if isinstance(answer, tuple | list) else [answer]
    said = "D's loss and G's loss, in this order, each" if len(expected) == 2 else "D's loss"
    right = len(answers) == len(expected) and all(map(close, answers, expected))
    require(right, f"The move is right; return {said} before the move.")
    held = any(isinstance(loss, torch.Tensor) and loss.requires_grad for loss in answers)
    require(not held, "All is right but one thing: what you return still holds its graph, and so its memory: detach().")


@exercise("3.1 D's move, in plain PyTorch")
def check_move_discriminator(move):
    """One move of D from old gradients on both networks: right weights, an untouched G, the loss returned."""
    game, stale = _Game(0), 0.5
    real, noise = torch.randn(16, 2) + 1, torch.randn(16, 2)
    slopes = game.slopes(real, noise)
    weights = [w for player in game.players.values() for w in player.parameters()]
    for weight in weights:
        weight.grad = torch.full_like(weight, stale)
    answer, before = game.play(move, real, noise, game.optimizers["D"])
    require(torch.equal(game.weights()["G"], before["G"]), "G has moved. D's move changes D alone: step d_optimizer.")
    right = slopes["D"].pop("own")
    game.judge("D", before, right, {"old": right + stale} | slopes["D"])
    of_g = [w.grad for w in game.players["G"].parameters() if w.grad is not None]
    clean = all(bool((g == stale).all() | (g == 0).all()) for g in of_g)
    require(clean, "D's loss has left a gradient on G: cut the fakes off from G before D judges them.")
    _require_losses(answer, slopes["losses"][0])
    return "Right, but it walked through G for nothing." if "backward to G" in game.seen else "G never noticed it."


def _check_three_steps(step, seed, in_turns):
    """Each player's move in each step, then the losses: G against the moved D, or against the D from before."""
    game, old = _Game(seed), {}
    for _ in range(3):
        real, noise = torch.randn(16, 2) + 1, torch.randn(16, 2)
        now, moved = game.slopes(real, noise), game.after_moved("D", real, noise)
        now["D"]["moved G"] = game.after_moved("G", real, noise)["D"]["own"]
        answer, before = game.play(step, real, noise, game.optimizers["G"], game.optimizers["D"])
        met = moved if in_turns else now  # the D that G should meet
        d, g = now["D"].pop("own"), met["G"].pop("own")
        wrong_g = {"old D": now["G"]["own"]} if in_turns else {"moved D": moved["G"]["own"]}
        wrong_g |= met["G"] | {"sum": now["G"]["other's"] + g}
        if old:
            added = {"left by G": d + old["on D"], "never cleared": d + old["D"] + old["on D"] * in_turns}
            now["D"] = added | now["D"]
            wrong_g["never cleared"] = g + old["G"]
        game.judge("D", before, d, now["D"])
        game.judge("G", before, g, wrong_g)
        _require_losses(answer, now["losses"][0], met["losses"][1])
        old = {"D": d, "G": g, "on D": met["D"]["other's"]}


@exercise("3.2 Find the bug in ten lines")
def check_mended_step(step):
    """Three steps in turns."""
    _check_three_steps(step, seed=1, in_turns=True)
    return "In every step each player now moves along the gradient of its own loss alone."


@exercise("3.3 Both at once")
def check_step_at_once(step):
    """Three steps, both players against the other's old weights."""
    _check_three_steps(step, seed=2, in_turns=False)
    return "Both moved, and neither saw the other move."
