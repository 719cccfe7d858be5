"""Answers of several annotators, a row each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from curation.errors import LabelError, UsageError
from curation.finders.annotator_labels import AnnotatorLabels, Method
from curation.finders.annotators import majority
from curation.finders.base import Finding
from curation.finders.search import find_issues
from curation.lake.roles import Roles

ROLES = {"record": "key", "who": "annotator", "said": "label"}
CLASSES = ["bird", "cat", "dog"]
METHODS: list[Method] = ["dawid_skene", "majority", "crowdlab"]


def answers(records: int = 60, seed: int = 0) -> tuple[pa.Table, np.ndarray]:
    """Return answers of four good annotators and a careless one, shuffled; and which are wrong."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, 3, records)
    rows = []
    for record, true in enumerate(truth.tolist()):
        for who, skill in [("ann", 0.95), ("bo", 0.95), ("cy", 0.9), ("di", 0.9), ("eve", 0.3)]:
            wrong = (true + random.integers(1, 3)) % 3
            rows.append((f"r{record:03}", who, CLASSES[true if random.random() < skill else wrong],
                         float(true) + random.normal() * 0.1, CLASSES[true]))  # fmt: skip
    order = random.permutation(len(rows))
    names = ("record", "who", "said", "x", "truth")
    columns = list(zip(*[rows[i] for i in order], strict=True))
    table = pa.table(dict(zip(names, map(list, columns), strict=True)))
    # The content of a record is the same in each of its rows.
    first = dict(zip(table["record"].to_pylist(), table["x"].to_pylist(), strict=True))
    table = table.set_column(3, "x", pa.array([first[r] for r in table["record"].to_pylist()]))
    wrong = np.array(table["said"].to_pylist()) != np.array(table["truth"].to_pylist())
    return table.drop(["truth"]), wrong


def find(table: pa.Table, roles: dict[str, str] | None = None, **parameters: Any) -> Finding:
    columns = {"x": "feature", **ROLES, **(roles or {})}
    columns = {name: role for name, role in columns.items() if name in table.column_names}
    return find_issues(
        table, AnnotatorLabels(**parameters), roles=Roles.model_validate({"columns": columns})
    )


def small(*rows: tuple[str, str, Any]) -> pa.Table:
    return pa.table(dict(zip(("record", "who", "said"), map(list, zip(*rows, strict=True)),
                             strict=True)))  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_wrong_answers_are_flagged_with_the_consensus_as_suggestion(method: Method) -> None:
    table, wrong = answers()
    rows = find(table, method=method).rows
    is_issue = rows["is_issue"].to_numpy()
    assert (is_issue == wrong).mean() > 0.95
    assert rows["score"].to_numpy()[wrong].mean() < 0.3 < rows["score"].to_numpy()[~wrong].mean()
    for row in rows.to_pylist():
        if row["suggestion"] is not None:
            assert row["suggestion"] != row["given_label"]
            assert f"'{row['given_label']}', where" in row["explanation"]
            assert f"'{row['suggestion']}'" in row["explanation"]


@pytest.mark.parametrize("method", METHODS)
def test_the_careless_annotator_is_the_one_subject_that_is_flagged(method: Method) -> None:
    people = [s for s in find(answers()[0], method=method).subjects.to_pylist()
              if s["kind"] == "group"]  # fmt: skip
    assert [person["subject"] for person in people if person["is_issue"]] == ["eve"]
    assert people[0]["subject"] == "eve"
    assert people[0]["rows"] == 60
    assert people[0]["explanation"].startswith("60 answers, right in about ")


def test_agreement_is_a_subject_of_the_dataset() -> None:
    found = find(answers()[0]).subjects.to_pylist()
    [dataset] = [one for one in found if one["kind"] == "dataset"]
    assert dataset["subject"] == "agreement of annotators"
    assert 0.3 < dataset["score"] < 0.667
    assert dataset["is_issue"]
    assert "Krippendorff's alpha is" in dataset["explanation"]


def test_rows_of_a_record_share_a_group_and_keep_the_order_of_the_data() -> None:
    table, _ = answers()
    rows = find(table).rows
    assert rows["row"].to_pylist() == list(range(300))
    assert rows["given_label"].to_pylist() == table["said"].to_pylist()
    assert rows["record_key"].to_pylist() == table["record"].to_pylist()
    pairs = set(zip(rows["record_key"].to_pylist(), rows["group"].to_pylist(), strict=True))
    assert len(pairs) == 60


def test_the_labels_are_those_of_the_consensus() -> None:
    table, _ = answers()
    votes = table.rename_columns(["record_key", "annotator", "label", "x"])
    expected = majority(votes).rows
    labels = dict(
        zip(expected["record_key"].to_pylist(), expected["label"].to_pylist(), strict=True)
    )
    for row in find(table, method="majority").rows.to_pylist():
        agreed = labels[row["record_key"]]
        assert row["is_issue"] == (row["given_label"] != agreed)
        if agreed is not None and row["is_issue"]:
            assert row["suggestion"] == agreed


def test_a_tie_flags_every_answer_on_the_record_and_suggests_nothing() -> None:
    table = small(("a", "ann", "cat"), ("a", "bo", "dog"), ("b", "ann", "cat"), ("b", "bo", "cat"))
    rows = find(table, method="majority").rows.to_pylist()
    assert [row["is_issue"] for row in rows] == [True, True, False, False]
    assert [row["suggestion"] for row in rows] == [None] * 4
    assert rows[0]["explanation"] == "The 2 answers on this record are tied; 'cat' is one."
    assert [row["score"] for row in rows] == [0.5, 0.5, 1.0, 1.0]


def test_the_majoritys_score_is_the_share_of_the_answers() -> None:
    table = small(*[("a", f"w{i}", label) for i, label in enumerate("xxxyz")])
    assert find(table, method="majority").rows["score"].to_pylist() == pytest.approx(
        [0.6, 0.6, 0.6, 0.2, 0.2]
    )


def test_of_two_answers_of_one_annotator_the_last_counts_and_empty_ones_are_left_out() -> None:
    table = small(
        ("a", "ann", "cat"), ("a", "bo", "cat"), ("a", "ann", "dog"), ("a", None, "dog"),
        ("a", "cy", None), ("a", "cy", " "), ("a", "di", "cat"),
    )  # fmt: skip
    finding = find(table)
    assert finding.rows["row"].to_pylist() == [1, 2, 6]
    assert "3 rows without a record, an annotator or an answer left out." in finding.notes
    assert any(note.startswith("1 answer left out") for note in finding.notes)


def test_without_a_key_the_content_says_which_answers_belong_together() -> None:
    table, _ = answers()
    keyed = find(table)
    content = find(table.drop(["record"]))
    assert content.rows["is_issue"].equals(keyed.rows["is_issue"])


@pytest.mark.parametrize("values", [[True, False, True, True], [1.0, 2.0, 1.0, 1.0], [7, 8, 7, 7]])
def test_labels_may_be_booleans_or_numbers(values: list[Any]) -> None:
    keys = [("a", "x"), ("a", "y"), ("a", "z"), ("b", "x")]
    rows = find(small(*[(*key, value) for key, value in zip(keys, values, strict=True)])).rows
    assert rows["is_issue"].to_pylist() == [False, True, False, False]


@pytest.mark.parametrize(
    ("table", "roles", "error", "message"),
    [
        (small(("a", "x", "c"), ("b", "y", "d")), {}, LabelError, "No record has the answers of"),
        (small(("a", None, "c"), ("a", "y", None)), {}, LabelError, "both an annotator and an"),
        (small(("a", "x", "c")), {"who": "feature"}, UsageError, "role 'annotator'"),
        (small(("a", "x", "c")), {"said": "feature"}, UsageError, "Which column is the label"),
        (small(("a", "x", ["c"])), {}, UsageError, "not one class a row"),
        (small(("a", "x", "c")), {"record": "ignore"}, UsageError, "give a column the role 'key'"),
    ],
)
def test_what_is_missing_is_said(
    table: pa.Table, roles: dict[str, str], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        find(table, roles)


def test_one_class_only_and_all_agreed_is_clean() -> None:
    finding = find(small(("a", "x", "c"), ("a", "y", "c"), ("b", "x", "c")))
    assert finding.summary.flagged == 0
    assert [one["kind"] for one in finding.subjects.to_pylist()] == ["group", "group"]
