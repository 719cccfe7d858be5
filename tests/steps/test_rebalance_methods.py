"""What each method of rebalance does: rows left out, copied, weighed; SMOTE has its own tests."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import Any

import pyarrow as pa
import pydantic
import pytest
from applied import Applied, Apply
from hypothesis import given
from hypothesis import strategies as st

from curation.engines.duckdb import DuckDBEngine
from curation.errors import RecipeError, UnknownNameError, UsageError
from curation.lake.records import KEY_COLUMN, ROW_COLUMN
from curation.lake.roles import Role, Roles
from curation.recipe.model import Contract, Recipe
from curation.recipe.runner import run_on_frame
from curation.recipe.yaml import parse, step_text
from curation.sampling.drawing.hashing import rank_sql
from curation.steps import Rebalance, Split, StepContext

ROLES: dict[str, Role] = {"id": "key", "text": "text", "size": "feature", "label": "label"}
SIZES = {"order": 30, "refund": 9, "login": 3}


def table(sizes: dict[str, int] = SIZES, **more: list[Any]) -> pa.Table:
    labels = [name for name, size in sizes.items() for _ in range(size)]
    return pa.table(
        {
            "id": [f"k{n}" for n in range(len(labels))],
            "text": [f"text {n}" for n in range(len(labels))],
            "size": [n % 5 for n in range(len(labels))],
            "label": labels,
            **more,
        }
    )


def classes(done: Applied) -> dict[str, int]:
    return dict(Counter(row["label"] for row in done.rows))


def made(done: Applied) -> list[dict[str, Any]]:
    return [row for row in done.rows if row["made"] is not None]


def test_a_cap_reads_and_hashes_as_it_always_did() -> None:
    step = Rebalance(rows_per_class=60)
    assert step_text(step) == "- step: rebalance\n  rows_per_class: 60\n"
    assert step.model_dump() == {
        "id": None, "step": "rebalance", "rows_per_class": 60, "where": None,
    }  # fmt: skip
    assert parse("steps: [{step: rebalance, rows_per_class: 60}]").steps == (step,)


def test_a_cap_keeps_the_rows_that_it_always_kept(apply: Apply) -> None:
    kept = {row["id"] for row in apply(Rebalance(rows_per_class=4), table(), ROLES, seed=7).rows}
    rows = table()
    order = rank_sql(7, "rebalance", "id", "id")
    with DuckDBEngine() as engine:
        name = engine.put(rows).name
        wanted = engine.table(
            f"SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY label ORDER BY {order}) "
            f"AS place FROM {name}) WHERE place <= 4"
        )
    assert kept == set(wanted["id"].to_pylist())


def test_undersampling_keeps_a_prefix_of_what_a_cap_keeps(apply: Apply) -> None:
    done = apply(Rebalance(method="undersample", ratio=2), table(), ROLES)
    assert classes(done) == {"order": 6, "refund": 6, "login": 3}
    assert (done.counts, done.touched) == ({"dropped": 27}, 27)
    assert done.rows == apply(Rebalance(rows_per_class=6), table(), ROLES).rows
    even = apply(Rebalance(method="undersample"), table(), ROLES)
    assert classes(even) == {"order": 3, "refund": 3, "login": 3}


def test_copies_are_like_their_parent_but_for_key_and_marks(apply: Apply) -> None:
    rows = table()
    done = apply(Rebalance(method="oversample"), rows, ROLES)
    assert classes(done) == {"order": 30, "refund": 30, "login": 30}
    assert (done.counts, done.touched) == ({"added": 48, "dropped": 0}, 48)
    assert done.note == "made copies: 27 for login from 3, 21 for refund from 9"
    assert done.rows[:42] == [{**row, "made": None, "parents": None} for row in rows.to_pylist()]
    by_id = {row["id"]: row for row in rows.to_pylist()}
    for row in made(done):
        [parent] = json.loads(row["parents"])
        assert row["made"] == "copy"
        assert {**by_id[parent], "id": row["id"]} == {
            name: value for name, value in row.items() if name not in ("made", "parents")
        }
    assert len({row["id"] for row in done.rows}) == 90
    copied = Counter(json.loads(row["parents"])[0] for row in made(done))
    assert {copied[row["id"]] for row in rows.to_pylist() if row["label"] == "login"} == {9}
    assert {copied[row["id"]] for row in rows.to_pylist() if row["label"] == "refund"} == {2, 3}


def test_more_rows_in_a_large_class_leave_the_copies_that_were_there(apply: Apply) -> None:
    step = Rebalance(method="oversample", ratio=1.5)
    before = made(apply(step, table(), ROLES))
    grown = pa.concat_tables([table(), table({"order": 14}, id=[f"new{n}" for n in range(14)])])
    after = made(apply(step, grown, ROLES))
    assert len(after) > len(before)
    assert {repr(row) for row in before} <= {repr(row) for row in after}


def test_proportions_leave_rows_out_and_with_a_total_copy_some(apply: Apply) -> None:
    shares = {"order": 0.5, "refund": 0.3, "login": 0.2}
    fewer = apply(Rebalance(method="proportions", proportions=shares), table(), ROLES)
    assert classes(fewer) == {"order": 8, "refund": 4, "login": 3}
    assert "made" not in fewer.rows[0]
    total = Rebalance(method="proportions", proportions=shares, total=40)
    done = apply(total, table(), ROLES)
    assert classes(done) == {"order": 20, "refund": 12, "login": 8}
    assert done.counts == {"added": 8, "dropped": 10}
    assert Counter(row["label"] for row in made(done)) == {"refund": 3, "login": 5}


def test_a_share_of_0_drops_the_class_and_says_so(apply: Apply) -> None:
    step = Rebalance(method="proportions", proportions={"order": 0.75, "refund": 0.25, "login": 0})
    done = apply(step, table(), ROLES)
    assert classes(done) == {"order": 27, "refund": 9}
    assert done.note == "no rows are left of login"


def test_proportions_must_name_the_classes_of_the_data(apply: Apply) -> None:
    misspelt = {"order": 0.5, "refund": 0.3, "logon": 0.2}
    with pytest.raises(UnknownNameError, match="Did you mean 'login'"):
        apply(Rebalance(method="proportions", proportions=misspelt), table(), ROLES)
    with pytest.raises(UsageError, match=r"says nothing of the class 'refund' \(9 rows\)"):
        apply(
            Rebalance(method="proportions", proportions={"order": 0.5, "login": 0.5}),
            table(),
            ROLES,
        )


def test_weights_are_a_column_and_change_no_row(apply: Apply) -> None:
    rows = table()
    done = apply(Rebalance(method="weights"), rows, ROLES)
    assert done.table.drop_columns("class_weight").equals(rows)
    assert {row["label"]: row["class_weight"] for row in done.rows} == pytest.approx(
        {"order": 42 / 90, "refund": 42 / 27, "login": 42 / 9}
    )
    assert (done.touched, done.counts) == (0, {"weighed": 42, "dropped": 0})
    named = Rebalance(method="weights", weights="effective", beta=0.9, weight_column="w")
    assert sum(row["w"] for row in apply(named, rows, ROLES).rows) == pytest.approx(42)
    assert named.columns_added() == {"w"}


def test_a_column_is_not_overwritten_with_weights(apply: Apply) -> None:
    step = Rebalance(method="weights", weight_column="Size")
    with pytest.raises(UsageError, match=r"column 'size' \(feature\).*weight_column"):
        apply(step, table(), ROLES)
    again = table(class_weight=[1.0] * 42)
    done = apply(Rebalance(method="weights"), again, {**ROLES, "class_weight": "weight"})
    assert done.note == "the column 'class_weight' was replaced"
    assert done.rows[0]["class_weight"] == pytest.approx(42 / 90)
    assert done.table.column_names == again.column_names


HELD_OUT = [
    Rebalance(rows_per_class=2),
    Rebalance(method="undersample"),
    Rebalance(method="oversample"),
    Rebalance(
        method="proportions", proportions={"order": 0.2, "refund": 0.4, "login": 0.4}, total=50
    ),
    Rebalance(method="weights"),
]


@pytest.mark.parametrize("step", HELD_OUT, ids=lambda step: step.method)
def test_rows_that_are_held_out_are_neither_changed_nor_used(step: Rebalance, apply: Apply) -> None:
    sides = ["train", "train", "validation", "test", None]
    rows = table({"order": 50, "refund": 20, "login": 10}, split=[sides[n % 5] for n in range(80)])
    done = apply(step, rows, ROLES)
    held = {row["id"] for row in rows.to_pylist() if row["split"] != "train"}
    after = [row for row in done.rows if row["id"] in held]
    assert len(after) == len(held)
    assert all(row.get("class_weight") is None for row in after)
    for row in done.rows:
        if row.get("made"):
            assert row["split"] == "train"
            assert not held & set(json.loads(row["parents"]))
    if step.method == "weights":
        assert sum(row["class_weight"] or 0 for row in done.rows) == pytest.approx(32)
    train = Counter(row["label"] for row in done.rows if row["split"] == "train")
    assert train == step.plan({"order": 20, "refund": 8, "login": 4})


def test_a_column_named_split_without_train_is_no_split(apply: Apply) -> None:
    rows = table(split=["a", "b"] * 21)
    assert classes(apply(Rebalance(rows_per_class=2), rows, ROLES)) == dict.fromkeys(SIZES, 2)
    with pytest.raises(UsageError, match="No row has train in the split column 'split'"):
        apply(Rebalance(rows_per_class=2, split_column="split"), rows, ROLES)
    with pytest.raises(UnknownNameError, match="Did you mean 'split'"):
        apply(Rebalance(rows_per_class=2, split_column="splt"), rows, ROLES)


def test_a_split_before_the_step_is_found_whatever_its_column_is_called() -> None:
    recipe = Recipe(
        contract=Contract(columns={name: {"role": role} for name, role in ROLES.items()}),  # type: ignore[misc]
        steps=(
            Split(column="side", test=0.3, validation=0.3, frozen=()),
            Rebalance(method="oversample"),
        ),
    )
    rows = run_on_frame(recipe, table({"order": 80, "refund": 30})).to_pylist()
    side_of = {row["id"]: row["side"] for row in rows}
    copies = [row for row in rows if row["made"]]
    assert copies
    assert {side_of[json.loads(row["parents"])[0]] for row in copies} == {"train"}
    train = Counter(row["label"] for row in rows if row["side"] == "train")
    assert train["order"] == train["refund"]


def test_only_rows_for_which_the_condition_holds_are_balanced(apply: Apply) -> None:
    step = Rebalance(method="oversample", where="size < 2 OR label = 'login'")
    done = apply(step, table(), ROLES)
    inside = [row for row in done.rows if row["size"] < 2 or row["label"] == "login"]
    assert set(Counter(row["label"] for row in inside).values()) == {12}
    assert all(row["made"] is None for row in done.rows if row not in inside)


def test_rows_without_a_label_are_left_as_they_are(apply: Apply) -> None:
    rows = table({"order": 6, "refund": 2, "": 4})
    for method in ("undersample", "oversample"):
        done = apply(Rebalance(method=method), rows, ROLES)  # type: ignore[arg-type]
        assert classes(done)[""] == 4
    weighed = apply(Rebalance(method="weights"), rows, ROLES).rows
    assert {row["label"] for row in weighed if row["class_weight"] is None} == {""}


@pytest.mark.parametrize("method", ["undersample", "oversample"])
def test_one_class_has_nothing_to_be_balanced_with(method: Any, apply: Apply) -> None:
    done = apply(Rebalance(method=method), table({"order": 5}), ROLES)
    assert (len(done.rows), done.note) == (5, "all rows are order: there is nothing to balance")


def with_key(kind: pa.DataType, values: list[Any]) -> pa.Table:
    return table({"order": 4, "refund": 2}, id=pa.array(values, kind))


def test_made_rows_have_keys_of_their_own_where_the_key_has_room(apply: Apply) -> None:
    step = Rebalance(method="oversample")
    whole = apply(step, with_key(pa.int64(), list(range(6))), ROLES)
    assert all(row["id"] < 0 for row in made(whole))
    assert len({row["id"] for row in whole.rows}) == 8
    small = apply(step, with_key(pa.int32(), list(range(6))), ROLES)
    assert [row["id"] for row in made(small)] == [None, None]
    assert "made rows have no id: INTEGER has no room" in small.note
    two: dict[str, Role] = {**ROLES, "text": "key"}
    pair = apply(step, with_key(pa.int32(), [1, 1, 2, 2, 3, 3]), two)
    assert all(row["id"] in (1, 2, 3) for row in made(pair))
    assert all(row["text"].startswith("copy-") for row in made(pair))


def test_a_made_row_is_told_by_key_and_row_from_all_others() -> None:
    from applied import prepared

    roles = Roles(columns=ROLES)
    with DuckDBEngine() as engine:
        relation = prepared(engine, table(), roles, ())
        for number in (1, 2):  # the second makes copies of copies too
            step = Rebalance(method="oversample", rows_per_class=40 * number, id=f"more-{number}")
            relation = step.apply(relation, StepContext(engine, roles, 0, step.step_id)).relation
        rows = engine.table(f"SELECT {KEY_COLUMN} AS key, {ROW_COLUMN} AS row FROM {relation.name}")
    assert rows.num_rows == 240
    assert len(set(rows["key"].to_pylist())) == len(set(rows["row"].to_pylist())) == 240
    assert sum(row >= 2**40 for row in rows["row"].to_pylist()) == 240 - 42


@pytest.mark.parametrize("column", [["x"] * 42, list(range(42)), ["synthetic", "no"] * 21])
def test_data_with_another_column_named_made_are_refused(column: list[Any], apply: Apply) -> None:
    with pytest.raises(UsageError, match="have a column 'made'"):
        apply(Rebalance(method="oversample"), table(made=column), ROLES)


def test_a_run_on_a_table_hands_out_the_made_rows_too() -> None:
    recipe = Recipe(
        contract=Contract(columns={name: {"role": role} for name, role in ROLES.items()}),  # type: ignore[misc]
        steps=(Rebalance(method="oversample"), Rebalance(rows_per_class=20, id="cap")),
    )
    done = run_on_frame(recipe, table())
    assert Counter(done["label"].to_pylist()) == dict.fromkeys(SIZES, 20)
    # Fed to a recipe again, keys are still unique.
    assert run_on_frame(recipe, done).num_rows == 60


@given(st.dictionaries(st.sampled_from("abcd"), st.integers(1, 9), min_size=1), st.integers(0, 99))
def test_any_order_of_rows_gives_the_same_rows(sizes: dict[str, int], seed: int) -> None:
    from applied import prepared

    rows, roles = table(sizes), Roles(columns=ROLES)
    order = random.Random(seed).sample(range(rows.num_rows), rows.num_rows)
    found = []
    for one in (rows, rows.take(order)):
        with DuckDBEngine() as engine:
            relation = prepared(engine, one, roles, ())
            step = Rebalance(method="oversample", ratio=1.3)
            result = step.apply(relation, StepContext(engine, roles, seed, step.step_id))
            query = f"SELECT id, text, label, made, parents FROM {result.relation.name}"
            found.append(Counter(map(repr, engine.table(query).to_pylist())))
    assert found[0] == found[1]


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "unknown method": ({"method": "smoot"}, "'method' cannot be 'smoot'. Did you mean 'smote'?"),
    "nothing said": ({}, "'rows_per_class' is missing."),
    "foreign field": (
        {"method": "undersample", "rows_per_class": 5},
        "'rows_per_class' says nothing to method: undersample; it belongs to cap, oversample, smote",
    ),
    "neighbours of copies": ({"method": "oversample", "neighbours": 3}, "it belongs to smote"),
    "two amounts": ({"method": "smote", "ratio": 2, "rows_per_class": 5}, "and not both"),
    "ratio below 1": ({"method": "oversample", "ratio": 0.5}, "'ratio'"),
    "no proportions": ({"method": "proportions"}, "'proportions' is missing"),
    "empty proportions": ({"method": "proportions", "proportions": {}}, "'proportions' is missing"),
    "shares above 1": (
        {"method": "proportions", "proportions": {"a": 0.9, "b": 0.9}}, "add up to 1.8; they must",
    ),
    "negative share": (
        {"method": "proportions", "proportions": {"a": 1.5, "b": -0.5}}, "'proportions.a'",
    ),
    "beta of balanced": ({"method": "weights", "beta": 0.5}, "'beta' belongs to weights: effective"),
    "beta of 1": ({"method": "weights", "weights": "effective", "beta": 1}, "'beta'"),
    "internal column": (
        {"method": "weights", "weight_column": "_curation_key"}, "cannot begin with _curation_",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("values", "message"), WRONG.values(), ids=WRONG)
def test_a_mistake_in_a_recipe_is_told(values: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError) as told:
        parse(json.dumps({"steps": [{"step": "rebalance", **values}]}))
    assert message in str(told.value)
    assert str(told.value).startswith("Step 1 (rebalance): ")
    with pytest.raises((pydantic.ValidationError, UsageError)):
        Rebalance(**values)


def test_a_class_that_yaml_reads_as_a_number_is_a_class() -> None:
    step = parse("steps: [{step: rebalance, method: proportions, proportions: {0: 0.9, 1: 0.1}}]")
    assert step.steps == (Rebalance(method="proportions", proportions={"0": 0.9, "1": 0.1}),)


def test_descriptions_say_what_happens() -> None:
    said = {
        Rebalance(rows_per_class=60).describe(): "at most 60 rows a class",
        Rebalance(method="undersample", ratio=2).describe(): "leave rows out, largest to smallest at most 2 to 1",
        Rebalance(method="smote", rows_per_class=1000).describe(): "make synthetic rows, up to 1,000 rows a class",
        Rebalance(method="weights").describe(): "balanced weights in class_weight",
    }  # fmt: skip
    assert all(got == wanted for got, wanted in said.items())


def test_where_only_held_out_rows_are_left_none_is_copied(apply: Apply) -> None:
    rows = table(split=["validation"] * sum(SIZES.values()))
    done = apply(Rebalance(method="oversample"), rows, ROLES)
    assert len(done.rows) == rows.num_rows
