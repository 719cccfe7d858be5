"""The effect of balancing: figures equal scikit-learn's, and sentences say what figures show."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, log_loss, recall_score, roc_auc_score

from curation.errors import DataError, LabelError, UnknownNameError, UsageError
from curation.lake.roles import Roles
from curation.learn.shared import Shared
from curation.progress import Cancelled
from curation.sampling.balance.balance_effect import Effect, balance_effect
from curation.sampling.balance.effect_figures import METRICS, calibration_error, figures
from curation.sampling.balance.effect_intervals import Difference, mean_difference
from curation.sampling.balance.effect_models import Logistic, unit_columns
from curation.sampling.balance.effect_options import (
    MOST_MADE,
    Option,
    measured_options,
    option_for,
    rebalanced,
    usual_options,
)
from curation.sampling.balance.effect_rows import MOST_ROWS
from curation.sampling.balance.effect_sentences import calibrates, ranks, sentences, signed

ROLES = Roles(columns={"x": "feature", "y": "feature", "label": "label"})
PLACES = {"large": (0.0, 0.0), "middle": (1.5, 0.0), "small": (0.5, 1.5)}


def table_of(sizes: dict[str, int], seed: int = 0) -> pa.Table:
    random = np.random.default_rng(seed)
    label = [name for name, rows in sizes.items() for _ in range(rows)]
    places = np.array([PLACES.get(name, (0.0, 0.0)) for name in label])
    xy = random.normal(places)
    return pa.table({"x": xy[:, 0], "y": xy[:, 1], "label": label})


@pytest.fixture(scope="module")
def table() -> pa.Table:
    return table_of({"large": 700, "middle": 150, "small": 50})


@pytest.fixture(scope="module")
def effect(table: pa.Table) -> Effect:
    return balance_effect(Shared(table, ROLES), repeats=2)


def test_balancing_harms_calibration_without_better_ranking_and_the_sentences_say_so(
    effect: Effect,
) -> None:
    model = effect.models[0]
    found = {one.option.name: one for one in model.options}
    for name in ("oversample", "undersample", "weights_balanced", "smote"):
        assert calibrates(found[name]) < 0
        assert ranks(found[name]) <= 0
        assert found[name].differences["small_recall"].sign() > 0
        assert found[name].differences["large_recall"].sign() < 0
    told = sentences(model)
    assert told[0].startswith("No option ranks better")
    weights = next(text for text in told if text.startswith("Weights, balanced"))
    assert "harms calibration (log loss +" in weights
    assert "finds more rows of the smaller classes" in weights
    assert "at the price of fewer of large" in weights
    assert "The prior correction mends it" in weights


def test_the_prior_correction_brings_log_loss_back(effect: Effect) -> None:
    for one in effect.models[0].options:
        if one.option.name in ("oversample", "weights_balanced"):
            before, after = one.differences["log_loss"], one.corrected_differences["log_loss"]
            assert before.value > 0.1
            assert abs(after.value) < 0.1 * before.value
            assert one.shares == pytest.approx({"large": 1 / 3, "middle": 1 / 3, "small": 1 / 3})
    assert effect.shares == pytest.approx({"large": 7 / 9, "middle": 1.5 / 9, "small": 0.5 / 9})


def test_a_change_of_the_decision_alone_finds_small_classes_and_keeps_probabilities(
    effect: Effect,
) -> None:
    base, decided = effect.models[0].options[0], effect.models[0].options[-1]
    assert decided.option.name == "decided"
    assert decided.differences["small_recall"].sign() > 0
    for metric in ("auroc", "average_precision", "log_loss", "calibration_error"):
        assert decided.figures[metric] == base.figures[metric]
    assert any(text.startswith("Only the decision") for text in sentences(effect.models[0]))


def test_the_order_of_the_rows_changes_nothing(table: pa.Table, effect: Effect) -> None:
    shuffled = table.take(np.random.default_rng(1).permutation(table.num_rows))
    again = balance_effect(Shared(shuffled, ROLES), repeats=2)
    for one, other in zip(effect.models, again.models, strict=True):
        for before, after in zip(one.options, other.options, strict=True):
            assert after.figures == pytest.approx(before.figures, abs=1e-6)


def test_nothing_is_found_where_the_label_is_chance() -> None:
    random = np.random.default_rng(5)
    label = np.where(random.random(600) < 0.3, "a", "b")
    noise = pa.table({"x": random.normal(size=600), "y": random.normal(size=600), "label": label})
    options = [option_for({"a": 180, "b": 420}, "cap", rows_per_class=400)]
    found = balance_effect(Shared(noise, ROLES), options, repeats=2).models[0]
    assert ranks(found.options[1]) == 0
    assert "no evidence" in sentences(found)[1]


def test_even_classes_leave_nothing_to_measure() -> None:
    found = balance_effect(Shared(table_of({"large": 60, "small": 60}), ROLES), repeats=1)
    assert [one.option.name for one in found.models[0].options] == ["as_it_is", "decided"]
    assert "nothing to compare" in sentences(found.models[0])[0]


def test_a_class_of_one_row_is_measured_without_an_interval_of_its_own() -> None:
    found = balance_effect(
        Shared(table_of({"large": 100, "middle": 30, "small": 1}), ROLES), repeats=1
    )
    for model in found.models:
        for one in model.options:
            assert one.recall_differences["small"].interval() is None
        assert sentences(model)


def test_copies_are_never_on_both_sides() -> None:
    """Copies of random rows would else be recognised, and chance would rank well."""
    random = np.random.default_rng(2)
    keys = np.repeat(np.arange(60), 3)
    texts = [" ".join(random.choice(list("abcdefghijklmnopqrst"), 12)) for _ in range(60)]
    label = np.where(random.random(60) < 0.4, "a", "b")[keys]
    copies = pa.table({"text": [texts[key] for key in keys], "label": label})
    roles = Roles(columns={"text": "text", "label": "label"})
    found = balance_effect(Shared(copies, roles), repeats=1)
    assert found.models[0].options[0].figures["auroc"] < 0.75


def test_a_large_dataset_is_measured_on_a_part_of_each_class() -> None:
    shared = Shared(table_of({"large": 29_000, "small": 1_000}), ROLES)
    from curation.sampling.balance.effect_rows import rows_to_measure

    rows = rows_to_measure(shared, 0, lambda *_: None)
    sizes = np.bincount(rows.codes)
    assert sizes.sum() <= MOST_ROWS + 2
    assert sizes[1] / sizes[0] == pytest.approx(1 / 29, rel=0.01)
    assert rows.counts == {"large": 29_000, "small": 1_000}
    assert any("drawn by a hash" in note for note in rows.notes)


def test_the_work_can_be_cancelled(table: pa.Table) -> None:
    told: list[float] = []

    def stop(fraction: float, message: str) -> None:
        told.append(fraction)
        if fraction > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        balance_effect(Shared(table, ROLES), repeats=2, progress=stop)
    assert told == sorted(told)


@pytest.mark.parametrize(
    ("sizes", "error", "said"),
    [
        ({"large": 30, "small": 10}, DataError, "40 rows have a label"),
        ({f"c{n}": 3 for n in range(201)}, LabelError, "up to 200"),
        ({"large": 80}, LabelError, "one class only"),
    ],
)
def test_data_that_cannot_be_measured_are_refused(
    sizes: dict[str, int], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        balance_effect(Shared(table_of(sizes), ROLES))


def test_groups_of_one_class_each_are_refused(table: pa.Table) -> None:
    roles = Roles(columns={**ROLES.columns, "who": "group"})
    with pytest.raises(DataError, match="belong together"):
        balance_effect(Shared(_one_group(table), roles), repeats=1)


def _one_group(table: pa.Table) -> pa.Table:
    """Two groups, each of one class."""
    two = table.filter(pa.array([name != "middle" for name in table["label"].to_pylist()]))
    return two.append_column("who", two["label"])


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ([Option("a", "A", "rows", {"lrge": 0.5})], UnknownNameError, "Did you mean 'large'"),
        ([Option("a", "A", "rows", {"large": -1.0})], UsageError, "0 or more"),
        ([Option("a", "A", "weights", {"large": np.nan})], UsageError, "0 or more"),
        ([Option("a", "A", factors={"large": 0.5})] * 2, UsageError, "called 'a'"),
    ],
)
def test_options_that_cannot_be_done_are_refused(
    options: list[Option], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        measured_options(options, ["large", "small"])


def test_options_that_say_the_same_are_measured_once() -> None:
    counts = {"a": 100, "b": 50}
    named = option_for(counts, "undersample", name="chosen")
    kept = measured_options([named, *usual_options(counts, with_smote=True)], ["a", "b"])
    names = [option.name for option in kept]
    assert names[0] == "chosen"
    assert "undersample" not in names
    assert {"cap", "oversample", "weights_balanced", "weights_effective", "smote"} == set(names[1:])


codes_of = st.lists(st.integers(0, 2), min_size=6, max_size=60).map(np.array)


@settings(max_examples=60, deadline=None)
@given(codes_of, st.lists(st.floats(0.1, 6), min_size=3, max_size=3))
def test_a_class_has_as_many_rows_as_its_factor_says(codes: np.ndarray, factors: list) -> None:
    matrix = np.arange(len(codes), dtype=np.float32)[:, None]
    factor = np.array(factors)
    rows = np.bincount(codes, minlength=3)
    wanted = np.where(rows > 0, np.maximum(1, np.rint(rows * factor)), 0)
    taught = rebalanced(
        Option("a", "A"), factor, matrix, codes.astype(np.int64), np.random.default_rng(0)
    )
    times = taught.weights * wanted.sum() / len(taught.codes)
    assert np.allclose(np.bincount(taught.codes, times, minlength=3), wanted)
    assert np.allclose(times, np.rint(times))
    assert np.array_equal(codes[taught.matrix[:, 0].astype(int)], taught.codes)
    for code in range(3):  # one more or less than the others at most
        assert rows[code] == 0 or np.ptp(times[taught.codes == code]) < 1.000001


def test_synthetic_rows_lie_between_rows_of_their_class() -> None:
    random = np.random.default_rng(0)
    matrix = random.normal(size=(60, 2)).astype(np.float32)
    matrix[40:] += 100
    codes = np.repeat([0, 1], [40, 20])
    option = Option("smote", "SMOTE", "synthetic")
    taught = rebalanced(option, np.array([1.0, 2.0]), matrix, codes, np.random.default_rng(0))
    made = taught.matrix[60:]
    assert len(made) == 20
    assert made.min() > 90
    assert made.max() <= matrix.max()
    many = rebalanced(option, np.array([1.0, 500.0]), matrix, codes, np.random.default_rng(0))
    assert len(many.codes) == 60 + MOST_MADE
    weight = np.bincount(many.codes, many.weights)
    assert weight[1] / weight[0] == pytest.approx(500 * 20 / 40)


@pytest.fixture
def no_convergence_warning() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.usefixtures("no_convergence_warning")
def test_the_regression_equals_scikit_learns_with_copied_rows(table: pa.Table) -> None:
    xy = np.stack([table["x"].to_numpy(), table["y"].to_numpy()], axis=1).astype(np.float32)
    matrix = unit_columns(xy)
    assert np.mean((matrix**2).sum(axis=1)) == pytest.approx(1, rel=1e-3)
    codes = np.unique(table["label"].to_numpy(), return_inverse=True)[1].astype(np.int64)
    weights = np.array([1.0, 2.0, 5.0])[codes]
    ours = Logistic().fitted(matrix, codes, 3, weights, matrix, start=None, seed=0)
    theirs = LogisticRegression(C=10, max_iter=1_000, tol=1e-8).fit(
        np.repeat(matrix, weights.astype(int), axis=0), np.repeat(codes, weights.astype(int))
    )
    assert np.abs(ours.probabilities - theirs.predict_proba(matrix)).max() < 5e-3
    again = Logistic().fitted(matrix, codes, 3, weights, matrix, start=ours.end, seed=0)
    assert np.abs(ours.probabilities - again.probabilities).max() < 2e-3


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_figures_equal_those_of_scikit_learn(seed: int, ties: bool) -> None:
    random = np.random.default_rng(seed)
    codes = np.concatenate([np.arange(3), random.integers(0, 3, 50)])
    scores = random.dirichlet(np.ones(3), len(codes)) + 0.3 * np.eye(3)[codes]
    if ties:
        scores = np.ceil(scores * 4)
    probabilities = (scores / scores.sum(axis=1, keepdims=True)).astype(np.float32)
    decided = probabilities.argmax(axis=1)
    small = np.array([False, True, True])
    found = dict(zip(METRICS, figures(probabilities, decided, codes, small), strict=False))
    one_hot = np.eye(3)[codes]
    auc = [roc_auc_score(one_hot[:, k], probabilities[:, k]) for k in range(3)]
    precision = [average_precision_score(one_hot[:, k], probabilities[:, k]) for k in range(3)]
    recall = recall_score(codes, decided, average=None)
    assert found["auroc"] == pytest.approx(np.mean(auc))
    assert found["average_precision"] == pytest.approx(np.mean(precision))
    assert found["balanced_accuracy"] == pytest.approx(recall.mean())
    assert found["small_recall"] == pytest.approx(recall[1:].mean())
    exact = probabilities.astype(np.float64)
    exact /= exact.sum(axis=1, keepdims=True)
    clipped = np.maximum(exact, 1e-6)
    assert found["log_loss"] == pytest.approx(-np.log(clipped[np.arange(len(codes)), codes]).mean())
    if (exact > 1e-6).all():
        assert found["log_loss"] == pytest.approx(log_loss(codes, exact), abs=1e-5)


def test_probabilities_that_come_true_have_no_calibration_error() -> None:
    random = np.random.default_rng(0)
    p = random.uniform(0.5, 1, 40_000)
    codes = (random.random(len(p)) > p).astype(np.int64)
    honest = np.stack([p, 1 - p], axis=1).astype(np.float32)
    assert calibration_error(honest, codes) < 0.01
    sure = np.stack([(1 + p) / 2, (1 - p) / 2], axis=1).astype(np.float32)
    assert calibration_error(sure, codes) == pytest.approx(0.125, abs=0.01)


def test_intervals_are_wider_than_plain_ones_and_need_four_folds() -> None:
    values = np.array([0.1, 0.2, 0.3, 0.2, 0.1])
    found = mean_difference(values, 0.25)
    plain = mean_difference(values, 0.0)
    assert found.value == pytest.approx(0.18)
    # Nadeau and Bengio: sqrt(1/5 + 1/4) in the place of sqrt(1/5).
    assert found.error / plain.error == pytest.approx(np.sqrt(0.45 / 0.2))
    low, high = found.interval()
    assert high - 0.18 == pytest.approx(2.776 * found.error, rel=1e-3)
    assert found.interval(10)[0] < low
    assert mean_difference(values[:3], 0.25).interval() is None
    assert mean_difference(np.append(values[:3], [np.nan, np.nan]), 0.25).interval() is None
    assert Difference(float("nan")).sign() == 0


@pytest.mark.parametrize(
    ("value", "text"), [(0.0724, "+0.072"), (-0.0724, "−0.072"), (-0.0001, "0.000")]
)
def test_numbers_carry_their_sign_unless_they_round_to_nothing(value: float, text: str) -> None:
    assert signed(value, 3) == text
