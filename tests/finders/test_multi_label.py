"""Sets of classes in which one is missing or wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from cleanlab.multilabel_classification.filter import find_multilabel_issues_per_class
from cleanlab.multilabel_classification.rank import get_label_quality_scores
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score

from curation.errors import LabelError, UsageError
from curation.finders.base import Finding
from curation.finders.multi_label import MultiLabel, set_quality
from curation.finders.search import find_issues
from curation.lake.roles import Roles

TRAITS = {
    "even": [0, 2, 4, 6, 8], "loop": [0, 6, 8, 9], "line": [1, 4, 7], "prime": [2, 3, 5, 7]
}  # fmt: skip
NAMES = sorted(TRAITS)


def digits(rows: int = 600, errors: int = 30) -> tuple[pa.Table, np.ndarray, np.ndarray]:
    """Return digits with sets of traits, one flipped in the first rows: table, given, true."""
    data = load_digits()
    true = np.stack([np.isin(data.target[:rows], TRAITS[name]) for name in NAMES], axis=1)
    given = true.copy()
    given[np.arange(errors), np.arange(errors) % len(NAMES)] ^= True
    table = pa.table({"pixels": list(data.data[:rows].astype(np.float32)), "traits": lists(given)})
    return table, given, true


def lists(members: np.ndarray) -> pa.Array:
    values = [[NAMES[i] for i in np.flatnonzero(row)] for row in members]
    return pa.array(values, pa.list_(pa.string()))


def find(table: pa.Table, roles: dict[str, str] | None = None, **parameters: Any) -> Finding:
    columns = {"pixels": "embedding", "traits": "label", **(roles or {})}
    return find_issues(
        table, MultiLabel(**parameters), roles=Roles.model_validate({"columns": columns})
    )


def test_planted_errors_come_first_with_the_true_set_as_suggestion() -> None:
    table, given_sets, true = digits()
    finding = find(table)
    wrong = (given_sets != true).any(axis=1)
    is_issue = finding.rows["is_issue"].to_numpy()
    assert roc_auc_score(wrong, -finding.rows["score"].to_numpy()) > 0.97
    assert is_issue[wrong].mean() > 0.8
    assert is_issue[~wrong].mean() < 0.05
    suggested = finding.rows["suggestion"].to_pylist()
    expected = ["[" + ", ".join(one) + "]" for one in lists(true).to_pylist()]
    found = np.flatnonzero(is_issue & wrong).tolist()
    assert np.mean([suggested[row] == expected[row] for row in found]) > 0.9
    assert 15 <= finding.summary.estimated_errors <= 60


def test_the_explanation_names_the_missing_and_the_wrong_class() -> None:
    table, _, true = digits()
    lines = find(table).rows["explanation"].to_pylist()
    right = [
        f"'{NAMES[row % 4]}' {'is likely missing' if true[row, row % 4] else 'looks wrong'}"
        in lines[row]
        for row in range(30)
        if lines[row] is not None
    ]
    assert len(right) > 22
    assert np.mean(right) > 0.9


def test_classes_are_subjects_with_their_counts() -> None:
    table, _, _ = digits(errors=0)
    given_sets = table["traits"].to_pylist()
    dropped = [row for row, one in enumerate(given_sets) if "line" in one][::7]
    for row in dropped:
        given_sets[row].remove("line")
    finding = find(table.set_column(1, "traits", pa.array(given_sets)))
    worst = finding.subjects.to_pylist()[0]
    assert (worst["kind"], worst["subject"], worst["is_issue"]) == ("class", "line", True)
    assert worst["rows"] > 15
    assert "'line' is likely missing in" in worst["explanation"]
    assert len(finding.subjects) == 4


@given(rows=st.integers(2, 20), classes=st.sampled_from([1, 2, 5, 60]), seed=st.integers(0, 999))
def test_the_score_of_a_set_is_cleanlabs(rows: int, classes: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    members = random.random((rows, classes)) < 0.4
    probabilities = random.random((rows, classes))
    labels = [np.flatnonzero(row).tolist() for row in members]
    if classes == 1 or not members.any():
        return
    expected = get_label_quality_scores(labels, probabilities)
    np.testing.assert_allclose(set_quality(members, probabilities), expected, atol=1e-9)


def test_the_flags_are_those_of_cleanlabs_filter_on_the_same_probabilities() -> None:
    table, given_sets, _ = digits()
    finding = find(table)
    labels = [np.flatnonzero(row).tolist() for row in given_sets]
    expected = find_multilabel_issues_per_class(
        labels, finding.probabilities.astype(np.float64), n_jobs=1
    )
    flagged = finding.rows["is_issue"].to_numpy()
    assert (flagged == expected.any(axis=1)).mean() > 0.995


def test_texts_with_a_separator_and_text_content_work() -> None:
    parts = {
        "card": ["my card was stolen", "the card is blocked", "a new bank card please"],
        "refund": ["I want my money back", "please refund the payment", "where is my refund"],
        "login": ["I cannot log in", "my password is wrong", "the login page is broken"],
    }
    random = np.random.default_rng(0)
    texts, labels = [], []
    for row in range(240):
        names = sorted(random.choice(sorted(parts), size=1 + row % 2, replace=False))
        texts.append(f"{row} " + " and ".join(random.choice(parts[name]) for name in names))
        labels.append("|".join(names))
    labels[0] = "login" if "login" not in labels[0] else "card"
    finding = find_issues(
        pa.table({"text": texts, "topics": labels}),
        MultiLabel(separator="|"),
        roles=Roles(columns={"text": "text", "topics": "label"}),
    )
    assert finding.classes == ["card", "login", "refund"]
    assert 0 in np.argsort(finding.rows["score"].to_numpy())[:5]
    flagged = finding.rows.filter(finding.rows["is_issue"]).to_pylist()
    assert all(set(row["suggestion"].split("|")) <= {*parts, ""} for row in flagged)


def test_features_are_learned_by_trees_and_a_copy_does_not_vouch_for_its_twin() -> None:
    table, _, _ = digits()
    pixels = np.stack(table["pixels"].to_numpy())[:, :30]
    columns = {f"p{i}": pixels[:, i] for i in range(30)}
    wide = pa.table({**columns, "traits": table["traits"]})
    roles = dict.fromkeys(columns, "feature")
    doubled = pa.concat_tables([wide, *[wide.slice(0, 1)] * 8])
    finding = find_issues(
        doubled,
        MultiLabel(),
        roles=Roles.model_validate({"columns": {**roles, "traits": "label"}}),
    )
    assert "ExtraTrees" in finding.learner
    score = finding.rows["score"].to_numpy()
    assert score[[0, *range(600, 608)]].max() < np.quantile(score, 0.25)


def test_rare_classes_empty_sets_and_rows_without_a_label_are_told() -> None:
    table, _, _ = digits()
    values = table["traits"].to_pylist()
    values[3], values[4], values[5] = None, [], ["even", "once"]
    finding = find(table.set_column(1, "traits", pa.array(values)))
    assert finding.rows.num_rows == 599
    assert 3 not in finding.rows["row"].to_pylist()
    assert any("'once'" in note and "not judged" in note for note in finding.notes)
    assert "1 of 600 rows without a label left out." in finding.notes
    assert finding.probabilities.shape == (599, 5)


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ([True, False] * 300, UsageError, "holds bool"),
        ([1, 2] * 300, UsageError, "holds int64"),
        (["a", "b"] * 300, UsageError, "that is for the finder 'label'"),
        ([["a"], None, []] + [None] * 597, LabelError, "2 labelled rows of 600"),
    ],
)
def test_a_label_without_sets_is_refused(values: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        find(digits()[0].set_column(1, "traits", pa.array(values)))


def test_dates_and_missing_content_are_refused() -> None:
    table = digits()[0]
    dates = pa.array(np.arange(600), pa.int32()).cast(pa.date32())
    with pytest.raises(UsageError, match="holds date32"):
        find(table.set_column(1, "traits", dates))
    with pytest.raises(UsageError, match="no column to learn from"):
        find(table, {"pixels": "ignore"})
