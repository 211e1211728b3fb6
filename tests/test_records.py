"""What chapter 17 relies on: mazes and ways through them, patients, returns, and the AUC."""

import numpy as np
import pytest
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra, shortest_path
from sklearn.metrics import roc_auc_score

from gan_edu import data, metrics


def grids(n, size, share, seed=0):
    """Random mazes (n, 1, size, size)."""
    return 2.0 * (torch.rand(n, 1, size, size, generator=torch.Generator().manual_seed(seed)) < share) - 1


def graph(costs):
    """The moves of one grid (rows, columns) as scipy's sparse matrix: a move costs what its end costs."""
    rows, columns = costs.shape
    place = np.arange(rows * columns).reshape(rows, columns)
    right, down = (place[:, :-1].ravel(), place[:, 1:].ravel()), (place[:-1].ravel(), place[1:].ravel())
    begin, end = (np.concatenate([right[i], down[i], right[1 - i], down[1 - i]]) for i in (0, 1))
    price = costs.ravel()[end]
    kept = np.isfinite(price) & np.isfinite(costs.ravel()[begin])
    return coo_array((price[kept], (begin[kept], end[kept])), shape=(place.size, place.size)).tocsr()


# --- ways -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [2, 5, 8])
def test_the_wave_agrees_with_scipy(size):
    mazes = grids(60, size, 0.65, seed=size)
    found = data.solvable(mazes)
    assert 0 < found.sum() < 60
    for maze, through in zip(mazes[:, 0], found, strict=True):
        floor = torch.where(maze > 0, 1.0, torch.inf)
        moves = shortest_path(graph(floor.numpy()), indices=0)
        right = np.where(floor.flatten() == 1, moves + 1, np.inf) if floor[0, 0] == 1 else np.full(size**2, np.inf)
        assert np.array_equal(data.cheapest(floor[None]).flatten().numpy(), right)
        assert through == np.isfinite(right[-1])


def test_cheapest_ways_under_costs_agree_with_dijkstra():
    costs = torch.rand(20, 7, 7, generator=torch.Generator().manual_seed(0)).double() + 0.01
    for grid, found in zip(costs, data.cheapest(costs), strict=True):
        right = dijkstra(graph(grid.numpy()), indices=0) + grid[0, 0].item()
        assert found.flatten().numpy() == pytest.approx(right)


def test_mazes_have_a_way_follow_from_the_seed_and_wind():
    mazes, labels, classes = data.mazes(300, seed=2)
    assert mazes.shape == (300, 1, 6, 6) and mazes.abs().eq(1).all() and mazes.dtype == torch.float32
    assert labels is None and classes == ("wall", "floor") and data.mazes(5, size=9).images.shape == (5, 1, 9, 9)
    assert data.solvable(mazes).all() and torch.equal(mazes, data.mazes(300, seed=2).images)
    assert not torch.equal(mazes, data.mazes(300, seed=3).images)
    assert 0.45 < (mazes > 0).float().mean() < 0.62
    ways = data.shortest(mazes)
    assert len(ways.flatten(1).unique(dim=0)) > 100 and ways[:, 0, 0].all() and ways[:, -1, -1].all()


def test_a_shortest_way_is_marked_and_nothing_where_there_is_none():
    snake = torch.tensor([[1, 1, 1], [-1, -1, 1], [1, 1, 1]]).float()[None, None]
    assert torch.equal(data.shortest(snake)[0], torch.tensor([[1, 1, 1], [0, 0, 1], [0, 0, 1]]).bool())
    for closed in (snake * 0 - 1, torch.where(torch.eye(3) > 0, -1.0, 1.0)[None, None]):
        assert not data.shortest(closed).any() and not data.solvable(closed).any()
    field = data.shortest(torch.ones(3, 1, 7, 7))  # of 924 ways that are equally short, one
    assert torch.equal(field[0], field[1]) and field.sum(dim=(1, 2)).tolist() == [13] * 3


def test_walls_in_the_way_are_counted_and_their_gradient_opens_them():
    mazes = grids(200, 6, 0.5)
    walls = data.walls_in_the_way(mazes)
    assert torch.equal(walls == 0, data.solvable(mazes)) and torch.equal(walls, walls.round())
    assert data.walls_in_the_way(-torch.ones(1, 1, 6, 6)).item() == 11  # the shortest way has so many tiles
    soft = (0.5 * mazes).requires_grad_()
    loss = data.walls_in_the_way(soft).sum()
    (slope,) = torch.autograd.grad(loss, soft)
    assert slope.max() <= 0 and slope.sum(dim=(1, 2, 3)).max() <= -11 / 2 + 1e-4  # each tile on the way, half a wall
    opened = torch.where(slope < 0, 1.0, mazes)
    assert data.solvable(opened).all()


# --- patients and returns ---------------------------------------------------------------------------------------------


def test_patients_are_standardized_and_the_larger_tumours_are_malignant():
    rows, labels, classes = data.patients()
    assert rows.shape == (569, 30) and rows.dtype == torch.float32 and classes == ("malignant", "benign")
    assert rows.mean(0).abs().max() < 1e-5 and (rows.std(0) - 1).abs().max() < 1e-5
    assert labels.bincount().tolist() == [212, 357]  # as its description says
    assert rows[labels == 0, 0].mean() > 0.5 > rows[labels == 1, 0].mean()


def test_returns_have_fat_tails_and_clusters_and_shuffled_ones_keep_only_the_tails():
    days = data.returns(1046)
    assert days.shape == (1, 1046) and data.returns().shape == (983, 64)
    assert torch.equal(data.returns(64)[100], days[0, 100:164])
    assert days.mean().abs() < 1e-5 and days.std().item() == pytest.approx(1, abs=1e-4)
    assert days.pow(4).mean().item() == pytest.approx(10.6, abs=0.1)

    def clustering(path):
        size = path.abs() - path.abs().mean()
        return sum((size[:-lag] * size[lag:]).mean() for lag in range(1, 11)).item() / 10 / size.square().mean().item()

    torch.manual_seed(0)
    shuffled = days[0, torch.randperm(1046)]
    assert torch.equal(shuffled.sort().values, days[0].sort().values)
    assert clustering(days[0]) > 0.09 and abs(clustering(shuffled)) < 0.04


# --- AUC --------------------------------------------------------------------------------------------------------------


def test_auc_agrees_with_scikit_learn_also_where_scores_tie():
    random = torch.Generator().manual_seed(0)
    for n, m, levels in ((30, 50, 5), (7, 3, 1000), (100, 1, 4), (4, 4, 1)):
        a, b = (torch.randint(levels, (k,), generator=random).float() for k in (n, m))
        truth, scores = np.r_[np.ones(n), np.zeros(m)], torch.cat([a + 0.5, b])
        assert metrics.auc(a + 0.5, b) == pytest.approx(roc_auc_score(truth, scores))
        assert metrics.auc(a, b) == pytest.approx(roc_auc_score(truth, torch.cat([a, b])))
        assert metrics.auc(a, b) + metrics.auc(b, a) == pytest.approx(1)


def test_auc_of_order_chance_and_ties():
    low, high = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])
    assert (metrics.auc(high, low), metrics.auc(low, high), metrics.auc(low, low)) == (1.0, 0.0, 0.5)
    assert metrics.auc(torch.tensor([2.0]), torch.tensor([1.0, 2.0, 3.0, 3.0])) == pytest.approx(1.5 / 4)


def test_no_wave_runs_for_ever():
    costs = torch.ones(2, 4, 4)
    costs[0, 1, 1] = torch.nan
    costs[1] = -1.0
    assert data.cheapest(costs).shape == (2, 4, 4)
