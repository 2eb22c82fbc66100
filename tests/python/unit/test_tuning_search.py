"""When a trial takes the place of the best before it."""

import numpy as np
import pytest

from sunorecsys.tuning import _Clock, _is_better, _search, _Stage


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
    assert _is_better(before + np.array(gains), before, 2) is is_better


def test_without_errors_the_mean_decides():
    before = np.array([0.5, 0.2, 0.1])
    assert _is_better(before + np.array([0.3, -0.1, -0.1]), before, 0)
    assert not _is_better(before + np.array([0.1, -0.1, 0]), before, 0)
    assert not _is_better(before[:1] + 1, before[:1], 0)


def test_many_listeners_tell_small_differences_apart():
    random = np.random.default_rng(1)
    before = random.random(2000)
    noise = random.normal(0, 0.1, 2000)
    noise -= noise.mean()
    assert _is_better(before + noise + 0.005, before, 2)
    assert not _is_better(
        before[:20] + noise[:20] - noise[:20].mean() + 0.005, before[:20], 2
    )


class Hills:
    """What builds would say where each listener wants another setting."""

    def __init__(self, *views):
        self.views = [np.array(wanted) for wanted in views]
        self.built = 0

    def build(self, select, recommenders, *, at, is_enough=lambda _: False):
        found = {}
        for wanted in self.views:
            self.built += 1
            seen = found.get("item_cf", [])
            found["item_cf"] = np.append(seen, 1 - np.abs(at - wanted))
            if is_enough(found):
                break
        return found


def searched(lab, starts, trials):
    stage = _Stage(
        "item_cf",
        1.0,
        (),
        tuple({"at": start} for start in starts),
        lambda trial: {"at": trial.suggest_float("at", 0, 1)},
    )
    before = lab.build((), (), at=0.0)["item_cf"]
    return _search(lab, stage, before, 60.0, trials, _Clock(60, None), seed=1)[:2]


def test_the_best_start_begins_and_luck_does_not_end_it():
    # half of them want 0.4 and half 0.6: everything between is as good on average
    assert searched(Hills([0.4, 0.6] * 50), [0.3, 0.45, 0.38], 60) == ({"at": 0.45}, 60)


def test_a_start_that_is_worse_than_what_was_there_is_not_taken():
    assert searched(Hills([0.0] * 50), [0.3, 0.1], 2) == ({}, 2)


def test_what_one_view_shows_to_be_worse_is_not_built_in_the_others():
    lab = Hills(*[[0.4, 0.42] * 20] * 4)
    # 0.4 is the best start, 0.1 and 0.9 are worse for everybody
    found, count = searched(lab, [0.4, 0.1, 0.9], 3)
    assert (found, count) == ({"at": 0.4}, 3)
    # what was there, and the first start, in all views
    assert lab.built == 4 + 4 + 1 + 1


def test_a_trial_that_one_view_alone_speaks_for_is_not_taken():
    # the first thinks that 0.7 is better than 0.5, and the others know better
    lab = Hills([0.7] * 20, [0.4] * 20, [0.4] * 20)
    assert searched(lab, [0.5, 0.7], 2)[0] == {"at": 0.5}
    assert searched(Hills([0.7] * 20), [0.5, 0.7], 2)[0] == {"at": 0.7}


def test_what_is_clearly_better_is_found():
    found, count = searched(Hills([0.7, 0.72] * 50), [0.1], 40)
    assert count == 40
    assert found["at"] == pytest.approx(0.71, abs=0.03)
