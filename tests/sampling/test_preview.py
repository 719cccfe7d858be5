"""Previews: exact on small data, near the draw on large data, and honest about which it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from curation.engines.duckdb import DuckDBEngine
from curation.errors import DataError, ExpressionError, UnknownNameError, UsageError
from curation.lake.imports import import_table
from curation.lake.roles import Roles
from curation.lake.workspace import Workspace
from curation.privacy.gate import Viewer
from curation.sampling.drawing.drawn import PROBABILITY_COLUMN, REASON_COLUMN
from curation.sampling.drawing.frames import draw_frame
from curation.sampling.previews import preview_estimate, preview_rows
from curation.sampling.previews.preview import Preview, preview_rule
from curation.sampling.rules.library import save_rule
from curation.sampling.rules.rule import Rule

ME = Viewer("ann")
SIZE = 6_000
ROLES = {"id": "key", "label": "label", "at": "timestamp", "text": "text"}
TABLE = pa.table(
    {
        "id": [f"k{n:05}" for n in range(SIZE)],
        "text": [f"message {n % 50} about {'cards' if n % 5 else 'cash'}" for n in range(SIZE)],
        "label": [None if n % 100 == 7 else "abc"[(n * n // 7) % 3] for n in range(SIZE)],
        "channel": ["chat" if n % 4 else "mail" for n in range(SIZE)],
        "worth": [float(n % 10) for n in range(SIZE)],
        "at": [f"2025-{1 + n % 12:02}-01" for n in range(SIZE)],
        'Odd "name"': [n % 2 for n in range(SIZE)],
    }
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with Workspace.open(tmp_path_factory.mktemp("preview") / "workspace") as opened:
        import_table(opened, TABLE, "d", roles=ROLES, author="me")
        yield opened


@pytest.fixture
def as_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a preview treat the dataset as one that is too large to look at every row."""
    monkeypatch.setattr(preview_rows, "MOST_EXACT", 1_000)
    monkeypatch.setattr(preview_rows, "MOST_SPREAD", 600)
    monkeypatch.setattr(preview_rows, "MOST_WITH_MODEL", 300)


def preview(workspace: Workspace, rule: Rule, **more: Any) -> Preview:
    return preview_rule(workspace, ME, "d", rule, **more)


def drawn(rule: Rule) -> pa.Table:
    found: pa.Table = draw_frame(TABLE, rule, Roles(columns=ROLES))
    return found


RULES = [
    Rule(n=20, per=("label",)),
    Rule(n=3, per=("LABEL", "channel"), where="worth > 2"),
    Rule(rows=100, per=("channel",), minimum=10),
    Rule(quota={"a": 5, "b": 10_000, "zz": 3}, per=("label",)),
    Rule(n=10, classes=("b",), keep_keys=("k00001", "k00002"), keep="worth = 1 AND id < 'k00100'"),
    Rule(n=50, by="weighted", weight="worth"),
    Rule(n=30, by="recency", half_life=20, per=('Odd "name"',)),
    Rule(combine="union", parts=(Rule(n=10, per=("label",)), Rule(rows=40, where="worth = 3"))),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.describe())
def test_a_preview_of_a_small_dataset_is_what_a_draw_gives(shared: Workspace, rule: Rule) -> None:
    found, rows = preview(shared, rule, examples=7), drawn(rule).to_pylist()
    assert (found.drawn, found.looked_at <= SIZE, found.is_estimate) == (len(rows), True, False)
    mix = Counter(row["label"] for row in rows if row["label"] is not None)
    assert found.classes_after == mix
    by_id = {row["id"]: row for row in rows}
    assert found.examples.num_rows == 7
    assert [by_id[row["id"]] for row in found.examples.to_pylist()] == found.examples.to_pylist()
    assert sum(stratum.shortfall for stratum in found.strata) == found.shortfall
    assert not any("Estimated" in note for note in found.notes)


@pytest.mark.usefixtures("as_large")
@pytest.mark.parametrize("rule", RULES[:7], ids=lambda rule: rule.describe())
def test_a_preview_of_a_large_dataset_counts_what_a_draw_gives(
    shared: Workspace, rule: Rule, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = preview(shared, rule)
    monkeypatch.undo()
    whole = preview(shared, rule)
    assert (found.population, found.drawn, found.kept) == (
        whole.population, whole.drawn, whole.kept,
    )  # fmt: skip
    assert (found.strata, found.shortfall) == (whole.strata, whole.shortfall)
    assert found.looked_at < SIZE
    for name, rows in found.classes_after.items():
        if "classes_after" in found.estimates:
            spread = 4 * max(5.0, whole.classes_after[name]) ** 0.5
            assert abs(rows - whole.classes_after.get(name, 0)) <= spread
        else:
            assert rows == whole.classes_after[name]
    told = any("Estimated from" in note for note in found.notes)
    assert told == found.is_estimate
    for row in found.examples.to_pylist():
        assert 0 < row[PROBABILITY_COLUMN] <= 1


@pytest.mark.usefixtures("as_large")
def test_chances_in_a_preview_of_a_large_dataset_are_those_of_the_whole(shared: Workspace) -> None:
    found = preview(shared, Rule(rows=60, per=("channel",)))
    told = {
        (r["channel"], round(r[PROBABILITY_COLUMN], 6), r[REASON_COLUMN])
        for r in found.examples.to_pylist()
    }
    assert told == {
        ("chat", 0.01, "drawn by chance: 45 of 4,500 of chat"),
        ("mail", 0.01, "drawn by chance: 15 of 1,500 of mail"),
    }


@pytest.mark.usefixtures("as_large")
def test_rows_of_a_wide_dataset_are_read_once_they_are_drawn(
    shared: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = Rule(rows=60, per=("channel",))
    narrow = preview(shared, rule).examples
    monkeypatch.setattr(preview_rows, "_MOST_COLUMNS", 2)
    assert preview(shared, rule).examples.to_pylist() == narrow.to_pylist()


@pytest.mark.usefixtures("as_large")
def test_rules_that_no_counts_tell_about_are_estimated_and_say_so(shared: Workspace) -> None:
    rule = Rule(
        combine="union", parts=(Rule(fraction=0.2, per=("label",)), Rule(fraction=0.5, seed=1))
    )
    found, whole = preview(shared, rule), drawn(rule)
    assert found.is_estimate
    assert abs(found.drawn - whole.num_rows) < 0.12 * whole.num_rows
    assert abs(found.population - SIZE) < 0.05 * SIZE
    assert any("since the dataset is large: population, drawn" in note for note in found.notes)
    few = preview(shared, Rule(combine="union", parts=(Rule(n=3), Rule(n=3, seed=1))))
    assert few.drawn in (5, 6)


@pytest.mark.usefixtures("as_large")
def test_a_rare_population_of_a_large_dataset_is_looked_at_whole(shared: Workspace) -> None:
    rule = Rule(n=5, per=("label",), where="worth = 3 AND channel = 'mail'")
    found = preview(shared, rule)
    assert (found.is_estimate, found.looked_at) == (False, found.population)
    assert {row["id"] for row in found.examples.to_pylist()} <= set(drawn(rule)["id"].to_pylist())


@pytest.mark.usefixtures("as_large")
def test_too_many_strata_are_not_counted_one_by_one(
    shared: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview_estimate, "MOST_GROUPS", 100)
    found = preview(shared, Rule(n=1, per=("id",)))
    assert (found.drawn, found.strata_count, found.shortfall) == (SIZE, SIZE, 0)
    assert (found.is_estimate, found.strata) == (True, [])
    two = preview(shared, Rule(n=2, per=("id",), where="worth > 0"))
    assert (two.population, two.drawn, two.shortfall) == (5_400, 5_400, 5_400)
    assert abs(sum(two.classes_after.values()) - 5_400) < 100
    assert preview(shared, Rule(rows=80, per=("id",))).drawn == 80


@pytest.mark.usefixtures("as_large")
def test_a_rule_that_asks_a_model_looks_at_few_rows_and_says_so(shared: Workspace) -> None:
    found = preview(shared, Rule(n=10, by="uncertainty"))
    assert found.looked_at <= 310
    assert any("since a model is asked about each" in note for note in found.notes)
    assert found.examples.num_rows == 10


def test_a_preview_draws_by_rules_of_the_workspace(shared: Workspace) -> None:
    save_rule(shared, "mails", Rule(n=4, where="channel = 'mail'"), author="ann", message="m")
    found = preview(shared, Rule(combine="union", parts=("mails@1", Rule(n=2, classes=("a",)))))
    assert found.drawn in (5, 6)
    assert [stratum.name for stratum in found.strata] == ["mails@1", "rule 2"]


@pytest.mark.parametrize(
    ("rule", "error", "said"),
    [
        (Rule(n=1, per=("labl",)), UnknownNameError, "Did you mean 'label'"),
        (Rule(n=1, where="wort > 1"), UnknownNameError, "Did you mean 'worth'"),
        (Rule(n=1, where="text > 3"), ExpressionError, "cannot be computed on these data"),
        (Rule(n=1, classes=("d",)), UnknownNameError, "no class 'd'"),
        (Rule(n=1, by="weighted", weight="0 - worth"), DataError, "negative"),
        (Rule(combine="union", parts=("nowhere", Rule(n=1))), UsageError, "no rule 'nowhere'"),
    ],
)
@pytest.mark.parametrize("is_large", [False, True])
def test_a_rule_that_does_not_fit_is_told(
    shared: Workspace, request: pytest.FixtureRequest, rule: Rule, error: type[Exception],
    said: str, is_large: bool,
) -> None:  # fmt: skip
    if is_large:
        request.getfixturevalue("as_large")
    with pytest.raises(error, match=said):
        preview(shared, rule)


def test_no_row_to_draw_is_a_preview_of_nothing(shared: Workspace) -> None:
    found = preview(shared, Rule(n=5, where="worth > 99"))
    assert (found.population, found.drawn, found.examples.num_rows) == (0, 0, 0)
    assert (found.classes_before, found.classes_after) == ({}, {})


def test_a_column_that_looks_drawn_and_is_not_is_refused(workspace: Workspace) -> None:
    table = pa.table({"id": ["a", "b"], "inclusion_probability": ["x", "y"]})
    import_table(workspace, table, "odd", roles={"id": "key"}, author="me")
    with pytest.raises(UsageError, match="'inclusion_probability' that no sample made"):
        preview_rule(workspace, ME, "odd", Rule(n=1))


def test_a_drawn_dataset_can_be_drawn_from_again(workspace: Workspace) -> None:
    first = drawn(Rule(fraction=0.5, per=("channel",)))
    import_table(workspace, first, "first", roles=ROLES, author="me")
    found = preview_rule(workspace, ME, "first", Rule(fraction=0.5, per=("channel",), seed=1))
    assert found.examples.column_names == first.column_names
    assert {round(p, 9) for p in found.examples[PROBABILITY_COLUMN].to_pylist()} == {0.25}


def test_no_engine_is_left_open(shared: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[DuckDBEngine] = []
    start = DuckDBEngine.__init__

    def noted(self: DuckDBEngine, memory_limit: str | None = None) -> None:
        start(self, memory_limit)
        opened.append(self)

    monkeypatch.setattr(DuckDBEngine, "__init__", noted)
    preview(shared, Rule(n=1))
    assert [engine._folder.exists() for engine in opened] == [False]
