"""What holds for every step that is registered."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from example_steps import EXAMPLES

from curation.errors import LabelError, UnknownNameError
from curation.lake.roles import Role
from curation.recipe.yaml import parse, step_text
from curation.steps import STEPS, FixLabels, Step, step_named

ROLES: dict[str, Role] = {
    "id": "key", "text": "feature", "size": "feature", "label": "label", "select": "ignore",
}  # fmt: skip
WORDS = {"fruit": "apple pear plum cherry", "tool": "hammer saw drill wrench"}
SIZE = 60


def table() -> pa.Table:
    chance = random.Random(0)
    labels = ["fruit" if chance.random() < 0.6 else "tool" for _ in range(SIZE)]
    texts = [" ".join(chance.choices(WORDS[label].split(), k=3)) for label in labels]
    return pa.table(
        {
            "id": [f"k{n}" for n in range(SIZE)],
            "text": texts,
            "size": [float(n % 4) for n in range(SIZE)],
            # Two of them are wrong, and one row has none.
            "label": ["tool", "fruit", None, *labels[3:]],
            "select": [n % 7 for n in range(SIZE)],
        }
    )


def shown(rows: list[dict[str, Any]]) -> Counter[str]:
    return Counter(map(repr, rows))


def given_schema(done: pa.Table, step: Step) -> pa.Schema:
    """The columns that were there before; those that the step says it adds must be there too."""
    added = step.columns_added()
    assert added <= set(done.column_names)
    kept = [name for name in done.column_names if name not in added]
    return done.select(kept).schema.remove_metadata()


def example_steps() -> list[Step]:
    return [example for step in STEPS for example in EXAMPLES[step.name]]


def ids(step: Step) -> str:
    return f"{step.name}: {step.describe()}"


def test_every_step_has_examples_and_its_own_name() -> None:
    assert set(EXAMPLES) == {step.name for step in STEPS}
    assert len({step.name for step in STEPS}) == len(STEPS)
    for step in STEPS:
        assert step_named(step.name) is step
        assert step.model_fields["step"].default == step.name


def test_a_misspelt_step_is_told_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"no step 'rebalanc'. Did you mean 'rebalance'"):
        step_named("rebalanc")


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_step_explains_itself(step: type[Step]) -> None:
    assert step.__doc__
    first = step.__doc__.strip().splitlines()[0]
    assert first.endswith(".")
    assert step.title
    assert step.state in ("none", "frozen", "refit")
    for name, field in step.model_fields.items():
        if name != "step":
            assert field.title, name
            assert field.description, name
            assert field.description.endswith("."), name


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_a_step_refuses_what_it_does_not_know(step: type[Step]) -> None:
    assert step.model_config["extra"] == "forbid"
    assert step.model_config["frozen"]


@pytest.mark.parametrize("step", example_steps(), ids=ids)
def test_a_step_describes_itself_in_a_few_words(step: Step) -> None:
    assert 3 < len(step.describe()) < 80
    assert "\n" not in step.describe()


@pytest.mark.parametrize("step", example_steps(), ids=ids)
def test_a_step_is_the_same_after_yaml(step: Step) -> None:
    [read] = parse("steps:\n" + step_text(step)).steps
    assert read == step


@pytest.mark.parametrize("step", example_steps(), ids=ids)
def test_a_step_keeps_the_columns_and_their_types(step: Step, apply: Callable[..., Any]) -> None:
    done = apply(step, table(), ROLES)
    assert given_schema(done.table, step) == table().schema.remove_metadata()
    added, dropped = done.counts.get("added", 0), done.counts.get("dropped", 0)
    assert done.table.num_rows == SIZE + added - dropped
    assert done.touched >= added + dropped


@pytest.mark.parametrize("step", example_steps(), ids=ids)
def test_a_step_does_not_depend_on_the_order_of_the_rows(
    step: Step, apply: Callable[..., Any]
) -> None:
    rows = table()
    order = list(range(SIZE))
    random.Random(1).shuffle(order)
    straight, shuffled = apply(step, rows, ROLES), apply(step, rows.take(order), ROLES)
    assert shown(straight.rows) == shown(shuffled.rows)
    assert (straight.counts, straight.touched) == (shuffled.counts, shuffled.touched)
    assert shown(straight.queue) == shown(shuffled.queue)


@pytest.mark.parametrize("step", example_steps(), ids=ids)
def test_a_step_does_the_same_again(step: Step, apply: Callable[..., Any]) -> None:
    assert apply(step, table(), ROLES) == apply(step, table(), ROLES)


@pytest.mark.parametrize("step", example_steps(), ids=ids)
def test_a_step_leaves_the_order_of_the_rows(step: Step, apply: Callable[..., Any]) -> None:
    rows = apply(step, table(), ROLES).rows
    kept = [row["id"] for row in rows if row.get("made") is None]
    assert [row["id"] for row in rows][: len(kept)] == kept  # made rows come after all others
    assert kept == [name for name in table()["id"].to_pylist() if name in set(kept)]


@pytest.mark.parametrize("step", example_steps(), ids=ids)
def test_a_step_takes_no_rows(step: Step, apply: Callable[..., Any]) -> None:
    empty = table().slice(0, 0)
    if isinstance(step, FixLabels):  # nothing can be learned from nothing
        with pytest.raises(LabelError, match="0 rows"):
            apply(step, empty, ROLES)
        return
    done = apply(step, empty, ROLES)
    assert given_schema(done.table, step) == empty.schema.remove_metadata()
    assert (done.table.num_rows, done.touched, done.queue) == (0, 0, [])


@pytest.mark.parametrize("step", example_steps(), ids=ids)
@pytest.mark.parametrize(
    "name", ["value", "given", "decision", "outcome", "row_", "select", 'a"b', "r", "row"]
)
def test_a_label_column_may_have_any_name(step: Step, name: str, apply: Callable[..., Any]) -> None:
    if step.columns_used() & {"label", "select"}:
        return
    if isinstance(step, FixLabels) and (
        name not in ("outcome", "row_") or step.action != "relabel"
    ):
        return  # a model takes its time, and these are the names that its SQL has beside the data
    renamed = table().rename_columns(["id", "text", "size", name, "key"])
    roles: dict[str, Role] = {
        "id": "key", "text": "feature", "size": "feature", name: "label", "key": "ignore",
    }  # fmt: skip
    plain, odd = apply(step, table(), ROLES), apply(step, renamed, roles)
    assert [tuple(row.values()) for row in plain.rows] == [tuple(row.values()) for row in odd.rows]
    assert plain.counts == odd.counts
