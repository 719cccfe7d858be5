"""A recipe is the same after YAML, its comments stay, and every mistake is named."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pydantic
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from curation.errors import RecipeError
from curation.recipe.model import ColumnSpec, Contract, Recipe, RecipeAnnotation
from curation.recipe.yaml import load_recipe, parse, render
from curation.steps import (
    ApplyAnnotations,
    DropDuplicates,
    Filter,
    FixLabels,
    Rebalance,
    Sample,
    Step,
)

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=25)
ODD = st.sampled_from(
    ["yes", "null", "~", "1", "1.0", "1e3", "0x1F", "2020-01-01", "", " x ", "a: b", "- a", "# no", "'", '"',
     "a\nb", "a\tb", "\x1f", "\x85", "\u2028", "{}", "*a", "&a", "!x", "%", "@", "`", "|", ">", "漢", "🙂", "=", "<<"]
)  # fmt: skip
WORDS = TEXT | ODD
NAMES = WORDS.filter(lambda text: len(text.strip()) > 0)
IDS = st.none() | st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,8}", fullmatch=True)
CONDITIONS = st.sampled_from(
    [
        "length(message) > 3",
        "intent = 'a: b'",
        '"say ""hi""" = \'x\'  -- why',
        "a = 'ü'\nAND b",
        "TRUE",
    ]
)
COUNTS = st.integers(1, 10**10)
STEPS: st.SearchStrategy[Step] = st.one_of(
    st.builds(ApplyAnnotations, id=IDS),
    st.builds(Filter, id=IDS, where=CONDITIONS),
    st.builds(DropDuplicates, id=IDS, columns=st.lists(NAMES, max_size=3)),
    st.builds(
        FixLabels, id=IDS, action=st.sampled_from(["relabel", "drop", "queue"]),
        min_confidence=st.floats(0, 1), preset=st.sampled_from(["fast", "accurate"]),
    ),
    st.builds(Rebalance, id=IDS, rows_per_class=COUNTS, where=st.none() | CONDITIONS),
    st.builds(Sample, id=IDS, n=COUNTS, per=st.lists(NAMES, max_size=2)),
    st.builds(Sample, id=IDS, fraction=st.floats(0, 1, exclude_min=True), per=st.lists(NAMES, max_size=2)),
)  # fmt: skip
SPECS = st.builds(
    ColumnSpec, type=st.sampled_from(["VARCHAR", "BIGINT", "FLOAT[]", "DECIMAL(5,2)"]),
    role=st.sampled_from([None, "key", "text", "feature", "ignore"]),
)  # fmt: skip
CONTRACTS = st.builds(
    lambda columns, label: Contract(
        columns=columns | ({label: ColumnSpec(type="VARCHAR", role="label")} if label else {})
    ),
    st.dictionaries(NAMES, SPECS, max_size=4),
    st.none() | NAMES,
)
ANNOTATIONS = st.builds(
    RecipeAnnotation, record_key=WORDS, fingerprint=st.just("f" * 32), given=st.none() | WORDS,
    decision=st.just("relabel"), value=NAMES, annotator=WORDS, created_at=st.sampled_from(["", "2026-09-01T10:00:00"]),
) | st.builds(
    RecipeAnnotation, record_key=WORDS, fingerprint=WORDS, given=st.none() | WORDS,
    decision=st.sampled_from(["confirm", "exclude"]), value=st.none(),
)  # fmt: skip
RECIPES = st.builds(
    Recipe, name=NAMES, seed=st.integers(0, 2**32 - 1), contract=CONTRACTS,
    steps=st.lists(STEPS, max_size=4, unique_by=lambda step: step.step_id).map(tuple),
    annotations=st.lists(ANNOTATIONS, max_size=3).map(tuple),
)  # fmt: skip


# Shrinking a recipe takes minutes and tells little more than the one that was found.
QUICK = settings(max_examples=40, phases=[Phase.explicit, Phase.reuse, Phase.generate])


@QUICK
@given(RECIPES)
@example(Recipe(steps=(Sample(fraction=1.1125369292536006e-308), Filter(where="a = '\x85\u2028'"))))
@example(Recipe(name="? a", steps=(DropDuplicates(columns=["?", "? a", "a\u2029b"]),)))
def test_a_recipe_is_the_same_after_yaml(recipe: Recipe) -> None:
    text = render(recipe)
    read = parse(text)
    assert read == recipe
    assert read.sha256 == recipe.sha256
    assert render(read) == text
    assert render(read, text) == text


@QUICK
@given(RECIPES, RECIPES)
def test_any_edit_of_a_text_gives_the_edited_recipe(old: Recipe, new: Recipe) -> None:
    text = render(new, render(old))
    assert parse(text) == new
    assert render(new, text) == text


COMMENTED = """\
# The weekly curation of support mail.
format: 1
name: support  # short
seed: 7
steps:
# what people said comes first
- step: apply_annotations
# then the short ones
- step: filter
  where: length(message) > 3  # three is enough
# at last the large classes
- step: rebalance
  rows_per_class: 60 # was 80
# the end
"""
COMMENTS = [line.split("#", 1)[1].strip() for line in COMMENTED.splitlines() if "#" in line]


def comments(text: str) -> list[str]:
    return [line.split("# ", 1)[1].strip() for line in text.splitlines() if "# " in line]


def test_nothing_changes_where_nothing_was_edited() -> None:
    assert render(parse(COMMENTED), COMMENTED) == COMMENTED


def test_comments_stay_when_a_parameter_is_edited() -> None:
    recipe = parse(COMMENTED)
    text = render(recipe.replaced(2, Rebalance(rows_per_class=50)), COMMENTED)
    assert text == COMMENTED.replace("rows_per_class: 60", "rows_per_class: 50")


@pytest.mark.parametrize("index", [None, 0, 1, 2])
def test_comments_stay_when_a_step_is_added(index: int | None) -> None:
    edited = parse(COMMENTED).with_step(Sample(n=5), index)
    text = render(edited, COMMENTED)
    assert parse(text) == edited
    assert sorted(comments(text)) == sorted(COMMENTS)


def test_comments_stay_when_a_step_is_moved() -> None:
    edited = parse(COMMENTED).moved(2, -1)
    text = render(edited, COMMENTED)
    assert parse(text) == edited
    assert sorted(comments(text)) == sorted(COMMENTS)


def test_a_removed_step_takes_no_other_s_values_along() -> None:
    edited = parse(COMMENTED).without_step(1)
    text = render(edited, COMMENTED)
    assert parse(text) == edited
    assert "# The weekly curation of support mail." in text


MISTAKES = {
    "unknown step": ("steps:\n- step: rebalanc\n", "Step 1: There is no step 'rebalanc'. Did you mean 'rebalance'?"),
    "unknown parameter": (
        "steps:\n- step: rebalance\n  rows_per_clas: 5\n",
        "Step 1 (rebalance): there is no 'rows_per_clas'. Did you mean 'rows_per_class'?",
    ),
    "unknown value": (
        "steps:\n- step: fix_labels\n  action: relable\n",
        "Step 1 (fix_labels): 'action' cannot be 'relable'. Did you mean 'relabel'? Allowed: relabel, drop, queue.",
    ),
    "unknown key": ("stepps: []\n", "The recipe: there is no 'stepps'. Did you mean 'steps'?"),
    "unknown key of a column": (
        "contract:\n  columns:\n    a: {typ: VARCHAR}\n",
        "there is no 'contract.columns.a.typ'. Did you mean 'type'? Allowed: type, role.",
    ),
    "unknown key of the contract": ("contract: {colums: {}}\n", "there is no 'contract.colums'. Did you mean 'columns'?"),
    "unknown role": (
        "contract:\n  columns:\n    a: {type: VARCHAR, role: lable}\n",
        "'contract.columns.a.role' cannot be 'lable'. Did you mean 'label'?",
    ),
    "unknown key of a decision": (
        "annotations:\n- {recordkey: a, fingerprint: f, decision: confirm}\n",
        "there is no 'annotations.0.recordkey'. Did you mean 'record_key'?",
    ),
    "unknown decision": (
        "annotations:\n- {record_key: a, fingerprint: f, decision: confrim}\n",
        "'annotations.0.decision' cannot be 'confrim'. Did you mean 'confirm'?",
    ),
    "relabel without value": (
        "annotations:\n- {record_key: a, fingerprint: f, decision: relabel}\n", "a relabel needs a value",
    ),
    "missing parameter": ("steps:\n- step: rebalance\n", "Step 1 (rebalance): 'rows_per_class' is missing."),
    "bad number": ("steps:\n- step: rebalance\n  rows_per_class: 0\n", "'rows_per_class'"),
    "text for a number": ("steps:\n- step: rebalance\n  rows_per_class: many\n", "Got: 'many'"),
    "two amounts": (
        "steps:\n- step: sample\n  n: 1\n  fraction: 0.5\n", "Step 1 (sample): give one amount (n, fraction, rows, minutes, quota), got n and fraction.",
    ),
    "a file in a condition": (
        "steps:\n- step: filter\n  where: read_csv('/etc/passwd')\n",
        "Step 1 (filter): The expression holds the function read_csv()",
    ),
    "the same step twice": (
        "steps:\n- step: sample\n  n: 1\n- step: sample\n  n: 2\n",
        "Step 2 (sample): the id 'sample' is taken by a step before it. Give it its own, for example: id: sample-2",
    ),
    "bad id": ("steps:\n- {step: sample, n: 1, id: 'a b'}\n", "'id'"),
    "step without a name": ("steps:\n- where: a = 1\n", "Step 1 has no name. Each step begins with '- step: NAME'."),
    "step as text": ("steps:\n- sample\n", "Step 1 has no name"),
    "steps as a mapping": ("steps:\n  sample: {n: 1}\n", "'steps' must be a list"),
    "two labels": (
        "contract:\n  columns:\n    a: {type: VARCHAR, role: label}\n    b: {type: VARCHAR, role: label}\n",
        "Only one column can be the label; got 'a', 'b'",
    ),
    "newer format": (
        "format: 2\nsteps: []\n", "The recipe has format 2, this version reads up to 1. Upgrade: pip install",
    ),
    "alias": ("name: &n x\nsteps: []\nseed: *n\n", "The recipe uses a YAML alias (*name). Write the value out."),
    "bad YAML": ("steps: [\n", "The recipe is not valid YAML (line"),
    "key twice": ("seed: 1\nseed: 2\n", "The recipe is not valid YAML (line 2)"),
    "two documents": ("name: a\n---\nname: b\n", "not valid YAML"),
    "a list": ("- a\n", "A recipe is a mapping with the keys"),
    "a text": ("hello", "A recipe is a mapping with the keys"),
    "nothing": ("", "A recipe is a mapping with the keys"),
    "a control character": ("name: a\x00b\n", "not valid YAML"),
    "negative seed": ("seed: -1\n", "'seed'"),
    "deep": ("steps: " + "[" * 5_000 + "\n", "The recipe"),
}  # fmt: skip


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_named_with_its_place(case: str) -> None:
    text, message = MISTAKES[case]
    with pytest.raises(RecipeError) as caught:
        parse(text)
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 3
    assert len(str(caught.value)) < 700


@QUICK
@given(
    st.text(max_size=80) | st.builds("steps:\n- step: {}\n  {}: {}\n".format, WORDS, WORDS, WORDS)
)
def test_any_text_is_a_recipe_or_an_error_in_words(text: str) -> None:
    with contextlib.suppress(RecipeError):
        parse(text)


def test_a_file_that_is_no_text_or_not_there(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="There is no recipe"):
        load_recipe(tmp_path / "none.yaml")
    (tmp_path / "bad.yaml").write_bytes(b"name: \xff\n")
    with pytest.raises(RecipeError, match="cannot be read"):
        load_recipe(tmp_path / "bad.yaml")


def test_the_hash_is_of_the_meaning() -> None:
    recipe = parse(COMMENTED)
    assert parse("{format: 1, seed: 7, name: 'support', steps: " + str(
        [{"step": "apply_annotations"}, {"step": "filter", "where": "length(message) > 3"},
         {"step": "rebalance", "rows_per_class": 60}]) + "}").sha256 == recipe.sha256  # fmt: skip
    changed = recipe.replaced(2, Rebalance(rows_per_class=61))
    assert changed.sha256 != recipe.sha256


def test_steps_of_one_kind_get_their_own_ids() -> None:
    recipe = Recipe().with_step(Sample(n=1)).with_step(Sample(n=2)).with_step(Sample(n=3), 0)
    assert [step.step_id for step in recipe.steps] == ["sample-3", "sample", "sample-2"]
    assert recipe.replaced(0, Sample(n=9)).steps[0].id == "sample-3"
    assert [s.step_id for s in recipe.moved(0, 9).steps] == ["sample", "sample-2", "sample-3"]
    assert [s.step_id for s in recipe.moved(2, -9).steps] == ["sample-2", "sample-3", "sample"]
    with pytest.raises(RecipeError):
        Recipe(steps=(Sample(n=1), Sample(n=2)))
    with pytest.raises(pydantic.ValidationError):
        recipe.seed = 1


def test_the_schema_names_every_step() -> None:
    from curation.recipe.schema import recipe_schema
    from curation.steps import STEPS

    schema: dict[str, Any] = recipe_schema()
    named = {
        entry["$ref"].split("/")[-1] for entry in schema["properties"]["steps"]["items"]["oneOf"]
    }
    assert named == {step.__name__ for step in STEPS}
    assert all("step" in schema["$defs"][name]["required"] for name in named)


def test_classes_of_booleans_may_be_written_without_quotes() -> None:
    sample, rebalance = parse(
        "steps:\n"
        "- {step: sample, per: [ok], quota: {true: 3, False: 2}, classes: [true]}\n"
        "- {step: rebalance, method: proportions, proportions: {true: 0.4, false: 0.6}}\n"
    ).steps
    assert sample.model_dump()["quota"] == {"true": 3, "false": 2}
    assert sample.model_dump()["classes"] == ("true",)
    assert rebalance.model_dump()["proportions"] == {"true": 0.4, "false": 0.6}
