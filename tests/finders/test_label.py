"""The label finder, from a table to a ranked finding."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import roc_auc_score

from curation.errors import DataError, LabelError, UnknownNameError, UsageError
from curation.finders.base import ROWS, Finding
from curation.finders.label import find_label_issues
from curation.lake.roles import Roles
from curation.progress import Cancelled

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason="the real sets of ../shared/data are not here"
)

SAYINGS = {
    "refund": ["I want my money back", "please refund the last payment", "when do I get my refund"],
    "card": ["my card was stolen", "I lost my bank card", "the card does not work at the shop"],
    "login": [
        "I cannot log in to the app",
        "my password is wrong",
        "the login page shows an error",
    ],
}


def messages(copies: int = 12) -> pa.Table:
    """Return messages in three classes, with the first of each class labelled as the next."""
    names = list(SAYINGS)
    texts, given, wrong = [], [], []
    for copy in range(copies):
        for place, name in enumerate(names):
            for saying in SAYINGS[name]:
                first = copy == 0 and saying == SAYINGS[name][0]
                texts.append(f"{saying}, since {copy + 1} days")
                given.append(names[(place + 1) % 3] if first else name)
                wrong.append(first)
    return pa.table({"id": range(len(texts)), "text": texts, "intent": given, "wrong": wrong})


def find(data: Any = None, **options: Any) -> Finding:
    data = messages().drop(["wrong"]) if data is None else data
    return find_label_issues(data, **{"label": "intent", **options})


def test_every_row_is_ranked_and_planted_errors_are_flagged_with_the_right_label() -> None:
    truth = np.array(messages()["wrong"])
    finding = find()
    rows = finding.rows
    assert rows.schema == ROWS
    assert rows["row"].to_pylist() == list(range(len(truth)))
    quality = rows["score"].to_numpy()
    assert ((quality >= 0) & (quality <= 1)).all()
    assert set(np.argsort(quality)[:3]) == set(np.flatnonzero(truth))
    flagged = rows.filter(rows["is_issue"])
    assert set(np.flatnonzero(truth)) <= set(flagged["row"].to_pylist())
    suggested = dict(zip(rows["row"].to_pylist(), rows["suggestion"].to_pylist(), strict=True))
    assert [suggested[row] for row in np.flatnonzero(truth)] == ["refund", "card", "login"]
    assert all(g != s for g, s in zip(flagged["given_label"], flagged["suggestion"], strict=True))


def test_the_summary_counts_what_the_rows_say() -> None:
    finding = find()
    summary = finding.summary
    assert (summary.rows, summary.classes) == (108, 3)
    assert summary.flagged == sum(finding.rows["is_issue"].to_pylist())
    assert 0 < summary.estimated_errors < summary.rows
    assert finding.info == {"labelled": 108}
    assert summary.seconds > 0
    assert finding.probabilities.shape == (108, 3)
    assert finding.classes == ["card", "login", "refund"]
    assert finding.roles.role_of("text") == "text"
    given = [finding.classes.index(name) for name in finding.rows["given_label"].to_pylist()]
    np.testing.assert_allclose(
        finding.rows["given_label_probability"], finding.probabilities[np.arange(108), given]
    )


def test_pandas_and_polars_frames_give_the_same_rows() -> None:
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    data = messages().drop(["wrong"])
    expected = find(data).rows
    assert find(data.to_pandas()).rows.equals(expected)
    assert find(polars.from_arrow(data)).rows.equals(expected)
    assert isinstance(data.to_pandas(), pandas.DataFrame)


def test_the_same_call_again_gives_the_same_rows_in_any_order() -> None:
    data = messages().drop(["wrong"])
    order = np.random.default_rng(0).permutation(data.num_rows)
    shuffled = find(data.take(order)).rows
    back = shuffled.take(np.argsort(order)).drop(["row"])
    assert back.equals(find(data).rows.drop(["row"]))


def test_record_keys_come_from_the_key_column_or_the_content() -> None:
    data = messages().drop(["wrong"])
    assert find(data).rows["record_key"].to_pylist() == [str(row) for row in range(108)]
    hashed = find(data.drop(["id"])).rows["record_key"].to_pylist()
    assert len(set(hashed)) == 108
    assert all(len(key) == 32 for key in hashed)


def test_rows_without_a_label_get_a_suggestion_and_are_no_issue() -> None:
    data = messages().drop(["wrong"])
    given = data["intent"].to_pylist()
    right = [given[place] for place in range(30, 60, 3)]
    given[30:60:3] = [None, ""] * 5
    finding = find(data.set_column(2, "intent", pa.array(given)))
    rows = finding.rows.slice(30, 30).to_pylist()[::3]
    assert finding.rows["row"].to_pylist() == list(range(108))
    assert {row["given_label"] for row in rows} == {None}
    assert {(row["score"], row["is_issue"], row["explanation"]) for row in rows} == {
        (1.0, False, None)
    }
    assert {row["given_label_probability"] for row in rows} == {None}
    assert sum(r["suggestion"] == name for r, name in zip(rows, right, strict=True)) >= 8
    assert any("10 rows without a label" in note for note in finding.notes)


def test_a_flag_is_explained_by_its_neighbours_and_the_probability() -> None:
    row = find().rows.to_pylist()[0]
    assert row["is_issue"]
    said = r"\d+ of 10 nearest rows are 'refund'; out-of-sample probability of 'refund' 0\.\d\d, of"
    assert re.match(said + r" 'card' 0\.\d\d$", row["explanation"])


def test_the_pairs_of_classes_with_expected_errors_are_told() -> None:
    finding = find()
    pairs = finding.subjects.to_pylist()
    assert {pair["subject"] for pair in pairs if pair["is_issue"]} == {
        "card → refund", "login → card", "refund → login",
    }  # fmt: skip
    assert finding.summary.subjects_flagged == 3
    assert "should be 'refund'" in pairs[0]["explanation"] or len(pairs) > 1


def test_a_class_with_one_row_is_ranked_and_said() -> None:
    data = messages().drop(["wrong"])
    given = data["intent"].to_pylist()
    given[50] = "refnud"
    finding = find(data.set_column(2, "intent", pa.array(given)))
    assert finding.rows["given_label"].to_pylist()[50] == "refnud"
    assert not finding.rows["is_issue"][50].as_py()
    assert any("'refnud'" in note for note in finding.notes)


def test_given_probabilities_are_taken_instead_of_learned() -> None:
    data = pa.table(
        {"y": [0, 1] * 20, "p0": [0.9, 0.1] * 19 + [0.9, 0.95], "p1": [0.1, 0.9] * 19 + [0.1, 0.05]}
    )
    finding = find_label_issues(data, label="y", pred_probs_prefix="p")
    flagged = finding.rows.filter(finding.rows["is_issue"]).to_pylist()
    assert [(row["row"], row["given_label"], row["suggestion"]) for row in flagged] == [
        (39, "1", "0")
    ]
    assert flagged[0]["score"] == pytest.approx(0.05, abs=1e-6)
    assert finding.learner == "given in the columns 'p…'"


def test_cancelling_comes_through_at_every_stage() -> None:
    stages: list[float] = []
    find(progress=lambda fraction, _: stages.append(fraction))
    assert stages == sorted(stages)
    assert stages[-1] == 1
    for stop in range(0, len(stages), 5):
        left = iter([False] * stop + [True])

        def cancel(fraction: float, message: str, left: Any = left) -> None:
            if next(left):
                raise Cancelled

        with pytest.raises(Cancelled):
            find(progress=cancel)
    assert find().summary.rows == 108  # the lock was given back


def test_threads_do_not_mix_their_results() -> None:
    data = messages().drop(["wrong"])
    parts = [data.slice(start, 72) for start in (0, 12, 24, 36)]
    alone = [find(part).rows for part in parts]
    found: dict[int, pa.Table] = {}
    threads = [
        threading.Thread(target=lambda i=i, part=part: found.update({i: find(part).rows}))
        for i, part in enumerate(parts)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(found[i].equals(alone[i]) for i in range(len(parts)))


@pytest.mark.parametrize(
    ("data", "options", "error", "message"),
    [
        (
            None,
            {"label": "intnet"},
            UnknownNameError,
            "There is no column 'intnet'. Did you mean 'intent'",
        ),
        (
            {"a": [1.5, 2.5] * 5, "b": [1.0, 2.5] * 5},
            {"label": None},
            UsageError,
            "Which column is the label?",
        ),
        (None, {"label": "id"}, LabelError, "Label column 'id' has 108 different values"),
        (
            {"intent": ["a"] * 9, "text": ["hello there you"] * 9},
            {},
            LabelError,
            "one class only, 'a'",
        ),
        ({"intent": [], "text": []}, {}, LabelError, "has 0 rows with a label, of 0"),
        ({"intent": ["a", "b"] * 9}, {}, UsageError, "There is no column to learn from"),
        (
            None,
            {"pred_probs_prefix": "p_"},
            UsageError,
            "There is no column 'p_card' of given probabilities",
        ),
        (
            None,
            {"roles": Roles(columns={"text": "text", "intent": "label", "key": "key"})},
            UnknownNameError,
            "There is no column 'key'",
        ),
        ([1, 2], {}, UsageError, "Got list; the data must be"),
    ],
)
def test_bad_input_gets_a_clear_error(
    data: Any, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        find(pa.table(data) if isinstance(data, dict) else data, **options)
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 3


def test_given_probabilities_that_are_none_are_refused() -> None:
    data = pa.table({"y": ["a", "b"] * 5, "pa": [0.5] * 10, "pb": [2.5] * 10})
    with pytest.raises(DataError, match="of row 0 sum to 3"):
        find_label_issues(data, label="y", pred_probs_prefix="p")


@needs_data
def test_real_errors_in_agnews_are_ranked_first() -> None:
    data = pq.read_table(DATA / "noisy_agnews" / "val10k_med.parquet")
    finding = find_label_issues(data.select(["id", "text", "given_label"]), label="given_label")
    wrong = data["is_error"].to_numpy()
    assert roc_auc_score(~wrong, finding.rows["score"]) >= 0.81
    assert wrong[finding.rows["is_issue"].to_numpy()].mean() > 0.6


@needs_data
def test_real_errors_in_code_metrics_are_ranked_above_the_rare_class_alone() -> None:
    data = pq.read_table(DATA / "jira_defects" / "wicket.parquet")
    not_metrics = {
        "project",
        "release",
        "file",
        "HeuBugCount",
        "RealBugCount",
        "true_label",
        "is_error",
    }
    columns = {name: "feature" for name in data.column_names if name not in not_metrics}
    finding = find_label_issues(data, roles=Roles(columns=columns | {"given_label": "label"}))
    wrong, quality = (
        data["is_error"].to_numpy().astype(bool),
        finding.rows["score"].to_numpy(),
    )
    assert roc_auc_score(~wrong, quality) >= 0.92


@needs_data
def test_published_probabilities_that_pass_one_are_taken() -> None:
    data = pq.read_table(DATA / "label_errors" / "imdb_test.parquet").select(
        ["id", "given_label", "p0", "p1"]
    )
    finding = find_label_issues(data, label="given_label", pred_probs_prefix="p")
    assert 1_200 < finding.summary.flagged < 1_400
