"""Two systems on the same clips: tests, intervals and their errors, against counts by hand, scipy and simulations."""

import numpy as np
import pytest
from scipy.stats import binomtest

from emolightning.scoring.metrics.classification import confusion_matrix, scores
from emolightning.scoring.metrics.intervals import percentile_interval
from emolightning.scoring.metrics.paired import Summed, exchanged, holm, mcnemar, of_discordant, p_value, resampled
from emolightning.scoring.metrics.resampling import Resampling
from emolightning.scoring.summed import of_labels, of_means

LABELS = ("angry", "happy", "neutral", "sad")
COUNT = len(LABELS)


def answers(rng: np.random.Generator, truths: np.ndarray, accuracy: float | np.ndarray) -> np.ndarray:
    """Right with this chance, else one of the others."""
    other = (truths + rng.integers(1, COUNT, truths.size)) % COUNT
    return np.where(rng.random(truths.size) < accuracy, truths, other)


def pair(rng: np.random.Generator, num_clips: int, *accuracies: float) -> tuple[np.ndarray, list[np.ndarray]]:
    truths = rng.choice(COUNT, num_clips, p=[0.4, 0.3, 0.2, 0.1])
    return truths, [answers(rng, truths, accuracy) for accuracy in accuracies]


def systems(truths: np.ndarray, said: list[np.ndarray]) -> list[Summed]:
    return [of_labels(truths, [each], LABELS) for each in said]


def test_scores_of_sums_are_those_of_the_matrix() -> None:
    truths, said = pair(np.random.default_rng(0), 300, 0.6)
    said[0][:5] = COUNT  # unreadable
    expected = scores(confusion_matrix(truths, said[0], COUNT))
    found = systems(truths, said)[0].values()
    assert {name: found[name] for name in expected} == pytest.approx({n: float(v) for n, v in expected.items()})
    assert found["recall/sad"] == pytest.approx((said[0][truths == 3] == 3).mean())


def test_folds_are_averaged() -> None:
    truths, said = pair(np.random.default_rng(1), 200, 0.7)
    folds = np.arange(200) // 150
    found = of_labels(truths, said, LABELS, folds).values()
    parts = [systems(truths[folds == fold], [said[0][folds == fold]])[0].values() for fold in (0, 1)]
    assert found["macro_f1"] == pytest.approx(np.mean([part["macro_f1"] for part in parts]))


def test_means_leave_out_clips_without_a_value() -> None:
    found = of_means([{"clue": np.array([1.0, np.nan, 4.0]), "label": np.array([np.nan, 2.0, 3.0])}])
    assert found.values() == {"clue": 2.5, "label": 2.5}


def test_mcnemar_counts_clips_and_says_how_large() -> None:
    first, second = np.array([1, 1, 0, 0, 0, 0, 1.0]), np.array([1, 0, 1, 1, 1, 0, 1.0])
    found = mcnemar(first, second)
    assert (found.only_first_right, found.only_second_right) == (1, 3)
    assert found.p_exact == binomtest(1, 4).pvalue
    assert found.chi2_cc == pytest.approx(0.25)
    assert (found.odds_ratio, found.cohens_g) == (3.0, 0.25)
    low, high = found.odds_ratio_ci95
    assert low < 3 < (high or 0)
    assert of_discordant(0, 0).p_exact == 1
    assert of_discordant(0, 4).odds_ratio is None
    assert of_discordant(0, 4).odds_ratio_ci95[1] is None


def test_the_exchange_of_right_answers_is_mcnemars_test() -> None:
    truths, said = pair(np.random.default_rng(3), 400, 0.6, 0.65)
    first, second = systems(truths, said)
    chance = exchanged(first, second, Resampling(num_samples=20_000))["war"]
    found = p_value(second.values()["war"] - first.values()["war"], chance)
    assert found == pytest.approx(mcnemar(said[0] == truths, said[1] == truths).p_exact, abs=0.01)


def test_draws_are_the_same_for_both_and_do_not_depend_on_their_order() -> None:
    truths, said = pair(np.random.default_rng(4), 150, 0.6, 0.7)
    first, second = systems(truths, said)
    how = Resampling(num_samples=500, seed=1)
    here, there = resampled([first, second], how), resampled([first], how)
    one, same = resampled([first, first], how)
    assert (one["war"] == same["war"]).all()
    assert there[0]["war"].std() == pytest.approx(here[0]["war"].std(), rel=0.2)
    assert here[0]["war"].std() == pytest.approx(np.sqrt(0.6 * 0.4 / 150), rel=0.2)
    again = resampled([first, second], how)
    assert all((here[place]["uar"] == again[place]["uar"]).all() for place in (0, 1))


def test_clusters_that_are_alike_widen_the_interval() -> None:
    rng = np.random.default_rng(5)
    groups = np.repeat(np.arange(24), 20)
    truths = rng.integers(0, COUNT, 480)
    easy = np.repeat(rng.random(24) < 0.5, 20)
    said = [np.where(easy, truths, (truths + 1) % COUNT), answers(rng, truths, 0.5)]
    both = systems(truths, said)
    widths = []
    for number in (None, groups):
        here, there = resampled(both, Resampling(number, num_samples=1000))
        widths.append((there["war"] - here["war"]).std())
    assert widths[1] > 3 * widths[0]
    chance = exchanged(*both, Resampling(groups, num_samples=500))["war"]
    assert chance.std() > 3 * exchanged(*both, Resampling(num_samples=500))["war"].std()


def test_seeds_add_their_own_deviation() -> None:
    """Three trainings of 0.5, 0.6 and 0.7: the mean varies by 0.1 / sqrt(3), and by the clips."""
    rng, truths = np.random.default_rng(6), np.zeros(1000, dtype=np.int64)
    seeds = [np.where(np.arange(1000) < right, 0, 1) for right in (500, 600, 700)]
    for each in seeds:
        rng.shuffle(each)
    (draws,) = resampled([of_labels(truths, seeds, LABELS)], Resampling(num_samples=4000))
    clips = 0.6 * 0.4 / 1000 / 3
    assert draws["war"].std() == pytest.approx(np.sqrt(0.01 / 3 + clips), rel=0.08)


def test_holm() -> None:
    assert holm([0.04, 0.001, 0.03]) == pytest.approx([0.06, 0.003, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def found_of(num_trials: int, num_clips: int, *accuracies: float, num_actors: int = 0) -> dict[str, int]:
    """In how many simulations a difference is shown, for each test; actors are easier or harder for each system."""
    found = {"mcnemar": 0, "weighted_f1": 0, "macro_f1": 0, "held": 0}
    for trial in range(num_trials):
        rng = np.random.default_rng([7, trial])
        actor = rng.integers(0, num_actors, num_clips) if num_actors else None
        easy = (
            np.zeros((len(accuracies), num_clips)) if actor is None else rng.normal(0, 0.15, (2, num_actors))[:, actor]
        )
        truths, said = pair(rng, num_clips, *accuracies)
        said = [answers(rng, truths, accuracy + of_clips) for accuracy, of_clips in zip(accuracies, easy, strict=True)]
        first, second = systems(truths, said)
        here, there = first.values(), second.values()
        how = Resampling(actor, num_samples=400, seed=trial)
        chance = exchanged(first, second, how)
        if actor is None:
            found["mcnemar"] += mcnemar(said[0] == truths, said[1] == truths).p_exact < 0.05
        for name in ("weighted_f1", "macro_f1"):
            found[name] += p_value(there[name] - here[name], chance[name]) < 0.05
        one, other = resampled([first, second], how)
        low, high = percentile_interval(other["war"] - one["war"], num_units=num_actors or None)
        found["held"] += low <= accuracies[1] - accuracies[0] <= high
    return found


def test_equal_systems_rarely_differ_and_five_points_are_found() -> None:
    assert max(list(found_of(20, 500, 0.7, 0.7).values())[:3]) <= 3
    assert min(list(found_of(10, 2000, 0.7, 0.75).values())[:3]) >= 8


@pytest.mark.slow
@pytest.mark.parametrize("num_actors", [0, 24])
def test_hundreds_of_simulations(num_actors: int) -> None:
    """Equal systems differ in at most 7 of 100; independent clips: five points are found in at least 80."""
    equal = found_of(400, 834 if num_actors else 2000, 0.7, 0.7, num_actors=num_actors)
    print(f"{num_actors} actors, two equal systems, of 400: {equal}")
    assert max(list(equal.values())[:3]) <= 28
    assert 0.92 * 400 <= equal["held"] <= 0.98 * 400
    if not num_actors:
        found = found_of(100, 2000, 0.7, 0.75)
        print(f"five points apart, of 100: {found}")
        assert min(list(found.values())[:3]) >= 80
