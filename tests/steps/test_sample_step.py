"""The step `sample`: inline and named rules, chances, shortfalls, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pydantic
import pytest

from curation.errors import RecipeError, UnknownNameError, UsageError
from curation.lake.imports import import_table
from curation.lake.roles import Role
from curation.lake.workspace import Workspace
from curation.recipe.drafts import export, save_draft
from curation.recipe.model import Recipe
from curation.recipe.rules import rules_of, with_rules
from curation.recipe.runner import run_on_dataset
from curation.recipe.yaml import parse, render
from curation.sampling.drawing.drawn import PROBABILITY_COLUMN, REASON_COLUMN
from curation.sampling.rules.library import save_rule
from curation.sampling.rules.rule import Rule
from curation.steps import DropDuplicates, Sample

Apply = Callable[..., Any]
ROLES: dict[str, Role] = {"id": "key", "text": "text", "label": "label", "n": "ignore"}


def table(rows: int, start: int = 0) -> pa.Table:
    numbers = range(start, start + rows)
    return pa.table(
        {
            "id": [f"k{n:04}" for n in numbers],
            "text": [f"message {n}" for n in numbers],
            "label": ["card" if n % 5 else "cash" for n in numbers],
            "n": list(numbers),
        }
    )


TABLE = table(100)


def ids(done: Any) -> set[str]:
    return {row["id"] for row in done.rows}


def test_drawn_rows_carry_their_chance_and_why(apply: Apply) -> None:
    done = apply(Sample(n=10, per=["label"], keep_keys=["k0000"]), TABLE, ROLES)
    told = {(r["label"], round(r[PROBABILITY_COLUMN], 6), r[REASON_COLUMN]) for r in done.rows}
    assert told == {
        ("card", 0.125, "drawn by chance: 10 of 80 of card"),
        ("cash", round(10 / 19, 6), "drawn by chance: 10 of 19 of cash"),
        ("cash", 1.0, "always kept"),
    }
    assert done.counts == {
        "drawn": 21, "population": 99, "kept": 1, "shortfall": 0, "dropped": 79,
    }  # fmt: skip
    assert (done.touched, done.note) == (79, "")
    assert Sample(n=1).columns_added() == {PROBABILITY_COLUMN, REASON_COLUMN}


def test_a_shortfall_names_the_strata_that_lack_most(apply: Apply) -> None:
    done = apply(Sample(quota={"card": 90, "cash": 21, "coin": 5}, per=["label"]), TABLE, ROLES)
    assert done.counts["shortfall"] == 16
    assert done.note.startswith(
        "16 rows fewer than asked: card has 80 of 90, coin has 0 of 5, cash has 20 of 21. "
    )
    assert "No row is in the stratum 'coin'" in done.note
    many = apply(Sample(n=2, per=["id"]), TABLE, ROLES)
    assert many.note.count(" has 1 of 2") == 3
    assert "…" in many.note
    assert apply(Sample(n=101), TABLE, ROLES).note == "1 rows fewer than asked"


def test_a_second_sample_multiplies_the_chances(apply: Apply) -> None:
    first = apply(Sample(n=40, per=["label"]), TABLE, ROLES)
    second = apply(Sample(n=10, per=["label"], id="again"), first.table, ROLES)
    chances = {(r["label"], round(r[PROBABILITY_COLUMN], 6)) for r in second.rows}
    assert chances == {("card", 0.125), ("cash", 0.5)}
    assert second.table.column_names == first.table.column_names


@pytest.mark.parametrize(
    "column",
    [
        {PROBABILITY_COLUMN: [1.0] * 100},
        {REASON_COLUMN: ["x"] * 100},
        {PROBABILITY_COLUMN: ["x"] * 100, REASON_COLUMN: ["x"] * 100},
        {PROBABILITY_COLUMN: [0.0] * 100, REASON_COLUMN: ["x"] * 100},
        {PROBABILITY_COLUMN: [1.5] * 100, REASON_COLUMN: ["x"] * 100},
        {PROBABILITY_COLUMN.title(): [1.0] * 100},
    ],
)
def test_columns_of_the_source_that_no_sample_made_are_refused(
    apply: Apply, column: dict[str, Any]
) -> None:
    data = TABLE
    for name, values in column.items():
        data = data.append_column(name, pa.array(values))
    with pytest.raises(UsageError, match=f"(?i)'{next(iter(column))}' that no sample made.*Rename"):
        apply(Sample(n=1), data, ROLES)


def test_an_inline_sample_depends_on_seed_and_id_and_a_named_one_on_its_own(apply: Apply) -> None:
    inline = Sample(n=10)
    assert ids(apply(inline, TABLE, ROLES)) != ids(apply(inline, TABLE, ROLES, seed=1))
    assert ids(apply(inline, TABLE, ROLES)) != ids(apply(Sample(n=10, id="s"), TABLE, ROLES))
    named = Sample.written_out(Rule(n=10, seed=3, name="weekly@2"))
    drawn = ids(apply(named, TABLE, ROLES))
    again = named.model_copy(update={"id": "other"})
    assert drawn == ids(apply(again, TABLE, ROLES, seed=9))
    assert drawn == ids(apply(named, TABLE.take(list(range(99, -1, -1))), ROLES))
    other = Sample.written_out(Rule(n=10, seed=4, name="weekly@2"))
    assert drawn != ids(apply(other, TABLE, ROLES))


def test_new_rows_do_not_reshuffle_a_sample(apply: Apply) -> None:
    step = Sample(fraction=0.3, where="n < 1000")
    before = ids(apply(step, TABLE, ROLES))
    after = ids(apply(step, table(300), ROLES))
    assert {key for key in after if key < "k0100"} == before


def test_a_rule_that_is_not_written_out_needs_a_workspace(apply: Apply) -> None:
    with pytest.raises(UsageError, match="'weekly@2' is in a workspace, and this run has none"):
        apply(Sample(rule="weekly@2"), TABLE, ROLES)
    with pytest.raises(UsageError, match="'weekly' is in a workspace"):
        apply(Sample(combine="union", parts=["weekly", Rule(n=1)]), TABLE, ROLES)
    with pytest.raises(UnknownNameError, match="Did you mean 'label'"):
        apply(Sample(n=1, per=["labl"]), TABLE, ROLES)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "got none; or name a rule"),
        ({"n": 1, "fraction": 0.5}, "got n and fraction"),
        ({"n": 0}, "greater than or equal to 1"),
        ({"fraction": 0}, "greater than 0"),
        ({"fraction": 1.1}, "less than or equal to 1"),
        ({"rule": "weekly", "n": 3}, "the rule 'weekly' stands for all of it: leave out n"),
        ({"rule": "weekly", "where": "n > 1"}, "leave out where"),
        ({"rule": "weekly", "seed": 3}, "seed belongs to a rule that is written out"),
        ({"n": 1, "seed": 3}, "seed belongs to a rule that is written out"),
        ({"rule": "weekly@0"}, "pattern"),
        ({"rule": "weekly@1", "where": "n > 1"}, "give one amount"),
        ({"n": 1, "half_life": 3}, "half_life needs by: recency"),
    ],
)
def test_a_sample_says_one_thing(values: dict[str, Any], said: str) -> None:
    with pytest.raises(pydantic.ValidationError, match=said):
        Sample(**values)


@pytest.mark.parametrize(
    "text",
    [
        "steps:\n- step: sample\n  n: 5\n",
        "steps:\n- step: sample\n  per:\n  - label\n  fraction: 0.5\n",
        "steps:\n- step: sample\n  rule: weekly\n",
        "steps:\n- step: sample\n  rule: weekly@3\n",
        "steps:\n- step: sample\n  per:\n  - label\n  n: 5\n  rule: weekly@3\n",
        "steps:\n- step: sample\n  rows: 9\n  combine: union\n  parts:\n  - weekly@1\n"
        "  - n: 3\n    name: new@2\n  rule: both@1\n  seed: 4\n",
    ],
)
def test_a_sample_in_yaml_says_only_what_was_given(text: str) -> None:
    recipe = parse(text)
    written = render(recipe)
    assert written[written.index("steps:") :] == text
    assert parse(written) == recipe


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("{step: sample, combine: union, parts: [a, {nn: 1}]}", "part 2: there is no 'nn'. Did you"),
        ("{step: sample, combine: union, parts: [a, b@0]}", "part 2: 'b@0' names no rule"),
        ("{step: sample, combine: union, parts: [a, {n: 1, where: 'n >'}]}", "part 2: The expression"),
        ("{step: sample, n: 1, bye: uniform}", "there is no 'bye'. Did you mean 'by'?"),
        ("{step: sample, n: 1, by: recent}", "'by' cannot be 'recent'. Did you mean 'recency'?"),
        ("{step: sample, n: 1, classes: [[1]]}", "classes.0"),
    ],
)  # fmt: skip
def test_a_mistake_in_yaml_is_named(step: str, said: str) -> None:
    with pytest.raises(RecipeError) as told:
        parse(f"steps:\n- {step}")
    assert str(told.value).startswith("Step 1 (sample): ")
    assert said in str(told.value)


def test_classes_that_are_numbers_are_taken_as_text() -> None:
    (step,) = parse("steps:\n- {step: sample, n: 1, classes: [1, 2], keep_keys: [7]}").steps
    assert isinstance(step, Sample)
    assert (step.classes, step.keep_keys) == (("1", "2"), ("7",))


@pytest.fixture
def shared(workspace: Workspace) -> Workspace:
    import_table(workspace, TABLE, "d", roles=ROLES, author="me")
    save_rule(workspace, "base", Rule(n=10, seed=1), author="ann", message="m")
    save_rule(workspace, "base", Rule(n=12, seed=1), author="ann", message="m")
    wide = Rule(combine="union", parts=("base", Rule(n=5, seed=2)))
    save_rule(workspace, "wide", wide, author="ann", message="m")
    return workspace


def test_a_rule_draws_the_same_rows_in_every_recipe(shared: Workspace) -> None:
    drawn = []
    for recipe in (
        Recipe(steps=(Sample(rule="wide"),)),
        Recipe(seed=4, steps=(DropDuplicates(), Sample(rule="wide@1", id="s"))),
        with_rules(shared, Recipe(steps=(Sample(rule="wide"),))),
    ):
        with run_on_dataset(shared, "d", recipe) as result:
            drawn.append(set(result.table()["id"].to_pylist()))
            assert result.steps[-1].counts["drawn"] == len(drawn[-1])
    assert drawn[0] == drawn[1] == drawn[2]
    assert 12 < len(drawn[0]) <= 17


def test_rules_within_rules_are_written_out_and_pinned(shared: Workspace) -> None:
    recipe = Recipe(
        steps=(
            Sample(rule="wide"),
            Sample(combine="union", parts=["base@1", Rule(n=1)], id="inline"),
        )
    )
    written = with_rules(shared, recipe)
    wide, inline = written.steps
    assert isinstance(wide, Sample)
    assert isinstance(inline, Sample)
    assert (wide.rule, [getattr(p, "name", p) for p in wide.parts]) == ("wide@1", ["base@2", None])
    assert (inline.rule, inline.seed) == (None, None)
    assert inline.parts == (Rule(n=10, seed=1, name="base@1"), Rule(n=1))
    assert with_rules(shared, written) == written
    pinned = rules_of(shared, recipe)
    assert pinned == {"wide": 1, "base": 2}
    assert rules_of(shared, written)["wide"] == 1
    save_rule(shared, "base", Rule(n=50), author="ann", message="m")
    assert with_rules(shared, recipe) != written
    assert with_rules(shared, recipe, pinned) == written


def test_an_exported_recipe_with_rules_within_rules_runs_elsewhere(shared: Workspace) -> None:
    save_draft(shared, "d", Recipe(steps=(Sample(rule="wide"),)), "ann")
    exported = parse(export(shared, "d"))
    with run_on_dataset(shared, "d", Recipe(steps=(Sample(rule="wide"),))) as result:
        expected = result.table()
    assert exported.run(TABLE).to_pylist() == expected.to_pylist()
