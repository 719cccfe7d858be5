"""Synthetic rows: beside imbalanced-learn's on the same parents, and what holds for any data."""

from __future__ import annotations

import json
import math
from collections import Counter
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imblearn.over_sampling import SMOTENC

from curation.engines.duckdb import DuckDBEngine
from curation.errors import UsageError
from curation.lake.records import (
    FINGERPRINT_COLUMN,
    KEY_COLUMN,
    ROW_COLUMN,
    SOURCE_COLUMN,
    fingerprint_sql,
    key_sql,
)
from curation.lake.roles import Role, Roles
from curation.sampling.balance import smote
from curation.sampling.balance.smote_nc import MOST_INDICATORS, nearest_rows, penalty_of, voted
from curation.steps import Rebalance, StepContext, StepResult

Floats = npt.NDArray[np.float64]
ROLES: dict[str, Role] = {
    "id": "key", "x": "feature", "y": "feature", "z": "feature", "f": "feature", "g": "feature",
    "label": "label",
}  # fmt: skip
DIGITS = 13
LARGE, SMALL = 120, 40


def mixed(large: int = LARGE, small: int = SMALL, seed: int = 0) -> pa.Table:
    """Numbers with a standard deviation near 1, so that none is put on another scale."""
    draw = np.random.default_rng(seed)
    size = large + small
    numbers = draw.normal(size=(size, 3))
    return pa.table(
        {
            "id": [f"k{n}" for n in range(size)],
            "x": numbers[:, 0], "y": numbers[:, 1], "z": numbers[:, 2],
            "f": draw.choice(list("uvw"), size),
            "g": draw.random(size) < 0.5,
            "label": ["large"] * large + ["small"] * small,
        }
    )  # fmt: skip


class Made:
    """The rows after a step, as a person sees them and with what a run carries beside them."""

    def __init__(
        self, step: Rebalance, table: pa.Table, roles: dict[str, Role] = ROLES, seed: int = 0
    ):
        known = Roles(columns=roles)
        with DuckDBEngine() as engine:
            name = engine.put(table).name
            relation = engine.select(
                f"SELECT *, {key_sql(known)} AS {KEY_COLUMN}, {fingerprint_sql(known)} AS "
                f"{FINGERPRINT_COLUMN}, rowid AS {ROW_COLUMN}, 'given' AS {SOURCE_COLUMN} FROM {name}"
            )
            self.result: StepResult = step.apply(
                relation, StepContext(engine, known, seed, step.step_id)
            )
            self.table = engine.table(
                f"SELECT * FROM {self.result.relation.name} ORDER BY {ROW_COLUMN}"
            )
        self.kinds = dict(self.result.relation.columns)
        self.rows: list[dict[str, Any]] = self.table.to_pylist()

    @property
    def synthetic(self) -> list[dict[str, Any]]:
        return [row for row in self.rows if row["made"] == "synthetic"]


def shown(rows: list[dict[str, Any]]) -> Counter[str]:
    return Counter(repr({**row, ROW_COLUMN: 0}) for row in rows)


def drawn_of(row: dict[str, Any]) -> tuple[float, float]:
    """The two numbers in [0, 1) in the hash of a made row: which neighbour, and how far."""
    digest = row["id"].removeprefix("synthetic-")
    which, gap = digest[:DIGITS], digest[DIGITS : 2 * DIGITS]
    return int(which, 16) / 16**DIGITS, int(gap, 16) / 16**DIGITS


class Opened(SMOTENC):  # type: ignore[misc]
    """imbalanced-learn's SMOTE-NC, which keeps the matrix and the neighbours that it found."""

    def _make_samples(self, X: Any, y_dtype: Any, y_type: Any, nn_data: Any, nn_num: Any, *a: Any):  # noqa: N803
        self.seen = X, nn_data, nn_num
        return super()._make_samples(X, y_dtype, y_type, nn_data, nn_num, *a)


def theirs(table: pa.Table) -> Opened:
    peer = Opened(categorical_features=[3, 4], random_state=0)
    features = np.array(
        [[r["x"], r["y"], r["z"], r["f"], r["g"]] for r in table.to_pylist()], dtype=object
    )
    peer.fit_resample(features, np.array(table["label"].to_pylist()))
    return peer


@pytest.fixture(scope="module")
def peer() -> Opened:
    return theirs(mixed())


@pytest.fixture(scope="module")
def made() -> Made:
    return Made(Rebalance(method="smote"), mixed())


def test_neighbours_are_those_of_imbalanced_learn(peer: Opened) -> None:
    small = mixed().slice(LARGE)
    numbers = np.stack([small[c].to_numpy() for c in "xyz"], axis=1)
    words, marks = ["u", "v", "w"], ["false", "true"]
    codes = np.array([[words.index(r["f"]), int(r["g"])] for r in small.to_pylist()])
    penalty = float(np.median(numbers.std(axis=0)))
    assert penalty_of(list(numbers.std(axis=0))) == pytest.approx(penalty, rel=5e-3)
    near = nearest_rows(numbers.astype(np.float32), codes, [words, marks], 5, penalty)
    np.testing.assert_array_equal(near, peer.seen[2])


def test_synthetic_rows_are_those_of_imbalanced_learn(peer: Opened, made: Made) -> None:
    """With the same parents and the same part of the way, and the vote where it is not a tie."""
    matrix, neighbours_data, near = peer.seen
    synthetic = made.synthetic
    assert len(synthetic) == LARGE - SMALL
    base = [int(json.loads(row["parents"])[0][1:]) - LARGE for row in synthetic]
    column = [math.floor(drawn_of(row)[0] * 5) for row in synthetic]
    for row, b, c in zip(synthetic, base, column, strict=True):
        assert json.loads(row["parents"])[1] == f"k{near[b, c] + LARGE}"
    steps = np.array([[drawn_of(row)[1]] for row in synthetic])
    wanted = peer._generate_samples(
        matrix, neighbours_data, near, np.array(base), np.array(column), steps, "small"
    ).toarray()
    got = np.array([[row["x"], row["y"], row["z"]] for row in synthetic])
    np.testing.assert_allclose(got, wanted[:, :3], rtol=1e-9, atol=1e-12)
    small = mixed().slice(LARGE).to_pylist()
    compared = 0
    for row, b, encoded in zip(synthetic, base, wanted, strict=True):
        votes = Counter(small[n]["f"] for n in near[b]).most_common()
        if len(votes) == 1 or votes[0][1] > votes[1][1]:
            assert "uvw"[int(encoded[3:6].argmax())] == row["f"]
            compared += 1
        assert bool(encoded[7]) == row["g"]  # 5 neighbours and 2 values: there is no tie
    assert compared > 40


def test_of_values_with_equal_votes_that_of_the_nearest_is_taken() -> None:
    codes = np.array([[0], [1], [2], [1], [2]])
    assert voted(codes, np.array([[2, 1, 3, 4], [0, 1, 2, 0], [0, 1, 2, 2]])).tolist() == [
        [2], [0], [2],
    ]  # fmt: skip


def test_a_synthetic_row_is_marked_and_traced(made: Made) -> None:
    given = {row["id"]: row for row in made.rows if row["made"] is None}
    assert len(given) == LARGE + SMALL
    assert {row["parents"] for row in given.values()} == {None}
    for row in made.synthetic:
        first, second = (given[key] for key in json.loads(row["parents"]))
        assert first is not second
        assert {first["label"], second["label"], row["label"]} == {"small"}
        assert row[SOURCE_COLUMN] == "synthetic"
        assert row[KEY_COLUMN] == row["id"]
        for name in "xyz":
            low, high = sorted((first[name], second[name]))
            assert low <= row[name] <= high
    assert len({row[FINGERPRINT_COLUMN] for row in made.rows}) == 2 * LARGE
    assert len({row[ROW_COLUMN] for row in made.rows}) == 2 * LARGE
    assert made.result.counts == {"added": 80, "dropped": 0}
    assert made.result.note == "made synthetic rows: 80 for small from 40"


def test_the_order_of_the_rows_does_not_count(made: Made) -> None:
    order = np.random.default_rng(5).permutation(LARGE + SMALL)
    assert shown(Made(Rebalance(method="smote"), mixed().take(order)).rows) == shown(made.rows)


def test_another_seed_makes_other_rows(made: Made) -> None:
    assert not shown(Made(Rebalance(method="smote"), mixed(), seed=1).synthetic) & shown(
        made.synthetic
    )


def joined(first: pa.Table, second: pa.Table, prefix: str) -> pa.Table:
    renamed = [f"{prefix}{key}" for key in second["id"].to_pylist()]
    return pa.concat_tables([first, second.set_column(0, "id", pa.array(renamed))])


def test_rows_of_the_large_class_add_synthetic_rows_and_change_none(made: Made) -> None:
    more = joined(mixed(), mixed(large=30, small=0, seed=9), "new")
    after = Made(Rebalance(method="smote"), more)
    assert len(after.synthetic) == 110
    assert shown(made.synthetic) <= shown(after.synthetic)


def test_a_row_far_from_all_others_changes_none_of_their_synthetic_rows() -> None:
    numeric: dict[str, Role] = {**ROLES, "f": "ignore", "g": "ignore"}
    far = mixed(large=0, small=1).set_column(0, "id", pa.array(["far"]))
    for place, name in ((1, "x"), (2, "y")):
        far = far.set_column(place, name, pa.array([9.0]))
    # Each row gives three before and after, so that only the new row's own come in.
    before = Made(Rebalance(method="smote", rows_per_class=160), mixed(), numeric)
    after = Made(
        Rebalance(method="smote", rows_per_class=164), pa.concat_tables([mixed(), far]), numeric
    )
    wanted, got = (
        shown([row for row in made.synthetic if row["label"] == "small"])
        for made in (before, after)
    )
    new = got - wanted
    assert (wanted.total(), new.total()) == (120, 3)
    assert all('["far"' in row for row in new)


def test_a_new_row_changes_synthetic_rows_in_its_neighbourhood_only() -> None:
    before = Made(Rebalance(method="smote", rows_per_class=320), mixed(small=80)).synthetic
    more = joined(mixed(small=80), mixed(large=0, small=1, seed=3), "new")
    after = Made(Rebalance(method="smote", rows_per_class=324), more).synthetic
    assert (shown(before) & shown(after)).total() > 0.75 * len(before)


def test_blocks_hold_parents_together_and_nothing_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(smote, "BLOCK", 16)
    monkeypatch.setattr(smote, "ROWS_AT_ONCE", 40)
    done = Made(Rebalance(method="smote", rows_per_class=300), mixed(small=90))
    assert smote.blocks_of(90) == 8
    by_class = Counter(row["label"] for row in done.rows)
    assert by_class == {"large": 300, "small": 300}
    for name, most in (("large", LARGE / 2), ("small", 90 / 2)):
        partners: dict[str, set[str]] = {}
        for row in done.synthetic:
            if row["label"] == name:
                first, second = json.loads(row["parents"])
                partners.setdefault(first, set()).add(second)
        assert all(first not in others for first, others in partners.items())
        # Whoever is in a block with a row is linked to it, and others never are.
        assert max(len(linked(partners, first)) for first in partners) < most


def linked(partners: dict[str, set[str]], start: str) -> set[str]:
    seen, waiting = {start}, [start]
    while waiting:
        for other in partners.get(waiting.pop(), set()) - seen:
            seen.add(other)
            waiting.append(other)
    return seen


def test_a_row_alone_in_its_block_is_its_own_neighbour() -> None:
    none = np.zeros((1, 0), dtype=np.int64)
    assert nearest_rows(np.zeros((1, 2), np.float32), none, [], 5, 1.0).tolist() == [[0]]


@given(
    st.lists(st.integers(-(2**62), 2**62), min_size=3, max_size=8),
    st.lists(st.none() | st.floats(width=32), min_size=3, max_size=8),
)
@settings(max_examples=25)
def test_any_numbers_give_rows_of_the_same_types_between_the_parents(
    whole: list[int], floats: list[float | None]
) -> None:
    size = min(len(whole), len(floats))
    table = pa.table(
        {
            "id": list(range(size + 20)),
            "n": pa.array(whole[:size] + [0] * 20, pa.int64()),
            "u": pa.array([n % 200 for n in range(size + 20)], pa.uint8()),
            "d": pa.array([Decimal(n % 7) for n in range(size + 20)], pa.decimal128(9, 2)),
            "x": pa.array(floats[:size] + [0.5] * 20, pa.float32()),
            "c": pa.array([None, "a", "b", ""] * 5 + ["b"] * size),
            "label": ["small"] * size + ["large"] * 20,
        }
    )
    roles: dict[str, Role] = {
        "id": "key", "n": "feature", "u": "feature", "d": "feature", "x": "feature",
        "c": "feature", "label": "label",
    }  # fmt: skip
    done = Made(Rebalance(method="smote"), table, roles)
    assert {n: done.kinds[n] for n in "nudxc"} == {
        "n": "BIGINT", "u": "UTINYINT", "d": "DECIMAL(9,2)", "x": "FLOAT", "c": "VARCHAR",
    }  # fmt: skip
    given_rows = {str(row["id"]): row for row in table.to_pylist()}
    assert len(done.synthetic) == 20 - size
    for row in done.synthetic:
        first, second = (given_rows[key] for key in json.loads(row["parents"]))
        for name in "nud":
            low, high = sorted((first[name], second[name]))
            assert low <= row[name] <= high
        both = [first["x"], second["x"]]
        if all(value is not None and math.isfinite(value) for value in both):
            assert min(both) <= row["x"] <= max(both)
        else:
            assert repr(row["x"]) == repr(first["x"])


def test_whole_numbers_are_rounded_to_whole_ones() -> None:
    table = pa.table({"id": list("abcdef"), "n": [0, 10, 0, 1, 2, 3], "label": ["s", "s", *"llll"]})
    done = Made(
        Rebalance(method="smote", rows_per_class=50),
        table,
        {"id": "key", "n": "feature", "label": "label"},
    )
    values = {row["n"] for row in done.synthetic if row["label"] == "s"}
    assert values <= set(range(11))
    assert len(values) > 6


def test_what_is_no_feature_comes_from_the_first_parent() -> None:
    table = mixed().append_column("day", pa.array([f"d{n}" for n in range(LARGE + SMALL)]))
    table = table.append_column("who", pa.array([n % 9 for n in range(LARGE + SMALL)]))
    done = Made(Rebalance(method="smote"), table, {**ROLES, "day": "ignore", "who": "group"})
    given_rows = {row["id"]: row for row in done.rows}
    for row in done.synthetic:
        first = given_rows[json.loads(row["parents"])[0]]
        assert (row["day"], row["who"]) == (first["day"], first["who"])


def test_only_rows_of_train_are_parents() -> None:
    sides = ["train", "train", "validation", "test"]
    table = mixed().append_column("split", pa.array([sides[n % 4] for n in range(LARGE + SMALL)]))
    done = Made(Rebalance(method="smote"), table)
    given_rows = {row["id"]: row for row in done.rows}
    assert len(done.synthetic) == 40
    for row in done.synthetic:
        assert row["split"] == "train"
        assert {given_rows[key]["split"] for key in json.loads(row["parents"])} == {"train"}
    held = [row for row in done.rows if row["split"] in ("validation", "test")]
    assert len(held) == 80
    assert all(row["made"] is None for row in held)


def test_marks_that_came_with_the_data_are_no_features(made: Made) -> None:
    before = made.table.drop_columns([n for n in made.table.column_names if n.startswith("_cur")])
    roles: dict[str, Role] = {**ROLES, "made": "feature", "parents": "ignore"}
    done = Made(Rebalance(method="smote", rows_per_class=130, id="again"), before, roles)
    assert Counter(row["made"] for row in done.rows) == {None: 160, "synthetic": 100}


def test_small_classes_use_the_neighbours_that_there_are() -> None:
    table = joined(mixed(20, 3), mixed(0, 1), "only")
    labels = ["large"] * 20 + ["small"] * 3 + ["single"]
    done = Made(Rebalance(method="smote"), table.set_column(6, "label", pa.array(labels)))
    assert Counter(row["label"] for row in done.rows) == {"large": 20, "small": 20, "single": 1}
    assert "fewer than 5 neighbours in small: those there are were used" in done.result.note
    assert "single left as it is: one row has no neighbour to go towards" in done.result.note


@pytest.mark.parametrize(
    ("role", "message"),
    [
        ({"f": "text"}, r"cannot make up f \(text\).*method: oversample.*method: weights"),
        ({"f": "image", "g": "text"}, r"cannot make up f \(image\), g \(text\)"),
        (dict.fromkeys("xyz", "ignore"), "needs a column of numbers with the role feature"),
    ],
)
def test_content_that_cannot_be_made_up_is_refused(role: dict[str, Role], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Made(Rebalance(method="smote"), mixed(), {**ROLES, **role})


def test_a_feature_of_another_type_is_refused_with_its_type() -> None:
    table = mixed().append_column("v", pa.array([[1.0, 2.0]] * (LARGE + SMALL)))
    with pytest.raises(UsageError, match=r"cannot make up v \(DOUBLE\[\]\)"):
        Made(Rebalance(method="smote"), table, {**ROLES, "v": "feature"})


def test_many_values_are_about_as_far_apart_as_few() -> None:
    draw = np.random.default_rng(0)
    many = [f"place {n}" for n in range(4 * MOST_INDICATORS)]
    codes = np.arange(len(many)).repeat(2)[:, None]
    numbers = draw.normal(scale=0.01, size=(len(codes), 1)).astype(np.float32)
    near = nearest_rows(numbers, codes, [many], 1, 1.0)
    assert (codes[near[:, 0], 0] == codes[:, 0]).all()


def test_a_penalty_is_never_0() -> None:
    assert penalty_of([0.0, 0.0, 3.0]) == penalty_of([]) == 1.0
    assert penalty_of([0.12345, 2.0, 0.001]) == 0.123
