"""What a rule learns of rows beforehand: the same in any order, and clear where it cannot be."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from clouds import ROLES, SIZES, by_key, clouds, put, put_table
from hypothesis import given
from hypothesis import strategies as st

from curation.engines.base import Relation
from curation.engines.duckdb import DuckDBEngine
from curation.errors import UnknownNameError, UsageError
from curation.finders.registry import FINDERS
from curation.lake.records import ROW_COLUMN
from curation.lake.roles import Roles
from curation.learn.shared import Shared
from curation.sampling.drawing.draw import draw
from curation.sampling.drawing.hardness import hard_and_rare_weight_sql, margin, uncertainty
from curation.sampling.drawing.learning_rows import sorted_rows
from curation.sampling.drawing.signals import (
    CLUSTER_COLUMN,
    ISSUE_COLUMN,
    ISSUE_SCORE_COLUMN,
    MARGIN_COLUMN,
    UNCERTAINTY_COLUMN,
    cluster_numbers,
    needed_signals,
    with_signals,
)
from curation.sampling.rules.rule import Rule


@pytest.fixture(scope="module")
def engine() -> Iterator[DuckDBEngine]:
    with DuckDBEngine() as opened:
        yield opened


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return clouds()


ALL = Rule(
    n=5, by="margin", issue="label", issue_below=0.5, uncertain_above=0.1, per_cluster=True,
    clusters=4,
)  # fmt: skip
SIGNALS = (ISSUE_COLUMN, ISSUE_SCORE_COLUMN, UNCERTAINTY_COLUMN, MARGIN_COLUMN, CLUSTER_COLUMN)


@pytest.fixture(scope="module")
def known(engine: DuckDBEngine, rows: list[dict[str, Any]]) -> Relation:
    """The rows with every signal; the label of one row of a is wrong."""
    wrong = [{**row, "kind": "c"} if row["id"] == "a0" else row for row in rows]
    return with_signals(engine, put(engine, wrong), ALL, ROLES)


# --- which signals -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "columns"),
    [
        (Rule(n=1), set()),
        (Rule(n=1, issue="label"), {ISSUE_COLUMN, ISSUE_SCORE_COLUMN}),
        (Rule(n=1, uncertain_above=0.5), {UNCERTAINTY_COLUMN}),
        (Rule(n=1, by="uncertainty"), {UNCERTAINTY_COLUMN}),
        (Rule(n=1, by="hard_and_rare"), {UNCERTAINTY_COLUMN}),
        (Rule(n=1, by="margin"), {MARGIN_COLUMN}),
        (Rule(n=1, by="diversity"), set()),
        (Rule(n=1, by="diversity", candidates_by="margin"), {MARGIN_COLUMN}),
        (Rule(n=1, by="diversity", candidates_by="uncertainty"), {UNCERTAINTY_COLUMN}),
        (Rule(n=1, candidates_by="margin"), set()),
        (Rule(n=1, per_cluster=True), {CLUSTER_COLUMN}),
        (Rule(n=1, clusters_of=("x",)), {CLUSTER_COLUMN}),
        (Rule(combine="union", parts=(Rule(n=1, by="margin"), Rule(n=2))), set()),
    ],
)
def test_only_what_a_rule_looks_at_is_computed(rule: Rule, columns: set[str]) -> None:
    assert needed_signals(rule) == columns


def test_a_rule_that_needs_nothing_gets_its_rows_back(
    engine: DuckDBEngine, rows: list[dict[str, Any]]
) -> None:
    relation = put(engine, rows)
    assert with_signals(engine, relation, Rule(n=1), ROLES) is relation


def test_signals_stand_beside_every_row_and_replace_older_ones(
    engine: DuckDBEngine, known: Relation
) -> None:
    again = with_signals(engine, known, Rule(n=1, per_cluster=True, clusters=2), ROLES)
    assert list(again.columns) == [
        *[c for c in known.columns if c != CLUSTER_COLUMN],
        CLUSTER_COLUMN,
    ]
    assert set(by_key(engine, again, CLUSTER_COLUMN).values()) == {1, 2}
    assert known.columns[ISSUE_COLUMN] == "BOOLEAN"
    assert known.columns[CLUSTER_COLUMN] == "BIGINT"
    count = engine.values(f"SELECT count(*), count(DISTINCT {ROW_COLUMN}) FROM {known.name}")
    assert count == (sum(SIZES.values()),) * 2


def test_the_order_of_the_rows_changes_no_signal(
    engine: DuckDBEngine, rows: list[dict[str, Any]]
) -> None:
    mixed = list(rows)
    random.Random(1).shuffle(mixed)
    one, other = (with_signals(engine, put(engine, r), ALL, ROLES) for r in (rows, mixed))
    for column in SIGNALS:
        assert by_key(engine, one, column) == by_key(engine, other, column)


def test_models_get_rows_in_an_order_of_their_own(engine: DuckDBEngine) -> None:
    same_key = [
        {"id": "k", "kind": kind, "place": [float(n), 0.0]} for n in range(5) for kind in "ba"
    ]
    one, other = (
        sorted_rows(engine, put(engine, rows), ["kind", "place"]).to_pylist()
        for rows in (same_key, same_key[::-1])
    )
    assert one == other


def test_the_seed_of_a_rule_changes_no_signal(
    engine: DuckDBEngine, rows: list[dict[str, Any]]
) -> None:
    relation = put(engine, rows)
    one, other = (
        with_signals(engine, relation, Rule(n=1, by="uncertainty", seed=s), ROLES) for s in (0, 7)
    )
    assert by_key(engine, one, UNCERTAINTY_COLUMN) == by_key(engine, other, UNCERTAINTY_COLUMN)


def test_no_rows_give_no_rows(engine: DuckDBEngine, rows: list[dict[str, Any]]) -> None:
    none = put_table(engine, pa.Table.from_pylist(rows[:1]).slice(1))
    found = with_signals(engine, none, ALL, ROLES)
    assert set(SIGNALS) < set(found.columns)
    assert engine.values(f"SELECT count(*) FROM {found.name}") == (0,)


# --- issues --------------------------------------------------------------------------------------


def test_a_wrong_label_is_an_issue_and_a_row_without_one_is_clean(
    engine: DuckDBEngine, known: Relation
) -> None:
    issue, score = (by_key(engine, known, c) for c in (ISSUE_COLUMN, ISSUE_SCORE_COLUMN))
    assert issue["a0"] is True
    assert score["a0"] < 0.2
    between = [key for key in issue if key.startswith("between")]
    assert not any(issue[key] for key in between)
    assert {score[key] for key in between} == {1.0}


def test_rows_of_which_a_finder_says_nothing_are_clean(
    engine: DuckDBEngine, rows: list[dict[str, Any]]
) -> None:
    # It looks at labelled rows alone.
    found = with_signals(engine, put(engine, rows), Rule(n=1, issue="class_imbalance"), ROLES)
    assert set(by_key(engine, found, ISSUE_COLUMN)) == {row["id"] for row in rows}
    score = by_key(engine, found, ISSUE_SCORE_COLUMN)
    assert {score[row["id"]] for row in rows if row["kind"] is None} == {1.0}


def test_the_side_of_a_split_is_seen_whatever_its_role(engine: DuckDBEngine) -> None:
    sides = [
        {"id": f"{i}", "text": f"a message about {word}", "split": ["train", "test"][i % 2]}
        for i, word in enumerate(["ships", "ships", "bread", "snow", "lamps", "chess", "glass"])
    ]
    roles = Roles(columns={"id": "key", "text": "text", "split": "ignore"})
    found = with_signals(engine, put(engine, sides, roles), Rule(n=1, issue="split_leakage"), roles)
    assert [k for k, flagged in by_key(engine, found, ISSUE_COLUMN).items() if flagged] == ["1"]


@pytest.mark.parametrize("name", ["constant", "identifier_leakage", "order"])
def test_a_finder_of_columns_is_refused(
    engine: DuckDBEngine, rows: list[dict[str, Any]], name: str
) -> None:
    with pytest.raises(
        UsageError, match=f"issue: {name} judges columns .* label, annotator_labels"
    ):
        with_signals(engine, put(engine, rows), Rule(n=1, issue=name), ROLES)


def test_the_refused_finders_are_those_that_can_flag_no_row() -> None:
    table = pa.table(
        {
            "id": [f"k{i}" for i in range(60)],
            "kind": ["x", "y", "z"] * 20,
            "number": list(range(60)),
            "same": ["one"] * 60,
            "words": [f"some words about {'abc'[i % 3] * 3} and {i % 7}" for i in range(60)],
        }
    )
    roles = Roles(
        columns={
            "id": "key",
            "kind": "label",
            "number": "feature",
            "same": "feature",
            "words": "text",
        }
    )
    silent = set()
    for finder in FINDERS:
        shared = Shared(table, roles)
        if finder.name in ("constant", "identifier_leakage", "order") and not finder().lacks(
            shared
        ):
            flagged = finder().find(shared).rows["is_issue"].to_pylist()
            silent |= {finder.name} if not any(flagged) else set()
    assert silent == {"constant", "identifier_leakage", "order"}


def test_an_unknown_finder_gets_the_nearest_name(
    engine: DuckDBEngine, rows: list[dict[str, Any]]
) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'outlier'"):
        with_signals(engine, put(engine, rows), Rule(n=1, issue="outliers"), ROLES)


# --- what a model makes of rows ------------------------------------------------------------------


@given(st.integers(2, 6), st.integers(1, 20), st.integers(0, 1_000))
def test_uncertainty_and_margin_lie_between_certain_and_cannot_tell(
    classes: int, size: int, seed: int
) -> None:
    drawn = np.random.default_rng(seed).dirichlet([0.3] * classes, size).astype(np.float32)
    told = np.vstack([drawn, np.full((1, classes), 1 / classes), np.eye(classes)[:1]])
    for measured in (uncertainty(told.astype(np.float32)), margin(told.astype(np.float32))):
        assert ((measured >= 0) & (measured <= 1)).all()
        assert measured[-2:].tolist() == [1.0, 0.0]


def test_of_two_classes_the_entropy_is_that_of_a_coin() -> None:
    coin = np.array([[0.9, 0.1], [0.5, 0.5]], np.float32)
    bits = -(0.9 * math.log2(0.9) + 0.1 * math.log2(0.1))
    assert uncertainty(coin) == pytest.approx([bits, 1.0], abs=1e-6)
    assert margin(coin) == pytest.approx([0.2, 1.0], abs=1e-6)


def test_rows_between_two_classes_are_the_least_certain_though_they_have_no_label(
    engine: DuckDBEngine, known: Relation
) -> None:
    for column in (UNCERTAINTY_COLUMN, MARGIN_COLUMN):
        found = by_key(engine, known, column)
        assert None not in found.values()
        first = sorted(found, key=lambda key: -found[key])[:20]
        assert Counter(key.rstrip("0123456789") for key in first)["between"] >= 15


_NEEDS_A_MODEL = [
    (Rule(n=1, by="uncertainty"), "by: uncertainty"),
    (Rule(n=1, by="margin"), "by: margin"),
    (Rule(n=1, by="hard_and_rare"), "by: hard_and_rare"),
    (Rule(n=1, by="diversity", candidates_by="margin"), "candidates_by: margin"),
    (Rule(n=1, uncertain_above=0.5), "uncertain_above"),
]


@pytest.mark.parametrize(("rule", "asked"), _NEEDS_A_MODEL)
def test_without_a_label_column_it_says_who_needs_one(
    engine: DuckDBEngine, rows: list[dict[str, Any]], rule: Rule, asked: str
) -> None:
    roles = Roles(columns={"id": "key", "kind": "ignore", "place": "embedding"})
    with pytest.raises(UsageError, match=f"{asked} needs a model .* draw by: uniform or diversity"):
        with_signals(engine, put(engine, rows), rule, roles)


@pytest.mark.parametrize(
    ("rule", "asked"), [*_NEEDS_A_MODEL, (Rule(n=1, issue="label"), "issue: label")]
)
def test_one_class_teaches_nothing(
    engine: DuckDBEngine, rows: list[dict[str, Any]], rule: Rule, asked: str
) -> None:
    same = [{**row, "kind": "a"} for row in rows[:30]]
    with pytest.raises(UsageError, match=f"{asked} .*one class only"):
        with_signals(engine, put(engine, same), rule, ROLES)


def test_without_content_it_says_so(engine: DuckDBEngine, rows: list[dict[str, Any]]) -> None:
    roles = Roles(columns={"id": "key", "kind": "label", "place": "ignore"})
    for rule in (Rule(n=1, by="margin"), Rule(n=1, per_cluster=True)):
        with pytest.raises(UsageError, match="no column to learn from"):
            with_signals(engine, put(engine, rows), rule, roles)


@pytest.mark.parametrize(
    ("content", "role"),
    [
        ([["red apple pie", "deep blue sea"][i % 2] + f" number {i}" for i in range(40)], "text"),
        ([float(i % 2) + i / 200 for i in range(40)], "feature"),
        ([["car", "boat"][i % 2] for i in range(40)], "feature"),
    ],
)
def test_texts_numbers_and_categories_all_work(
    engine: DuckDBEngine, content: list[Any], role: Any
) -> None:
    table = pa.table({"id": [f"{i}" for i in range(40)], "c": content, "y": ["p", "q"] * 20})
    roles = Roles(columns={"id": "key", "c": role, "y": "label"})
    rule = Rule(n=1, by="uncertainty", per_cluster=True, clusters=2)
    found = with_signals(engine, put_table(engine, table, roles), rule, roles)
    assert set(by_key(engine, found, CLUSTER_COLUMN).values()) == {1, 2}
    assert max(by_key(engine, found, UNCERTAINTY_COLUMN).values()) < 0.9


# --- clusters ------------------------------------------------------------------------------------


def test_clusters_are_numbered_by_size(engine: DuckDBEngine, rows: list[dict[str, Any]]) -> None:
    labelled = [row for row in rows if row["kind"] is not None]
    rule = Rule(n=1, per_cluster=True, clusters=3)
    cluster = by_key(
        engine, with_signals(engine, put(engine, labelled), rule, ROLES), CLUSTER_COLUMN
    )
    assert {(row["kind"], cluster[row["id"]]) for row in labelled} == {("a", 1), ("b", 2), ("c", 3)}


def test_many_copies_do_not_crowd_out_the_other_rows(engine: DuckDBEngine) -> None:
    copied = [("x", [1.0, 0, 0, 0])] * 3_000 + [("y", [0, 1.0, 0, 0])] * 40
    copied += [("z", [0, 0, 1.0, 0])] * 2
    made = [{"id": f"{n}{i}", "kind": n, "place": p} for i, (n, p) in enumerate(copied)]
    rule = Rule(n=1, per_cluster=True, clusters=20)
    found = with_signals(engine, put(engine, made), rule, ROLES)
    cluster = by_key(engine, found, CLUSTER_COLUMN)
    assert {(key[0], number) for key, number in cluster.items()} == {("x", 1), ("y", 2), ("z", 3)}


def test_rows_that_are_all_alike_are_one_cluster(engine: DuckDBEngine) -> None:
    same = [{"id": f"{i}", "kind": "a", "place": [1.0, 2.0, 3.0, 4.0]} for i in range(9)]
    rule = Rule(n=1, per_cluster=True)
    for rows in (same, same[:1]):
        found = with_signals(engine, put(engine, rows), rule, ROLES)
        assert set(by_key(engine, found, CLUSTER_COLUMN).values()) == {1}


def test_clusters_of_records_are_found(engine: DuckDBEngine, known: Relation) -> None:
    cluster = by_key(engine, known, CLUSTER_COLUMN)
    assert cluster_numbers(engine, known, ["c1", "c1"]) == [cluster["c1"]]
    assert cluster_numbers(engine, known, ["c1", "a1"]) == sorted({cluster["c1"], cluster["a1"]})


def test_a_record_that_is_not_there_gets_the_nearest(engine: DuckDBEngine, known: Relation) -> None:
    with pytest.raises(
        UsageError, match=r"record key 'betwen3' and 1 more\. The nearest is 'between3'"
    ):
        cluster_numbers(engine, known, ["a1", "betwen3", "zzz"])


# --- hard and rare -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hard", "weight"), [(1.0, 0.25), (0.0, 10.0), (0.5, math.sqrt(0.25) * math.sqrt(10))]
)
def test_hard_and_rare_mixes_both(engine: DuckDBEngine, hard: float, weight: float) -> None:
    query = f"SELECT {hard_and_rare_weight_sql('0.25::DOUBLE', '0.1::DOUBLE', hard)}"
    assert engine.values(query)[0] == pytest.approx(weight)


@pytest.mark.parametrize("hard", [0.0, 0.3, 1.0])
def test_every_row_has_some_weight(engine: DuckDBEngine, hard: float) -> None:
    for share in ("NULL::DOUBLE", "0.0::DOUBLE", "1.0::DOUBLE"):
        [weight] = engine.values(f"SELECT {hard_and_rare_weight_sql('0.0::DOUBLE', share, hard)}")
        assert 0 < weight < math.inf


def test_a_row_without_a_class_does_not_count_as_rare(engine: DuckDBEngine) -> None:
    unknown, everywhere = (
        engine.values(f"SELECT {hard_and_rare_weight_sql('0.4::DOUBLE', share, 0.5)}")[0]
        for share in ("NULL::DOUBLE", "1.0::DOUBLE")
    )
    assert unknown == everywhere


# --- drawn by them -------------------------------------------------------------------------------


def drawn(engine: DuckDBEngine, relation: Relation, **rule: Any) -> set[str]:
    found = draw(engine, relation, Rule(**rule), ROLES).rows
    return set(engine.table(f"SELECT id FROM {found.name}")["id"].to_pylist())


def test_a_rule_draws_by_what_is_known_of_rows(
    engine: DuckDBEngine, rows: list[dict[str, Any]]
) -> None:
    wrong = [{**row, "kind": "c"} if row["id"] == "a0" else row for row in rows]
    relation = put(engine, wrong)
    assert "a0" in drawn(engine, relation, n=100, issue="label")
    least_sure = drawn(engine, relation, by="margin", n=20)
    assert len(least_sure) == 20
    assert sum(key.startswith("between") for key in least_sure) >= 15
    alike = drawn(engine, relation, n=500, clusters_of=["c1"], clusters=3)
    assert alike >= {f"c{i}" for i in range(30)}
    assert len(alike) < 60
    for_each = drawn(engine, relation, per_cluster=True, clusters=3, n=2)
    assert len(for_each) == 6


def test_samples_of_a_diverse_rule_nest(engine: DuckDBEngine, rows: list[dict[str, Any]]) -> None:
    relation = put(engine, rows)
    small, large = (drawn(engine, relation, by="diversity", per=["kind"], n=n) for n in (3, 9))
    assert len(small) == 12
    assert len(large) == 36
    assert small < large
