"""What chapter 14 claims, over three seeds: vowels from noise, a vocoder with and without D, and spoken digits.

    python tests/benchmarks/speech.py --out figures/speech.json

Each run is written when it ends; what the file holds already is not made again.

`vowels`: `recognized`, the share that a classifier takes for one of the five vowels with a probability above 0.9 (its
sixth class is noise with a vowel's spectrum); `shares` of the five; quartiles of the `pitch`; `periodicity`; `frechet`
on the classifier's features of log-mel pictures, as a multiple of real against real. `vocoder`: from mel spectrograms
of vowels that no network has seen; how like itself one period of the real sound earlier it is (`returns`), the share
within a semitone of the real pitch (`in tune`), and the Frechet distance of a second judge, of single `tones`.
`digits`: the first judge taught on recordings, and a few WAV files beside the JSON.
"""

import sys
from functools import partial
from pathlib import Path

import reporting
import torch
from torch import Tensor, nn
from torch.nn import functional

from gan_edu import data, losses, metrics, recipes, train

JUDGED = 1000


def envelope_noise(sounds: Tensor, seed: int = 0) -> Tensor:
    """White noise through the smoothed spectrum of each sound: its formants without its voice."""
    random = torch.Generator().manual_seed(seed)
    power = torch.fft.rfft(sounds).abs().square()
    smooth = functional.avg_pool1d(power[:, None], 65, 1, 32, count_include_pad=False)[:, 0].sqrt()
    noise = torch.fft.irfft(torch.fft.rfft(torch.randn(sounds.shape, generator=random)) * smooth)
    return 0.9 * noise / noise.abs().amax(1, keepdim=True).clamp(min=1e-4)


def mean_noise(sounds: Tensor, seed: int = 0) -> Tensor:
    """White noise through the mean spectrum of all: the baseline that any G must beat."""
    random, mean = torch.Generator().manual_seed(seed), torch.fft.rfft(sounds).abs().square().mean(0).sqrt()
    noise = torch.fft.irfft(torch.fft.rfft(torch.randn(sounds.shape, generator=random)) * mean)
    return 0.9 * noise / noise.abs().amax(1, keepdim=True)


class Judge:
    """Scores of sounds (N, T), by a classifier of squares of log-mel that no GAN has seen."""

    def __init__(self, sounds: Tensor, labels: Tensor, real: Tensor, steps: int = 400):
        self.classes, none = int(labels.max()) + 1, envelope_noise(sounds[: len(sounds) // 4])
        labels = torch.cat([labels, torch.full((len(none),), self.classes)])
        self.net = metrics.train_classifier(self.squares(torch.cat([sounds, none])), labels, steps=steps)
        self.real = self.features(real)
        self.zero = metrics.real_against_real(self.real, min(JUDGED, len(real) // 2))

    @staticmethod
    def squares(sounds: Tensor) -> Tensor:
        return metrics.log_mel(sounds, 16, hop=sounds.shape[1] // 16)[:, None, :, :16]

    def features(self, sounds: Tensor) -> Tensor:
        return metrics.features(self.net, self.squares(sounds))

    @torch.no_grad()
    def __call__(self, sounds: Tensor) -> dict:
        sure, read = self.net(self.squares(sounds)).softmax(1)[:, : self.classes].max(1)
        strength, pitch = metrics.periodicity(sounds)
        frechet = metrics.frechet_distance(self.real[: len(sounds)], self.features(sounds)) / self.zero
        good = read[sure > 0.9]
        shares = (torch.bincount(good, minlength=self.classes) / len(sounds)).tolist()
        quartiles = pitch.quantile(torch.tensor([0.25, 0.5, 0.75])).tolist()
        return {"recognized": len(good) / len(sounds), "shares": shares, "pitch": quartiles,
                "periodicity": strength.mean().item(), "frechet": frechet}  # fmt: skip


class TonesJudge(Judge):
    """Looks at single tones below 560 Hz, which broad bands of mel cannot tell, and has learnt six pitches."""

    @staticmethod
    def squares(sounds: Tensor) -> Tensor:
        tones = torch.stft(sounds, 512, 32, window=torch.hann_window(512), return_complex=True).abs()
        return (tones[:, None, 4:36, :32] + 0.1).log()

    @classmethod
    def of(cls, sounds: Tensor, real: Tensor) -> "TonesJudge":
        octaves = (metrics.periodicity(sounds)[1] / data.PITCHES[0]).log2()
        return cls(sounds, (6 * octaves).long().clamp(0, 5), real)


def returns(sounds: Tensor, real: Tensor) -> dict:
    """How like itself one period of the *real* sound earlier each is, and the share within a semitone of its pitch."""
    pitch, found = metrics.periodicity(real)[1], metrics.periodicity(sounds)[1]
    periods = (data.RATE / pitch).round().int().tolist()
    alike = [functional.cosine_similarity(s[:-p], s[p:], dim=0) for s, p in zip(sounds, periods, strict=True)]
    in_tune = ((found / pitch).log2().abs() < 1 / 12).double().mean().item()
    return {"returns": torch.stack(alike).mean().item(), "in tune": in_tune}


# --- a voice from noise -----------------------------------------------------------------------------------------------


class Grid(nn.Module):
    """WaveGAN's generator, in small: the noise as 16 places, which transposed convolutions make 4 times as many."""

    latent_dim = 16

    def __init__(self, width: int = 16, kernel: int = 24):
        super().__init__()
        layers = [nn.Linear(16, 64 * width), nn.Unflatten(1, (4 * width, 16)), nn.ReLU()]
        for before, after in ((4, 2), (2, 1), (1, 0)):
            layers += [nn.ConvTranspose1d(before * width, after * width or 1, kernel, 4, kernel // 2 - 2), nn.ReLU()]
        self.net = nn.Sequential(*layers[:-1], nn.Tanh(), nn.Flatten(1))

    def forward(self, noise):
        return self.net(noise)


def of_vowels(name: str, seed: int, steps: int, judge: Judge) -> dict:
    """The scores of 1,000 vowels from noise."""
    recipe = recipes.SOUNDS
    gan, batches = recipes.pictures(data.vowels(4000, seed=10 + seed), recipe, seed, "cpu")
    if name == "grid":
        torch.manual_seed(seed)
        grid = Grid()
        adam = torch.optim.Adam(grid.parameters(), recipe.g_rate, recipe.betas)
        gan = train.GAN(grid, gan.discriminator, g_optimizer=adam, d_optimizer=gan.d_optimizer, d_terms=gan.d_terms,
                        ema=recipe.ema, ema_warmup=True, device="cpu")  # fmt: skip
    reporting.whole(train.train(gan, batches, steps, final_rate=recipes.FINAL_RATE, progress=False))
    torch.manual_seed(1)
    return judge(gan.sample(JUDGED))


# --- a vocoder --------------------------------------------------------------------------------------------------------

MEL = {"bands": 32, "window": 128, "hop": 32}


class Vocoder(nn.Module):
    """Maps log-mel (N, 32, 33), the condition, to sounds (N, 1024): in small after Siuzdak 2023 (Vocos).

    For each column it writes how loud each tone is, and with which phase; the inverse Fourier transform does the rest.
    """

    def __init__(self, width: int = 128, depth: int = 6):
        super().__init__()
        self.first = nn.Conv1d(MEL["bands"], width, 5, padding=2)
        self.mix = nn.ModuleList(nn.Conv1d(width, width, 5, padding=2) for _ in range(depth))
        self.last = nn.Conv1d(width, 3 * (MEL["window"] // 2 + 1), 1)

    def forward(self, noise, mel):  # G has no noise: what is asked for is one sound
        x = self.first(mel)
        for mix in self.mix:
            x = x + functional.leaky_relu(mix(x), 0.1)
        loud, real, imaginary = self.last(x).chunk(3, 1)
        tones = torch.polar(loud.clamp(max=6).exp(), torch.atan2(imaginary, real))
        window = torch.hann_window(MEL["window"])
        return torch.tanh(torch.istft(tones, MEL["window"], MEL["hop"], window=window, length=1024))


class Periods(nn.Module):
    """A judge for each period p: every p-th sample side by side, in p columns that share their kernels."""

    def __init__(self, periods=(2, 3, 5, 7, 11), width: int = 8):
        super().__init__()
        self.periods, self.judges = periods, nn.ModuleList()
        for _ in periods:
            layers, maps = [], (1, width, 2 * width, 4 * width)
            for before, after in zip(maps, maps[1:], strict=False):
                layers.append(nn.Sequential(nn.Conv2d(before, after, (5, 1), (3, 1), (2, 0)), nn.LeakyReLU(0.1)))
            self.judges.append(nn.ModuleList([*layers, nn.Conv2d(maps[-1], 1, (3, 1), padding=(1, 0))]))

    def features(self, sounds: Tensor) -> list[Tensor]:
        found = []
        for p, judge in zip(self.periods, self.judges, strict=True):
            x = functional.pad(sounds, (0, -sounds.shape[1] % p)).reshape(len(sounds), 1, -1, p)
            for layer in judge:
                x = layer(x)
                found.append(x)
        return found

    def forward(self, sounds: Tensor, mel: Tensor | None = None) -> Tensor:
        depth = len(self.judges[0])
        return torch.cat([x.flatten(1) for x in self.features(sounds)[depth - 1 :: depth]], 1)


def mel_l1(weight: float) -> losses.Term:
    """How far the mel of the fake is from the one that was asked for."""
    return losses.Term("mel", lambda d, real, fake, mel: (metrics.log_mel(fake, **MEL) - mel).abs().mean(), weight)


def matching(judge: Periods, weight: float) -> losses.Term:
    """Features of the fake like those of the real sound (Larsen et al. 2016; in vocoders Kumar et al. 2019)."""

    def apart(discriminator, real, fake, mel):
        pairs = zip(judge.features(real), judge.features(fake), strict=True)
        return sum((a.detach() - b).abs().mean() for a, b in pairs)

    return losses.Term("features", apart, weight)


def griffin_lim(mel: Tensor, steps: int = 30) -> Tensor:
    """Sounds (N, 1024) of log-mel (N, bands, frames): a spectrum by least squares, its phases by turns (1984)."""
    window, hop = MEL["window"], MEL["hop"]
    hann = torch.hann_window(window)
    bank = metrics.mel_bank(MEL["bands"], window)
    loud = (torch.linalg.pinv(bank) @ (mel.exp() - 0.1).clamp(min=0)).clamp(min=0)
    random = torch.Generator().manual_seed(0)
    phase = torch.exp(2j * torch.pi * torch.rand(loud.shape, generator=random))
    for _ in range(steps):
        sounds = torch.istft(loud * phase, window, hop, window=hann, length=1024)
        phase = torch.exp(1j * torch.stft(sounds, window, hop, window=hann, return_complex=True).angle())
    return torch.istft(loud * phase, window, hop, window=hann, length=1024)


def of_vocoder(name: str, seed: int, steps: int, judge: Judge, tones: TonesJudge) -> dict:
    """The scores of 1,000 vowels made from the mel spectrograms of others, and how far their mel is off."""
    seen, held = (data.vowels(n, seed=s).images for n, s in ((4000, 20 + seed), (JUDGED, 7)))
    seen_mel, held_mel = (metrics.log_mel(sounds, **MEL) for sounds in (seen, held))
    if name == "griffin-lim":
        made = griffin_lim(held_mel)
    else:
        torch.manual_seed(seed)
        generator, periods = Vocoder(), Periods()
        adams = [torch.optim.Adam(net.parameters(), 1e-3, (0.8, 0.99)) for net in (generator, periods)]
        terms = [mel_l1(10.0), matching(periods, 2.0)]
        if name == "without D":
            terms = terms[:1]
        nothing = losses.GANLoss("none", lambda r, f: 0 * f.mean(), lambda f, r: 0 * f.mean())
        loss = "least_squares" if name == "with D" else nothing
        gan = train.GAN(generator, periods, loss, *adams, g_terms=terms, latent_dim=1, ema=0.99, ema_warmup=True,
                        device="cpu")  # fmt: skip
        batches = data.Batches(seen, seen_mel, batch_size=16, seed=seed)
        reporting.whole(train.train(gan, batches, steps, final_rate=recipes.FINAL_RATE, progress=False))
        made = torch.cat([gan.sample(noise=torch.zeros(250, 1), condition=part) for part in held_mel.split(250)])
    off = (metrics.log_mel(made, **MEL) - held_mel).abs().mean().item()
    kept = (1000 * made[:4]).round().int().tolist() if seed == 0 else []
    scores = judge(made) | returns(made, held)
    return scores | {"tones": tones(made)["frechet"], "mel": off, "sounds": kept}


# --- spoken digits ----------------------------------------------------------------------------------------------------


def of_digits(spoken: data.Images, seed: int, judge: Judge, folder: Path) -> dict:
    """The scores of 1,000 sounds from noise, and six of them as WAV files beside six recordings."""
    recipe = recipes.suits(spoken)
    gan, batches = recipes.pictures(spoken, recipe, seed, "cpu")
    reporting.whole(train.train(gan, batches, recipe.steps, final_rate=recipes.FINAL_RATE, progress=False))
    torch.manual_seed(1)
    samples = gan.sample(JUDGED)
    if seed == 0:
        for name, sounds in (("made", samples[:6]), ("real", batches.tensors[0][::500])):
            with_rests = functional.pad(sounds, (0, 1500)).flatten()
            (folder / f"spoken_digits_{name}.wav").write_bytes(data.wav(with_rests))
    return judge(samples)


def main(arguments: list[str]) -> None:
    parser = reporting.parser(__doc__)
    parser.add_argument("--out", type=Path, default=Path("figures/speech.json"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=recipes.SOUNDS.steps, help="of a GAN for vowels")
    parser.add_argument("--vocoder-steps", type=int, default=3000)
    parser.add_argument("--only", default="", help="of one kind of run: vowels, vocoder or digits")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    about = reporting.about(__file__, arguments, torch.device("cpu"), 1)
    head = about | {"steps": options.steps, "vocoder steps": options.vocoder_steps}
    ledger = reporting.Ledger(options.out, head, untold=("sounds",))
    against = ledger.result["real"]

    def run(kind, name, seed, score):
        if options.only in ("", kind):
            ledger.once(kind, name, seed, score)

    others, real = data.vowels(4000, seed=1), data.vowels(2 * JUDGED, seed=2).images
    judge, tones = Judge(others.images, others.labels, real), TonesJudge.of(others.images, real)
    fresh = data.vowels(JUDGED, seed=5).images
    seen_by_tones = {"tones": tones(fresh)["frechet"]} | returns(fresh, fresh)
    against["vowels"], against["noise"] = judge(fresh) | seen_by_tones, judge(mean_noise(fresh))
    for seed in range(options.seeds):
        run("vowels", "voice", seed, partial(of_vowels, "voice", seed, options.steps, judge))
    run("vocoder", "griffin-lim", 0, partial(of_vocoder, "griffin-lim", 0, 0, judge, tones))
    for seed in range(options.seeds):
        for name in ("with D", "without D"):
            run("vocoder", name, seed, partial(of_vocoder, name, seed, options.vocoder_steps, judge, tones))
    for seed in range(options.seeds):
        run("vowels", "grid", seed, partial(of_vowels, "grid", seed, options.steps // 4, judge))
    if options.only in ("", "digits"):
        spoken = data.spoken_digits()
        order = torch.randperm(len(spoken.images), generator=torch.Generator().manual_seed(0))
        taught, kept = order[:1000], order[1000:]
        judge = Judge(spoken.images[taught], spoken.labels[taught], spoken.images[kept])
        fresh = spoken.images[kept[JUDGED : 2 * JUDGED]]
        against |= {"digits": judge(fresh), "digits noise": judge(mean_noise(fresh))}
        for seed in range(options.seeds):
            run("digits", "people", seed, partial(of_digits, spoken, seed, judge, options.out.parent))


if __name__ == "__main__":
    main(sys.argv[1:])
