"""Clips drawn with replacement, alone, in clusters and in strata: against loops over clips, and by hand."""

import numpy as np
import pytest

from emolightning.scoring.metrics.classification import confusion_matrix, paired_samples, scores
from emolightning.scoring.metrics.counted import bootstrap_samples
from emolightning.scoring.metrics.resampling import Resampling


def clips(seed: int, number: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truths and the answers of two systems, of three classes."""
    rng = np.random.default_rng(seed)
    truths = rng.integers(0, 3, number)
    one, other = (np.where(rng.random(number) < share, truths, rng.integers(0, 4, number)) for share in (0.7, 0.4))
    return truths, one, other


def by_subject(truths, said, subjects, num_samples: int, seed: int) -> np.ndarray:
    """UAR of whole subjects drawn one by one."""
    rng, found = np.random.default_rng(seed), []
    own = [np.flatnonzero(subjects == subject) for subject in np.unique(subjects)]
    for _ in range(num_samples):
        drawn = np.concatenate([own[place] for place in rng.integers(0, len(own), len(own))])
        found.append(scores(confusion_matrix(truths[drawn], said[drawn], 3))["uar"])
    return np.array(found)


@pytest.mark.parametrize("seed", [0, 1])
def test_drawn_clusters_are_those_of_a_loop(seed):
    truths, said, _ = clips(seed)
    subjects = np.array([f"s{number % 7}" for number in range(len(truths))])
    (ours,) = paired_samples(truths, [said], 3, Resampling(clusters=subjects, num_samples=20_000))
    theirs = by_subject(truths, said, subjects, 2_000, seed)
    assert ours["uar"].mean() == pytest.approx(theirs.mean(), abs=5e-3)
    assert ours["uar"].std() == pytest.approx(theirs.std(), rel=0.08)


def test_clips_of_their_own_cluster_are_clips():
    truths, said, _ = clips(2)
    alone, own = (
        paired_samples(truths, [said], 3, Resampling(clusters=clusters, num_samples=20_000))[0]["war"]
        for clusters in (None, np.arange(len(truths)))
    )
    assert own.std() == pytest.approx(alone.std(), rel=0.03)


def test_systems_share_their_draws():
    truths, one, other = clips(3)
    found = paired_samples(truths, [one, other, one], 3, Resampling(num_samples=500))
    for name, values in found[0].items():
        assert np.array_equal(values, found[2][name])
    difference = found[0]["war"] - found[1]["war"]
    right = (one == truths).astype(float) - (other == truths)
    assert difference.std() == pytest.approx(right.std() / np.sqrt(len(right)), rel=0.1)


def test_one_system_is_the_bootstrap_of_its_matrix():
    truths, said, _ = clips(4)
    (ours,) = paired_samples(truths, [said], 3, Resampling(num_samples=300))
    alone = bootstrap_samples(confusion_matrix(truths, said, 3), num_samples=300, seed=0)
    for name, values in alone.items():
        assert np.array_equal(values, ours[name])


def test_the_order_of_clips_does_not_matter():
    truths, said, _ = clips(5)
    subjects, order = np.arange(len(truths)) % 11, np.random.default_rng(0).permutation(len(truths))
    first, second = (
        paired_samples(truths[places], [said[places]], 3, Resampling(clusters=subjects[places], num_samples=50))[0]
        for places in (np.arange(len(truths)), order)
    )
    assert np.array_equal(first["weighted_f1"], second["weighted_f1"])


def test_strata_keep_their_sizes():
    truths, said, _ = clips(6)
    cells = truths * 4 + said
    drawn = Resampling(strata=truths, num_samples=200).totals(cells, np.eye(12))
    supports = np.concatenate(list(drawn)).reshape(-1, 3, 4).sum(axis=2)
    assert (supports == np.bincount(truths)).all()
    with pytest.raises(ValueError, match="in one stratum"):
        next(Resampling(strata=truths, clusters=np.zeros(len(truths))).totals(cells, np.eye(12)))


def test_many_clips_in_pieces_are_the_same(monkeypatch):
    truths, said, _ = clips(7)
    subjects = np.arange(len(truths)) // 3
    whole, pieces = [], []
    for found, at_once in ((whole, 4_000_000), (pieces, 50)):
        monkeypatch.setattr("emolightning.scoring.metrics.resampling.DRAWS_AT_ONCE", at_once)
        found += paired_samples(truths, [said], 3, Resampling(clusters=subjects, num_samples=40))
    assert np.array_equal(whole[0]["uar"], pieces[0]["uar"])
