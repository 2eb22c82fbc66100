"""When a trial takes the place of the best before it."""

import numpy as np
import pytest

from sunorecsys.tuning import _is_better


@pytest.mark.parametrize(
    ("gains", "is_better"),
    [
        # mean 1, standard error 0.4
        ([0.6, 1.4], True),
        # one lucky listener of four: mean 1/4, standard error 1/4
        ([1, 0, 0, 0], False),
        # two of four: mean 1/2, standard error sqrt(1/3) / 2 = 0.29
        ([1, 1, 0, 0], False),
        # three of four: mean 3/4, standard error 1/4
        ([1, 1, 1, 0], True),
        # better on average, and by less than they differ: 0.1 of 0.37
        ([1, -0.8, 0.7, -0.5], False),
        ([0, 0, 0, 0], False),
        ([-0.1, -0.1], False),
        # nobody to compare with
        ([1], False),
    ],
)
def test_more_than_chance_is_better(gains, is_better):
    before = np.linspace(0, 0.5, len(gains))
    assert _is_better(before + np.array(gains), before) is is_better


def test_many_listeners_tell_small_differences_apart():
    random = np.random.default_rng(1)
    before = random.random(2000)
    noise = random.normal(0, 0.1, 2000)
    noise -= noise.mean()
    assert _is_better(before + noise + 0.005, before)
    assert not _is_better(
        before[:20] + noise[:20] - noise[:20].mean() + 0.005, before[:20]
    )
