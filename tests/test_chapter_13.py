"""What chapter 13 relies on: the law of what bounces, pictures that move, two judges, centroids, and the player."""

import math

import numpy as np
import pytest
import torch
from PIL import Image

from gan_edu import data, exercises, metrics, models, plots
from gan_edu.models.clips import moved
from gan_edu.playground import ClipExplorer

DIGITS = data.digits().images


def tracks(n=4000, frames=8, dim=1, seed=0):
    return data.bouncing(n, frames, dim, torch.Generator().manual_seed(seed))


# --- the law ----------------------------------------------------------------------------------------------------------


def test_a_point_bounces_as_one_that_is_reflected_step_by_step():
    x = tracks(200, 30).squeeze(2).double()
    place, step = x[:, 0].clone(), x[:, 1] - x[:, 0]
    speed = x.diff(dim=1).abs().amax(1)
    step = torch.where(step.abs() < speed - 1e-5, torch.nan, step)  # bounced at once: which way is not known
    for t in range(1, 30):
        place = place + step
        over, under = place > 1, place < -1
        place = torch.where(over, 2 - place, torch.where(under, -2 - place, place))
        step = torch.where(over | under, -step, step)
        known = ~step.isnan()
        assert known.float().mean() > 0.6
        assert torch.allclose(place[known], x[known, t], atol=1e-4)


def test_position_is_uniform_in_each_frame_and_speed_uniform_between_the_two():
    x = tracks(20_000).squeeze(2)
    for column in x.unbind(1):
        assert column.sort().values.numpy() == pytest.approx(torch.linspace(-1, 1, 20_000).numpy(), abs=0.03)
    speed = x.diff(dim=1).abs().amax(1).sort().values  # one step at least did not bounce
    assert speed.numpy() == pytest.approx(torch.linspace(*data.SPEEDS, 20_000).numpy(), abs=0.01)


def test_a_point_bounces_between_two_frames_with_half_its_speed_as_probability():
    x = tracks(40_000).squeeze(2)
    step = x.diff(dim=1).abs()
    bounced = (step < step.amax(1, keepdim=True) - 1e-5).float().mean().item()
    assert bounced == pytest.approx(sum(data.SPEEDS) / 4, abs=0.005)


def test_in_the_plane_every_direction_is_as_likely_and_speed_is_kept():
    x = tracks(20_000, 8, 2)
    step = x.diff(dim=1)
    free = step.norm(dim=2).amax(1)
    assert free.min() >= data.SPEEDS[0] - 1e-4 and free.max() <= data.SPEEDS[1] + 1e-4
    sides = step[:, 0].square().mean(0)
    assert sides[0] == pytest.approx(sides[1].item(), rel=0.03)


def test_a_track_played_backwards_is_one_too():
    x = tracks(50_000).squeeze(2)
    for y in (x.flip(1), -x):
        pairs = [torch.stack([t[:, :-1] * t[:, 1:], t[:, :-1] + t[:, 1:]]).mean((1, 2)) for t in (x, y)]
        assert pairs[0].numpy() == pytest.approx(pairs[1].numpy(), abs=0.02)


# --- digits that move -------------------------------------------------------------------------------------------------


def test_moving_digits_have_their_form_and_follow_from_the_seed():
    clips, labels, classes = data.moving_digits(50, frames=6, size=20, seed=3)
    assert clips.shape == (50, 6, 1, 20, 20) and clips.dtype == torch.float32 and clips.abs().max() <= 1
    assert labels.shape == (50,) and len(classes) == 10
    assert torch.equal(clips, data.moving_digits(50, frames=6, size=20, seed=3).images)
    assert not torch.equal(clips, data.moving_digits(50, frames=6, size=20, seed=4).images)
    few = data.digits()._replace(images=DIGITS[:1], labels=torch.tensor([7]))
    assert data.moving_digits(5, pictures=few).labels.tolist() == [7] * 5


def test_the_generator_moves_pictures_as_the_data_do_by_another_implementation():
    at = tracks(40, 8, 2)
    assert torch.allclose(data.place(DIGITS[:40], at, 16), moved(DIGITS[:40], at, 16), atol=1e-5)
    corners = torch.tensor([[[-1.0, -1.0], [1.0, 1.0]]])
    clip = data.place(DIGITS[:1], corners, 16)
    assert torch.equal(clip[0, 0, :, :8, :8], DIGITS[0]) and torch.equal(clip[0, 1, :, 8:, 8:], DIGITS[0])
    assert clip[0, 0].sum() == pytest.approx((DIGITS[0].sum() - 192).item())  # all the rest is black


def test_centroids_are_exact_and_centred_frames_are_the_digit_in_the_middle():
    at = 0.9 * tracks(60, 8, 2)
    clips = data.place(DIGITS[:60], at, 16)
    found = metrics.centroids(clips)
    assert torch.allclose(found - found[:, :1], 4 * (at - at[:, :1]), atol=1e-3)  # from wall to wall: 8 pixels
    dot = torch.full((1, 1, 1, 9, 9), -1.0)
    dot[..., 2, 6] = 1.0
    assert metrics.centroids(dot)[0, 0].tolist() == pytest.approx([6, 2], abs=1e-3)
    back = metrics.centroids(metrics.centred(clips)[:, None])
    assert (back - 7.5).abs().max() < 0.1
    middle = metrics.centred(dot)[0, 0]
    assert middle[4, 4] == pytest.approx(1.0, abs=1e-3) and middle.sum() == pytest.approx(dot.sum().item(), abs=0.01)


# --- the pair ---------------------------------------------------------------------------------------------------------


def test_content_and_motion_are_apart():
    torch.manual_seed(0)
    generator = models.ClipGenerator().eval()
    noise = torch.randn(6, 24)
    content, motion = noise.clone(), noise.clone()
    content[:, 16:], motion[:, :16] = noise[:1, 16:], noise[:1, :16]
    assert torch.allclose(generator.track(content), generator.track(noise[:1]).expand(6, -1, -1))
    pictures = [generator.draw(x[:, :16]) for x in (motion, noise)]
    assert torch.allclose(pictures[0], pictures[1][:1].expand_as(pictures[0]), atol=1e-6)
    assert (generator(noise) - generator(noise[:1])).abs().amax((1, 2, 3, 4))[1:].min() > 0


def test_a_generator_plays_longer_than_it_has_learnt_and_begins_alike():
    generator, noise = models.ClipGenerator().eval(), torch.randn(3, 24)
    short = generator(noise)
    generator.frames = 20
    assert generator(noise).shape == (3, 20, 1, 16, 16) and torch.allclose(generator(noise)[:, :8], short, atol=1e-6)


def test_gradients_reach_both_content_and_motion_and_shapes_are_checked():
    generator, discriminator = models.ClipGenerator(), models.ClipDiscriminator()
    logits = discriminator(generator(torch.randn(4, 24)))
    assert logits.shape == (4, 3)
    logits.sum().backward()
    unused = {name for name, weight in generator.named_parameters() if weight.grad is None or not weight.grad.any()}
    assert unused <= {"go_on.weight_ih"}  # its input is nothing
    for network, given in ((generator, torch.zeros(2, 23)), (discriminator, torch.zeros(2, 7, 1, 16, 16))):
        with pytest.raises(ValueError, match="was given"):
            network(given)


def test_one_judge_sees_the_order_of_frames_and_the_other_does_not():
    torch.manual_seed(0)
    discriminator = models.ClipDiscriminator(looks=8)  # all frames, in a random order
    clips = data.moving_digits(5).images
    shuffled = clips[:, [3, 1, 7, 0, 5, 2, 6, 4]]
    a, b = (discriminator(x) for x in (clips, shuffled))
    assert torch.allclose(a[:, :8].sort(1).values, b[:, :8].sort(1).values, atol=1e-6)
    assert (a[:, 8] - b[:, 8]).abs().min() > 1e-5
    one = discriminator(clips[:1])
    assert torch.allclose(one[:, 8], a[:1, 8], atol=1e-6)  # no sample depends on the others, as R1 needs


def test_a_still_pair_is_the_same_with_one_frame():
    generator, discriminator = models.ClipGenerator(frames=1), models.ClipDiscriminator(frames=1)
    assert discriminator(generator(torch.randn(3, 24))).shape == (3, 2)


# --- exercises, pictures, the player ----------------------------------------------------------------------------------


def test_two_frames_cannot_convict_the_first_suspect_and_one_cannot_the_second():
    steps = metrics.centroids(exercises.suspects()).diff(dim=1)
    length, change = steps.norm(dim=2).mean(1), steps.diff(dim=1).norm(dim=2).mean(1)
    assert length[0] == pytest.approx(4 * sum(data.SPEEDS) / 2, rel=0.4)
    assert length[1] > 1.5 * length[0] and change[0] > 2 * change[2] and 1 < length[2] < 2.01


def test_sick_clips_have_the_signs_that_the_hints_name():
    sick = exercises.sick_clips()
    ways = metrics.centroids(sick.flatten(0, 1)).unflatten(0, (4, 3))
    steps = ways.diff(dim=2)
    length, change = steps.norm(dim=3).mean((1, 2)), steps.diff(dim=2).norm(dim=3).mean((1, 2))
    assert length[3] > 1.2 * length[:3].max() and change[3] > 2 * change[:3].max()
    assert (ways[1] - ways[1, :1] - (ways[1] - ways[1, :1])[:, :1]).abs().max() < 0.05
    still = metrics.centred(sick.flatten(0, 1)).unflatten(0, (4, 3, 8))
    same = (still - still[:, :, :1]).abs().mean((1, 2, 3, 4, 5))
    assert same[0] > 2 * max(same[1], same[3])


def test_a_gif_plays_all_frames_and_a_strip_shows_them(tmp_path):
    clips = data.moving_digits(4).images
    path = tmp_path / "film.gif"
    path.write_bytes(plots.gif(clips, columns=2))
    assert path.stat().st_size < 300_000
    with Image.open(path) as film:
        assert film.n_frames == 8 and film.size == (2 * 17 * 4 - 4, 2 * 17 * 4 - 4)
        film.seek(3)
        pixels = torch.from_numpy(np.array(film.convert("L")))[::4, ::4]
    assert (pixels[:16, :16] / 127.5 - 1 - clips[0, 3, 0]).abs().max() < 0.02
    figure, ax = plots.panels()
    plots.strip(ax, clips[:2])
    assert ax.images[0].get_array().shape == (33, 8 * 17 - 1)


def test_the_player_shows_frame_after_frame_and_says_what_is_seen():
    clips = data.moving_digits(3).images
    explorer = ClipExplorer(clips, names="ABC")
    assert explorer.text.value.startswith("Frame 1 of 8")
    first = bytes(explorer.picture.value)
    explorer.controls["play"].value = 2  # as the button does
    assert explorer.controls["frame"].value == 2 and bytes(explorer.picture.value) != first
    moved_by = metrics.centroids(clips).diff(dim=1).norm(dim=2)[:, 0]
    assert all(f"{name} {move:.1f}" in explorer.text.value for name, move in zip("ABC", moved_by, strict=True))
    sheet = ClipExplorer(clips.repeat(3, 1, 1, 1, 1), columns=3, frame=5)
    assert sheet.text.value.startswith("Frame 5 of 8") and math.isclose(sheet.values["frame"], 5)
