"""Which decisions are in force: the fold does not depend on the order in which events arrive."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.lake.annotations import MAIN, annotate, events
from curation.lake.branches import create_branch
from curation.lake.decisions import decisions
from curation.lake.fold import Cut, SqlPolicy, active_sql, decided_sql, events_sql
from curation.lake.imports import import_table
from curation.lake.schema import TABLES
from curation.lake.taxonomies import apply
from curation.lake.taxonomy import Merge, Rename, Retire, Split
from curation.lake.workflows import Workflow, save_workflow
from curation.lake.workspace import Workspace

TABLE = pa.table({"id": list("abcd"), "text": list("ABCD"), "label": ["x", "y", "x", "y"]})
T0 = datetime(2026, 1, 1)  # noqa: DTZ001 - the lake has UTC without a zone


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with Workspace.open(tmp_path_factory.mktemp("fold") / "workspace") as opened:
        yield opened


@pytest.fixture
def name(shared: Workspace) -> str:
    return fresh(shared)


def fresh(workspace: Workspace) -> str:
    name = uuid.uuid4().hex
    import_table(workspace, TABLE, name, author="me")
    return name


def said(workspace: Workspace, name: str, **how: Any) -> dict[str | None, Any]:
    return {
        d.record_key: (d.decision, d.value_read, d.standing)
        for d in decisions(workspace, name, **how)
    }


EVENTS = st.lists(
    st.tuples(
        st.sampled_from("ab"),
        st.sampled_from(["ann", "bob", "eve"]),
        st.sampled_from(["x", "y", "exclude", "unsure", "revert", "revert"]),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=12,
)


@pytest.fixture(scope="module")
def bare() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database with the workspace's tables and nothing of a lake, so that a fold takes a moment."""
    with duckdb.connect() as connection:
        connection.execute("ATTACH ':memory:' AS lake; CREATE SCHEMA lake.curation")
        for table in ("annotations", "merged"):
            columns = ", ".join(f"{name} {kind}" for name, kind in TABLES[table].items())
            connection.execute(f"CREATE TABLE lake.curation.{table} ({columns})")
        yield connection


def folded(bare: duckdb.DuckDBPyConnection, rows: list[dict[str, Any]]) -> list[Any]:
    bare.execute("DELETE FROM lake.curation.annotations")
    for row in rows:
        names = ", ".join(row)
        marks = ", ".join("?" * len(row))
        bare.execute(
            f"INSERT INTO lake.curation.annotations ({names}) VALUES ({marks})", list(row.values())
        )
    active = active_sql(events_sql("d", "label", MAIN))
    policies: list[SqlPolicy] = ["latest", "majority", "reviewer_over_annotator"]
    return [
        bare.execute(
            f"FROM ({decided_sql(active, policy, reviewers=['eve'])}) ORDER BY record_key"
        ).fetchall()
        for policy in policies
    ]


@settings(max_examples=60)
@given(EVENTS, st.randoms(use_true_random=False))
def test_the_fold_is_independent_of_the_order_of_arrival(
    bare: duckdb.DuckDBPyConnection, made: list[tuple[str, str, str, int]], order: random.Random
) -> None:
    rows: list[dict[str, Any]] = []
    level: dict[str, int] = {}
    for number, (key, who, what, minutes) in enumerate(made):
        is_label, me = what in ("x", "y"), f"{number:04}"
        targets = [r["annotation_id"] for r in rows if level[r["annotation_id"]] < 2]
        if what == "revert" and not targets:
            continue
        target = targets[(number * 7) % len(targets)] if what == "revert" else None
        level[me] = 0 if target is None else level[target] + 1
        rows.append(
            {
                "annotation_id": me, "action_id": me, "dataset": "d", "label_column": "label",
                "record_key": key, "annotator": who, "taxonomy_version": 1,
                "decision": "relabel" if is_label else what, "value": what if is_label else None,
                "reverts": target, "created_at": T0 + timedelta(minutes=minutes),
            }
        )  # fmt: skip
    assert folded(bare, rows) == folded(bare, order.sample(rows, len(rows)))


VOTES = st.lists(
    st.tuples(st.sampled_from(["ann", "bob", "eve", "joe"]), st.sampled_from("xyz")), max_size=7
)


@settings(max_examples=60)
@given(VOTES)
def test_the_majority_is_what_most_annotators_say_now(
    bare: duckdb.DuckDBPyConnection, votes: list[tuple[str, str]]
) -> None:
    rows = [
        {
            "annotation_id": f"{number:04}", "dataset": "d", "label_column": "label",
            "record_key": "a", "annotator": who, "decision": "relabel", "value": value,
            "created_at": T0 + timedelta(minutes=number), "taxonomy_version": 1,
        }
        for number, (who, value) in enumerate(votes)
    ]  # fmt: skip
    now = Counter(dict(votes).values())
    most = [value for value, count in now.items() if count == max(now.values())]
    found = folded(bare, rows)[1]
    assert len(found) == bool(votes)
    if votes:
        value_read, standing, total, agreeing = found[0][-4:]
        assert (standing == "in_force") == (len(most) == 1)
        assert (total, agreeing) == (len(dict(votes)), max(now.values()))
        assert value_read in most


def test_a_reviewer_stands_above_annotators(shared: Workspace, name: str) -> None:
    save_workflow(
        shared, name, "label",
        Workflow(policy="reviewer_over_annotator", reviewers=("rev",)), author="me",
    )  # fmt: skip
    annotate(shared, name, "a", "relabel", value="p", annotator="rev")
    annotate(shared, name, "a", "relabel", value="q", annotator="ann")
    annotate(shared, name, "b", "relabel", value="q", annotator="ann")
    assert {k: v[1] for k, v in said(shared, name).items()} == {"a": "p", "b": "q"}
    assert said(shared, name, policy="latest")["a"][1] == "q"


def test_those_who_are_unsure_do_not_outvote_who_is_sure(shared: Workspace, name: str) -> None:
    annotate(shared, name, "a", "relabel", value="p", annotator="ann")
    for who in ("bob", "eve"):
        annotate(shared, name, "a", "unsure", annotator=who)
    annotate(shared, name, "b", "unsure", annotator="ann")
    assert said(shared, name, policy="majority") == {
        "a": ("relabel", "p", "in_force"), "b": ("unsure", None, "in_force"),
    }  # fmt: skip


def test_a_cut_by_time_sees_what_was_so_then(shared: Workspace, name: str) -> None:
    first = annotate(shared, name, "a", "relabel", value="p", annotator="ann")
    annotate(shared, name, "a", "relabel", value="q", annotator="bob")
    assert said(shared, name, cut=Cut(until=first.created_at))["a"][1] == "p"
    assert said(shared, name, cut=Cut(annotators=("ann",)))["a"][1] == "p"
    assert said(shared, name, cut=Cut(sources=("recipe run",))) == {}
    assert said(shared, name)["a"][1] == "q"


def test_a_workflow_says_which_annotations_count(shared: Workspace, name: str) -> None:
    annotate(shared, name, "a", "relabel", value="p", annotator="ann")
    version = save_workflow(shared, name, "label", Workflow(guideline="v2"), author="me")
    annotate(shared, name, "b", "relabel", value="q", annotator="ann")
    assert version == 2
    assert set(said(shared, name)) == {"a", "b"}
    save_workflow(shared, name, "label", Workflow(counts=(2, 3)), author="me")
    assert set(said(shared, name)) == {"b"}
    assert set(said(shared, name, cut=Cut(workflow_versions=(1,)))) == {"a"}
    assert len(events(shared, name)) == 2


def test_labels_are_read_under_the_taxonomy_in_force(shared: Workspace, name: str) -> None:
    for key, value in zip("abcd", ("card", "cash", "card-old", "spam"), strict=True):
        annotate(shared, name, key, "relabel", value=value, annotator="ann")
    apply(
        shared, name,
        [
            Rename(old="card-old", new="card-2"), Split(name="card", into=("credit", "debit")),
            Merge(classes=("cash", "x"), into="money"), Retire(name="spam", then="exclude"),
        ],
        author="ann", message="better classes",
    )  # fmt: skip
    assert said(shared, name) == {
        "a": ("relabel", None, "queue"), "b": ("relabel", "money", "in_force"),
        "c": ("relabel", "card-2", "in_force"), "d": ("relabel", None, "excluded"),
    }  # fmt: skip
    annotate(shared, name, "a", "relabel", value="debit", annotator="ann")
    assert said(shared, name)["a"] == ("relabel", "debit", "in_force")
    before = said(shared, name, taxonomy_version=1)
    assert {key: one[1] for key, one in before.items()} == {
        "a": "card", "b": "cash", "c": "card-old", "d": "spam"
    }  # fmt: skip


def test_a_branch_sees_its_base_and_its_own(shared: Workspace, name: str) -> None:
    annotate(shared, name, "a", "relabel", value="p", annotator="ann")
    create_branch(shared, name, "trial", "ann")
    annotate(shared, name, "a", "relabel", value="main", annotator="ann")
    annotate(shared, name, "b", "relabel", value="trial", annotator="ann", branch="trial")
    assert {k: v[1] for k, v in said(shared, name).items()} == {"a": "main"}
    there = said(shared, name, cut=Cut(branch="trial"))
    assert {k: v[1] for k, v in there.items()} == {"a": "p", "b": "trial"}
