"""Out-of-sample probabilities, whatever the columns hold."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from curation.errors import LabelError, UnknownNameError, UsageError
from curation.lake.roles import Role, Roles
from curation.learn import learners, probabilities
from curation.learn.averaging import mixture_weights
from curation.learn.probabilities import OutOfSample, Preset, out_of_sample_probabilities
from curation.progress import Cancelled

ROWS = 120
CODES = (np.arange(ROWS) % 2).astype(np.int64)
WORDS = (
    ["refund my money now please", "where is my refund"],
    ["card got lost", "my card is stolen"],
)


def table() -> pa.Table:
    random = np.random.default_rng(0)
    vectors = (random.normal(size=(ROWS, 6)) + CODES[:, None] * 2).astype(np.float32)
    return pa.table(
        {
            "text": [f"{WORDS[code][row % 4 // 2]} {row % 30}" for row, code in enumerate(CODES)],
            "vector": pa.array(vectors.tolist(), pa.list_(pa.float32())),
            "amount": random.normal(size=ROWS).round(1) + CODES * 2,
            "country": [["ch", "de", None][row % 3] for row in range(ROWS)],
            "picture": pa.array([b"png"] * ROWS),
        }
    )


def learn(data: pa.Table, codes: np.ndarray = CODES, **roles: Role) -> OutOfSample:
    return out_of_sample_probabilities(data, codes, ["a", "b"], Roles(columns=roles))


CONTENTS: list[dict[str, Role]] = [
    {"text": "text"},
    {"vector": "embedding"},
    {"vector": "image"},
    {"text": "text", "vector": "embedding"},
    {"amount": "feature", "country": "feature"},
    {"text": "text", "amount": "feature"},
]


@pytest.mark.parametrize("roles", CONTENTS, ids="+".join)
def test_every_content_is_learned_and_does_not_depend_on_the_order_of_rows(
    roles: dict[str, Role],
) -> None:
    data, order = table(), np.random.default_rng(1).permutation(ROWS)
    straight, shuffled = learn(data, **roles), learn(data.take(order), CODES[order], **roles)
    assert straight.probabilities.dtype == np.float32
    np.testing.assert_allclose(straight.probabilities.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(straight.probabilities[order], shuffled.probabilities)
    assert (straight.probabilities.argmax(axis=1) == CODES).mean() > 0.8


def test_the_learner_is_chosen_from_the_roles() -> None:
    assert learn(table(), text="text").learner == (
        "WordLlama, leave-one-out ridge + nearest centroid + naive Bayes on words"
    )
    assert learn(table(), amount="feature").learner.startswith("ExtraTrees")
    both = learn(table(), text="text", amount="feature")
    said = " ".join([both.learner, *both.notes])
    assert "WordLlama" in said
    assert "ExtraTrees" in said
    accurate = out_of_sample_probabilities(
        table(), CODES, ["a", "b"], Roles(columns={"text": "text"}), preset="accurate"
    )
    assert accurate.learner.startswith("WordLlama + TF-IDF-SVD, leave-one-out ridge + ")
    assert accurate.learner.endswith("votes of the 50 nearest rows")


def test_same_rows_with_the_same_label_get_the_same_probabilities() -> None:
    data = pa.table({"amount": [1.0, 2.0, 3.0, 4.0] * 10})
    codes = np.array([0, 1, 0, 1] * 10)
    probabilities = learn(data, codes, amount="feature").probabilities
    for first in range(4):
        assert len(np.unique(probabilities[first::4], axis=0)) == 1


@pytest.mark.parametrize("roles", CONTENTS, ids="+".join)
def test_rows_without_a_label_teach_nothing_and_have_probabilities(roles: dict[str, Role]) -> None:
    codes = CODES.copy()
    codes[:20] = -1
    found = learn(table(), codes, **roles)
    assert found.rows.tolist() == list(range(20, ROWS))
    assert found.labelled.sum() == ROWS - 20
    assert found.probabilities.shape == (ROWS, 2)
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, atol=1e-5)
    assert (found.probabilities[:20].argmax(axis=1) == CODES[:20]).mean() > 0.7


def test_rows_without_a_label_do_not_change_what_texts_teach() -> None:
    codes = CODES.copy()
    codes[:20] = -1
    found = learn(table(), codes, text="text")
    expected = learn(table().slice(20), CODES[20:], text="text")
    np.testing.assert_allclose(found.probabilities[20:], expected.probabilities, atol=1e-4)


def test_copies_do_not_vouch_for_each_other() -> None:
    """Each text comes twice with one label, by chance: who sees the copy is always right."""
    random = np.random.default_rng(0)
    words = np.array(
        [
            "alpha",
            "beta",
            "gamma",
            "delta",
            "eta",
            "theta",
            "iota",
            "kappa",
            "lambda",
            "sigma",
            "tau",
            "phi",
        ]
    )
    texts = [" ".join(random.permutation(words)[:6]) + f" {i}" for i in range(150)]
    codes = np.tile(random.integers(0, 2, 150), 2)
    data = pa.table({"text": texts + [f"{text.upper()}!" for text in texts]})
    right = learn(data, codes, text="text").probabilities.argmax(axis=1) == codes
    assert right.mean() < 0.62


@pytest.mark.parametrize("roles", [{"text": "text"}, {"amount": "feature", "vector": "embedding"}])
def test_rows_of_a_group_and_near_copies_do_not_teach_each_other(roles: dict[str, Role]) -> None:
    """Labels go by user, and every column tells the user."""
    random = np.random.default_rng(0)
    user = np.repeat(np.arange(40), 8)
    codes = random.permutation(np.arange(40) % 2)[user]
    names = ["".join(random.choice(list("etaoinshr"), 6)) for _ in range(120)]
    data = pa.table(
        {
            "text": [f"{names[u]} {names[u + 40]} {names[u + 80]} {i}" for i, u in enumerate(user)],
            "amount": user + random.random(320) / 4,
            "vector": (np.eye(40)[user] * 9 + random.normal(size=(320, 40))).tolist(),
            "user": user,
        }
    )
    told = learn(data, codes, **roles).probabilities.argmax(axis=1) == codes
    assert told.mean() > 0.8
    left_out = learn(data, codes, **roles, user="group")
    assert (left_out.probabilities.argmax(axis=1) == codes).mean() < 0.65
    near = out_of_sample_probabilities(
        data, codes, ["a", "b"], Roles(columns=roles),
        near=np.stack([np.arange(319), np.arange(1, 320)], axis=1)[np.diff(user) == 0],
    )  # fmt: skip
    np.testing.assert_array_equal(near.probabilities, left_out.probabilities)


def test_all_rows_in_one_group_have_the_classes_shares_and_it_is_said() -> None:
    data = pa.table({"text": ["same text here"] * 8, "amount": [1.0] * 8})
    codes = np.array([0, 0, 0, 1, 0, 0, 1, 1])
    found = learn(data, codes, text="text")
    assert len(np.unique(found.probabilities, axis=0)) == 1
    assert "none can be learned from the others" in found.notes[0]
    two = pa.table({"text": ["a b", "c d"] * 4, "user": ["x"] * 7 + [None]})
    found = learn(two, np.array([0, 1] * 3 + [0, -1]), text="text", user="group")
    assert np.isfinite(found.probabilities).all()
    assert "none can be learned from the others" in found.notes[0]


def test_texts_in_a_file_give_the_same_as_in_memory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for preset in ("fast", "accurate"):
        expected = learn_preset(preset).probabilities
        with monkeypatch.context() as patch:
            patch.setattr(learners, "IN_MEMORY_BYTES", 0)
            patch.setattr(tempfile, "tempdir", str(tmp_path))
            np.testing.assert_allclose(learn_preset(preset).probabilities, expected, atol=5e-3)
            assert not list(tmp_path.iterdir())


def learn_preset(preset: Preset) -> OutOfSample:
    return out_of_sample_probabilities(
        table(), CODES, ["a", "b"], Roles(columns={"text": "text"}), preset=preset
    )


@pytest.mark.parametrize("roles", CONTENTS, ids="+".join)
def test_one_thread_gives_the_same_as_two(
    roles: dict[str, Role], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = learn(table(), **roles).probabilities
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    with threadpool_limits(1):
        np.testing.assert_allclose(learn(table(), **roles).probabilities, expected, atol=1e-5)


def test_what_was_found_can_be_kept_as_arrays() -> None:
    found = learn(table(), text="text", picture="image")
    again = OutOfSample.from_arrays(found.arrays())
    np.testing.assert_array_equal(again.probabilities, found.probabilities)
    np.testing.assert_array_equal(again.codes, found.codes)
    assert (again.classes, again.learner, again.notes) == (
        found.classes, found.learner, found.notes
    )  # fmt: skip
    assert all(isinstance(array, np.ndarray) for array in found.arrays().values())


def test_nothing_labelled_and_too_many_numbers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LabelError, match="No row has a label"):
        learn(table(), np.full(ROWS, -1), text="text")
    monkeypatch.setattr(probabilities, "MOST_NUMBERS", 100)
    with pytest.raises(LabelError, match="120 rows times 2 classes would take") as caught:
        learn(table(), text="text")
    assert "Take a sample of at most 50 rows, or merge classes." in str(caught.value)


@pytest.mark.parametrize(
    "column",
    [pa.array([None] * 12, pa.list_(pa.float32())), pa.array([[0.0, float("inf")]] * 12),
     pa.array([[1.0, 2.0]] * 11 + [None])],
    ids=["null", "infinite", "constant"],
)  # fmt: skip
def test_vectors_that_say_nothing_are_no_trouble(column: pa.Array) -> None:
    data = pa.table({"vector": column, "text": [f"one {i} word" for i in range(12)]})
    found = learn(data, np.arange(12) % 2, vector="embedding", text="text")
    assert np.isfinite(found.probabilities).all()
    if column.null_count == len(column):
        assert found.notes == ["Column 'vector' holds no vector; not used."]
        with pytest.raises(UsageError, match="There is no column to learn from"):
            learn(data, np.arange(12) % 2, vector="embedding")


def test_many_classes_of_two_rows_are_learned() -> None:
    random = np.random.default_rng(0)
    codes = np.repeat(np.arange(500), 2)
    names = ["".join(random.choice(list("etaoinshr"), 7)) for _ in range(500)]
    data = pa.table({"text": [f"{names[code]} number {i % 2}" for i, code in enumerate(codes)]})
    found = out_of_sample_probabilities(
        data, codes, [str(i) for i in range(500)], Roles(columns={"text": "text"})
    )
    assert (found.probabilities.argmax(axis=1) == codes).mean() > 0.5


@given(st.lists(st.floats(0.01, 1), min_size=6, max_size=40), st.integers(1, 3))
def test_weights_of_models_sum_to_one_and_the_better_model_has_more(
    given_class: list[float], models: int
) -> None:
    good = np.array(given_class)
    weights = mixture_weights(np.stack([good, *[good / (i + 2) for i in range(models)]], axis=1))
    assert weights.sum() == pytest.approx(1)
    assert weights[0] > 0.9


def test_a_column_that_cannot_be_used_is_said() -> None:
    found = learn(table(), text="text", picture="image")
    assert found.notes == ["Column 'picture' (binary) cannot be learned from yet; not used."]


def test_rows_without_text_are_said() -> None:
    data = pa.table({"text": ["a b", None, " ", "c d", "", "e f"]})
    assert learn(data, np.array([0, 1, 0, 1, 0, 1]), text="text").notes == ["3 rows have no text."]


def test_without_a_usable_column_the_error_says_what_to_pass() -> None:
    same = pa.table({"same": ["x"] * ROWS, "picture": [b"png"] * ROWS})
    with pytest.raises(UsageError, match="There is no column to learn from") as caught:
        learn(same, same="feature", picture="image")
    assert "Columns: same (feature), picture (image)" in str(caught.value)
    assert "--text COL" in str(caught.value)
    with pytest.raises(UnknownNameError, match=r"There is no column 'txt'\. Did you mean 'text'"):
        learn(table(), txt="text")


@pytest.mark.parametrize("roles", CONTENTS, ids="+".join)
def test_progress_rises_to_one_and_may_cancel_at_any_stage(roles: dict[str, Role]) -> None:
    seen: list[float] = []
    out_of_sample_probabilities(
        table(),
        CODES,
        ["a", "b"],
        Roles(columns=roles),
        progress=lambda fraction, _: seen.append(fraction),
    )
    assert seen == sorted(seen)
    assert seen[-1] == 1
    for stop in (0, len(seen) // 2):
        calls = iter(range(len(seen)))

        def cancel(fraction: float, message: str, calls: object = calls, stop: int = stop) -> None:
            if next(calls) == stop:  # type: ignore[call-overload]
                raise Cancelled

        with pytest.raises(Cancelled):
            out_of_sample_probabilities(
                table(), CODES, ["a", "b"], Roles(columns=roles), progress=cancel
            )
