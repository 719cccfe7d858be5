"""The step `split`: what it refuses, what it says, and what it leaves to the rows of tomorrow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from applied import prepared
from pydantic import ValidationError

from curation.engines.duckdb import DuckDBEngine
from curation.errors import DataError, UnknownNameError, UsageError
from curation.lake.roles import Role, Roles
from curation.recipe.yaml import parse, step_text
from curation.steps import Split, StepContext
from curation.steps.split import frozen_form

Apply = Callable[..., Any]
ROLES: dict[str, Role] = {
    "id": "key", "text": "feature", "label": "label", "user": "group", "at": "timestamp",
}  # fmt: skip
START = datetime.fromisoformat("2026-01-01")


def table(size: int = 400, first: int = 0) -> pa.Table:
    numbers = range(first, first + size)
    return pa.table(
        {
            "id": [f"k{n}" for n in numbers],
            "text": [f"text {n}" for n in numbers],
            "label": ["often" if n % 5 else "rare" for n in numbers],
            "user": [f"u{n % 37}" for n in numbers],
            "at": [START + timedelta(hours=n) for n in numbers],
        }
    )


def sides(done: Any, column: str = "split") -> dict[str, str]:
    return {row["id"]: row[column] for row in done.rows}


BY = {
    "hash": Split(),
    "group": Split(by="group"),
    "together": Split(leakage="together"),
    "cutoffs": Split(by="time", cutoffs=["2026-01-10", "2026-01-12 12:00"]),
    "thresholds": Split(by="stratified", thresholds={"rare": (0.15, 0.3), "often": (0.21, 0.29)}),
}


@pytest.mark.parametrize("step", BY.values(), ids=BY)
def test_rows_of_tomorrow_move_no_row_of_today(step: Split, apply: Apply) -> None:
    today = sides(apply(step, table(), ROLES))
    tomorrow = sides(apply(step, pa.concat_tables([table(300, first=400), table()]), ROLES))
    assert len(tomorrow) == 700
    assert {key: tomorrow[key] for key in today} == today
    assert set(today.values()) == {"train", "validation", "test"}


@pytest.mark.parametrize("step", [Split(by="time"), Split(by="stratified")], ids=["time", "strata"])
def test_a_frozen_form_gives_the_same_sides_and_keeps_them(
    step: Split, apply: Apply, engine: DuckDBEngine
) -> None:
    today = apply(step, table(), ROLES)
    relation = prepared(engine, table(), Roles(columns=ROLES), ())
    context = StepContext(engine, Roles(columns=ROLES), 0, step.step_id)
    frozen = frozen_form(step, relation, context)
    assert frozen_form(frozen, relation, context) == frozen
    [read] = parse("steps:\n" + step_text(frozen)).steps
    assert read == frozen
    assert sides(apply(frozen, table(), ROLES)) == sides(today)
    assert "freeze" in today.note
    both = pa.concat_tables([table(), table(350, first=400)])
    tomorrow = sides(apply(frozen, both, ROLES))
    assert {key: tomorrow[key] for key in sides(today)} == sides(today)
    # What was to be shown: without it, some rows change sides.
    refitted = sides(apply(step, both, ROLES))
    assert {key: refitted[key] for key in sides(today)} != sides(today)


def test_a_split_that_needs_no_bounds_is_its_own_frozen_form(engine: DuckDBEngine) -> None:
    relation = prepared(engine, table(), Roles(columns=ROLES), ())
    context = StepContext(engine, Roles(columns=ROLES), 0, "split")
    assert frozen_form(Split(), relation, context) == Split()
    many = Split(by="stratified", per=["text", "id"])
    big = prepared(engine, table(1_001), Roles(columns=ROLES), ())
    with pytest.raises(UsageError, match="1,001 strata; thresholds of 1,000 at most are frozen"):
        frozen_form(many, big, context)


def test_another_seed_or_id_gives_another_split(apply: Apply) -> None:
    plain = sides(apply(Split(), table(), ROLES))
    assert sides(apply(Split(), table(), ROLES, seed=1)) != plain
    assert sides(apply(Split(id="other"), table(), ROLES)) != plain


def test_counts_say_the_shares_that_were_met(apply: Apply) -> None:
    done = apply(Split(by="stratified"), table(), ROLES)
    assert {side: done.counts[side] for side in ("train", "validation", "test")} == {
        "train": 280, "validation": 40, "test": 80,
    }  # fmt: skip
    rare = Counter(row["split"] for row in done.rows if row["label"] == "rare")
    assert rare == {"train": 56, "validation": 8, "test": 16}
    assert done.note.startswith("train 280, validation 40, test 80")
    assert done.touched == 0


def test_rows_without_group_or_time_are_told(apply: Apply) -> None:
    holes = table()
    for column in ("user", "at"):
        at = holes.schema.get_field_index(column)
        values = [None if n % 10 == 0 else v for n, v in enumerate(holes[column].to_pylist())]
        holes = holes.set_column(at, column, pa.array(values, holes.schema.field(column).type))
    by_group = apply(Split(by="group"), holes, ROLES)
    assert by_group.counts["without_group"] == 40
    assert "40 rows without a group went by their key" in by_group.note
    by_time = apply(Split(by="time"), holes, ROLES)
    assert by_time.counts["without_time"] == 40
    assert {row["split"] for row in by_time.rows if row["at"] is None} == {"train"}


def test_a_side_without_rows_is_told(apply: Apply) -> None:
    users = table(30).set_column(3, "user", pa.array([f"u{n % 3}" for n in range(30)]))
    done = apply(Split(by="group", test=0.001, validation=0.001), users, ROLES)
    assert "no row is in validation; no row is in test" in done.note


def test_equal_rows_stay_together_where_asked(apply: Apply) -> None:
    twice = table(200).set_column(1, "text", pa.array([f"text {n % 150}" for n in range(200)]))
    texts: dict[str, Role] = ROLES | {"text": "text"}
    apart = apply(Split(), twice, texts)
    assert apart.counts["copies_across"] > 5
    with pytest.raises(DataError, match=r"sides are tied together: \d+ rows of validation or test"):
        apply(Split(leakage="stop"), twice, texts)
    together = apply(Split(leakage="together"), twice, texts)
    assert together.counts["copies_across"] == 0
    found = sides(together)
    assert all(found[f"k{n}"] == found[f"k{n + 150}"] for n in range(50))


def test_a_group_on_two_sides_stops_a_run_that_forbids_leaks(apply: Apply) -> None:
    with pytest.raises(DataError, match="37 values of 'user' on several sides"):
        apply(Split(leakage="stop"), table(), ROLES)
    done = apply(Split(by="group", leakage="stop"), table(), ROLES)
    assert done.counts["groups_across"] == 0


def test_sides_that_are_there_are_kept_where_asked(apply: Apply) -> None:
    given = table().append_column(
        "split", pa.array(["test" if n < 10 else " " if n < 20 else None for n in range(400)])
    )
    with pytest.raises(UsageError, match=r"column 'split' already.*keep_existing: true"):
        apply(Split(), given, ROLES)
    kept = sides(apply(Split(keep_existing=True), given, ROLES))
    plain = sides(apply(Split(), table(), ROLES))
    assert {kept[f"k{n}"] for n in range(10)} == {"test"}
    assert all(kept[f"k{n}"] == plain[f"k{n}"] for n in range(10, 400))
    odd = table().append_column("Split", pa.array(["dev"] * 400))
    with pytest.raises(DataError, match="'Split' holds 'dev'; sides are train, validation, test"):
        apply(Split(keep_existing=True), odd, ROLES)
    assert sides(apply(Split(column="part"), given, ROLES), "part") == plain


def test_made_rows_are_refused(apply: Apply) -> None:
    made = table().append_column("made", pa.array([*["copy"] * 3, *[None] * 397]))
    with pytest.raises(UsageError, match=r"3 rows are copies .* Put the split before"):
        apply(Split(), made, ROLES)
    harmless = table().append_column("made", pa.array(["by hand"] * 400))
    assert apply(Split(), harmless, ROLES).counts["train"] > 200


@pytest.mark.parametrize(
    ("step", "roles", "error", "message"),
    [
        (Split(by="group"), {"user": "ignore"}, UsageError, "No column has the role group"),
        (Split(by="group"), {"text": "group"}, UsageError, r"2 columns have the role group"),
        (Split(by="group", group=["usr"]), {}, UnknownNameError, "no column 'usr'. Did you mean"),
        (Split(by="time"), {"at": "ignore"}, UsageError, "No column has the role timestamp"),
        (Split(by="time", timestamp="text"), {}, DataError, "no times, for example 'text 0'"),
        (Split(by="time", cutoffs=["1", "2"]), {}, UsageError, "'at' is TIMESTAMP"),
        (Split(by="stratified"), {"label": "ignore"}, UsageError, "needs a label column"),
        (Split(by="stratified", per=["lable"]), {}, UnknownNameError, "Did you mean 'label'"),
    ],
)  # fmt: skip
def test_data_that_cannot_be_split_so_are_refused(
    step: Split, roles: dict[str, Role], error: type[Exception], message: str, apply: Apply
) -> None:
    with pytest.raises(error, match=message):
        apply(step, table(), ROLES | roles)


def test_one_group_is_refused(apply: Apply) -> None:
    alone = table().set_column(3, "user", pa.array(["u"] * 400))
    with pytest.raises(DataError, match=r"'user' holds 1 group, .* 3 sides"):
        apply(Split(by="group"), alone, ROLES)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"test": 0.7, "validation": 0.3}, "above 0 and below 1.*got 0.7 and 0.3"),
        ({"test": 0.0, "validation": 0.0}, "above 0 and below 1"),
        ({"test": -0.1}, "greater than or equal to 0"),
        ({"test": float("nan")}, "test"),
        ({"group": ["user"]}, "group needs by: group, and by is hash"),
        ({"cutoffs": ["2026-01-01"]}, "cutoffs needs by: time"),
        ({"by": "time", "cutoffs": ["2026-01-01"]}, "when validation and test begin; got 1"),
        ({"by": "time", "cutoffs": ["2026-02-01", "2026-01-01"]}, "cutoffs rise"),
        ({"by": "time", "cutoffs": ["2026-02-01", "3"]}, "cutoffs rise"),
        ({"by": "time", "cutoffs": ["soon", "later"]}, "'soon' is no time"),
        ({"by": "stratified", "thresholds": {"a": (0.5, 0.2)}}, "'a' has 0.5 and 0.2; they rise"),
        ({"by": "group", "leakage": "together"}, "together needs by: hash"),
        ({"frozen": ["train"]}, "'validation' or 'test'"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Split.model_validate(fields)


def test_dates_in_yaml_are_cutoffs() -> None:
    text = "steps:\n- step: split\n  by: time\n  cutoffs: [2026-01-10, 2026-02-01T12:00:00Z]\n"
    [step] = parse(text).steps
    assert isinstance(step, Split)
    assert step.cutoffs == ["2026-01-10 00:00:00", "2026-02-01 12:00:00"]
    numbers = parse("steps:\n- step: split\n  by: time\n  cutoffs: [3, 4.5]\n").steps[0]
    assert isinstance(numbers, Split)
    assert numbers.cutoffs == ["3", "4.5"]


@pytest.mark.parametrize(
    ("step", "kin"),
    [(Split(by="group", keep_existing=True), "user"),
     (Split(leakage="together", keep_existing=True), "text")],
)  # fmt: skip
def test_new_rows_join_the_side_that_their_group_was_given(
    step: Split, kin: str, apply: Apply
) -> None:
    before = apply(step.model_copy(update={"keep_existing": False}), table(), ROLES)
    # Every side is another one than the hash would give.
    turned = {"train": "test", "test": "validation", "validation": "train"}
    old = [turned[row["split"]] for row in before.rows]
    new = table().set_column(0, "id", pa.array([f"new {n}" for n in range(400)]))
    rows = pa.concat_tables(
        [table().append_column("split", pa.array(old)),
         new.append_column("split", pa.nulls(400, pa.string()))]
    )  # fmt: skip
    done = apply(step, rows, ROLES)
    of_kin: dict[str, set[str]] = {}
    for row in done.rows:
        of_kin.setdefault(row[kin], set()).add(row["split"])
    assert all(len(sides_) == 1 for sides_ in of_kin.values())
    assert [row["split"] for row in done.rows[:400]] == old


def test_sides_that_a_model_would_learn_from_are_refused(apply: Apply) -> None:
    given = table().append_column("side", pa.array(["train", "test"] * 200))
    roles: dict[str, Role] = {**ROLES, "side": "feature"}
    with pytest.raises(UsageError, match=r"'side' has the role feature.*role ignore"):
        apply(Split(column="side", keep_existing=True), given, roles)


@pytest.mark.parametrize("name", ["_curation_unit", "made", "Drawn_Because"])
def test_names_that_runs_use_are_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="take another one"):
        Split(column=name)
