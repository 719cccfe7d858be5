"""Out-of-sample probabilities, whatever the columns hold."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from curation.errors import UnknownNameError, UsageError
from curation.lake.roles import Role, Roles
from curation.learn.probabilities import OutOfSample, out_of_sample_probabilities
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
    assert learn(table(), text="text").learner == "WordLlama, leave-one-out ridge"
    assert learn(table(), amount="feature").learner.startswith("ExtraTrees")
    both = learn(table(), text="text", amount="feature")
    said = " ".join([both.learner, *both.notes])
    assert "WordLlama" in said
    assert "ExtraTrees" in said
    accurate = out_of_sample_probabilities(
        table(), CODES, ["a", "b"], Roles(columns={"text": "text"}), preset="accurate"
    )
    assert accurate.learner == "WordLlama + TF-IDF-SVD, leave-one-out ridge"


def test_same_rows_with_the_same_label_get_the_same_probabilities() -> None:
    data = pa.table({"amount": [1.0, 2.0, 3.0, 4.0] * 10})
    codes = np.array([0, 1, 0, 1] * 10)
    probabilities = learn(data, codes, amount="feature").probabilities
    for first in range(4):
        assert len(np.unique(probabilities[first::4], axis=0)) == 1


def test_rows_without_a_label_are_left_out_of_fit_and_result() -> None:
    codes = CODES.copy()
    codes[:20] = -1
    found = learn(table(), codes, text="text")
    assert found.rows.tolist() == list(range(20, ROWS))
    expected = learn(table().slice(20), CODES[20:], text="text")
    np.testing.assert_array_equal(found.probabilities, expected.probabilities)


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
