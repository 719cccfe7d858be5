"""Out-of-sample probabilities of named estimators."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.errors import DataError, UnknownNameError, UsageError
from curation.learn.cross_validation import ESTIMATORS, check_estimator, cross_validated
from curation.learn.folds import fold_of_each_row
from curation.progress import Cancelled

LOGISTIC = "sklearn.linear_model.LogisticRegression"
NEAREST = "sklearn.neighbors.KNeighborsClassifier"
INSTALLED = sorted(path for path in ESTIMATORS if path.startswith("sklearn."))


def blobs(rows: int = 120, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    codes = random.integers(0, classes, rows)
    centres = 4 * np.eye(classes, 4)
    return (centres[codes] + random.normal(size=(rows, 4))).astype(np.float32), codes


@pytest.mark.parametrize("estimator", INSTALLED)
def test_every_estimator_learns_from_rows_with_gaps_and_a_rare_class(estimator: str) -> None:
    matrix, codes = blobs()
    matrix[::7, 0] = np.nan
    codes[:3], codes[3:8] = 3, -1  # a class with fewer rows than folds, and rows without a label
    probabilities = cross_validated(matrix, codes, 5, estimator=estimator)
    assert probabilities.shape == (120, 5)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert probabilities[:, 4].max() == 0  # nobody has this class
    clean = codes >= 0
    assert (probabilities.argmax(axis=1) == codes)[clean].mean() > 0.6


def test_a_row_is_not_predicted_by_a_model_that_saw_its_group() -> None:
    random = np.random.default_rng(1)
    matrix = np.repeat(random.normal(size=(60, 3)), 4, axis=0).astype(np.float32)
    codes = np.repeat(random.integers(0, 2, 60), 4)  # copies agree, and nothing else is to be known
    groups = np.repeat(np.arange(60), 4)
    nearest = {"estimator": NEAREST, "parameters": {"n_neighbors": 1}}
    seen = cross_validated(matrix, codes, 2, **nearest)
    unseen = cross_validated(matrix, codes, 2, groups=groups, **nearest)
    assert (seen.argmax(axis=1) == codes).mean() > 0.95
    assert (unseen.argmax(axis=1) == codes).mean() < 0.75


def test_the_only_row_of_a_class_has_probability_0_for_it() -> None:
    matrix, codes = blobs()
    codes[10] = 3
    assert cross_validated(matrix, codes, 4, estimator=LOGISTIC)[10, 3] == 0


def test_two_groups_of_one_class_each_are_predicted_as_the_other_one() -> None:
    matrix, codes = blobs(40, 2)
    probabilities = cross_validated(matrix, codes, 2, estimator=LOGISTIC, groups=codes)
    np.testing.assert_array_equal(probabilities.argmax(axis=1), 1 - codes)


def test_one_group_in_all_is_an_error_that_says_what_to_do() -> None:
    matrix, codes = blobs(20)
    with pytest.raises(DataError, match="Give another column the role 'group'"):
        cross_validated(matrix, codes, 3, estimator=LOGISTIC, groups=np.zeros(20, dtype=np.int64))


@pytest.mark.parametrize(
    ("estimator", "parameters", "message"),
    [
        ("sklearn.linear_model.LogisticRegresion", {}, "Did you mean 'sklearn.linear_model.Log"),
        ("os.system", {}, "There is no estimator 'os.system'"),
        (LOGISTIC, {"c": 1.0}, r"LogisticRegression: There is no parameter 'c'. Did you mean 'C'"),
        (LOGISTIC, {"n_jobs": 2}, "'n_jobs' cannot be set here"),
        ("sklearn.ensemble.BaggingClassifier", {"estimator": "x"}, "'estimator' cannot be set"),
    ],
)
def test_unknown_names_are_told_apart_before_anything_is_learned(
    estimator: str, parameters: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        check_estimator(estimator, parameters)


def test_a_value_that_the_estimator_refuses_is_a_usage_error() -> None:
    matrix, codes = blobs()
    with pytest.raises(UsageError, match=r"LogisticRegression could not learn: .*'C'"):
        cross_validated(matrix, codes, 3, estimator=LOGISTIC, parameters={"C": -1.0})


def test_a_library_that_is_not_there_is_named_with_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(ESTIMATORS, "no_such_library.Classifier", "none")
    with pytest.raises(UsageError, match="pip install no_such_library"):
        check_estimator("no_such_library.Classifier", {})


def test_a_path_that_is_not_on_the_list_is_never_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.import_module", lambda _: pytest.fail("imported"))
    with pytest.raises(UnknownNameError):
        check_estimator("antigravity.Classifier", {})


def test_the_same_seed_gives_the_same_probabilities() -> None:
    matrix, codes = blobs()
    forest = {
        "estimator": "sklearn.ensemble.RandomForestClassifier",
        "parameters": {"n_estimators": 5},
    }
    first, again, other = (cross_validated(matrix, codes, 3, seed=s, **forest) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_a_person_can_stop_between_folds() -> None:
    def stop(fraction: float, message: str) -> None:
        if fraction > 0.3:
            raise Cancelled

    matrix, codes = blobs()
    with pytest.raises(Cancelled):
        cross_validated(matrix, codes, 3, estimator=LOGISTIC, progress=stop)


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(2, 6))
def test_folds_keep_groups_whole_and_spread_classes_evenly(data: st.DataObject, folds: int) -> None:
    rows = data.draw(st.integers(1, 60))
    numbers = st.lists(st.integers(-1, 3), min_size=rows, max_size=rows)
    codes, groups = np.array(data.draw(numbers)), np.array(data.draw(numbers))
    fold = fold_of_each_row(codes, groups, folds=folds)
    np.testing.assert_array_equal(fold < 0, codes < 0)
    for group in np.unique(groups[codes >= 0]):
        assert len(np.unique(fold[(groups == group) & (codes >= 0)])) == 1
    alone = fold_of_each_row(codes, folds=folds)
    for code in np.unique(codes[codes >= 0]):
        counts = np.bincount(alone[codes == code], minlength=folds)
        assert counts.max() - counts.min() <= 1
