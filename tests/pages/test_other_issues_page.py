"""Other issues: look for all kinds, open one, page through its rows, decide, and what goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field
from streamlit.testing.v1 import AppTest

from curation.errors import DataError, UnknownNameError
from curation.finders import registry
from curation.finders.base import Finder, Finding, finding_rows, finding_subjects, summarise
from curation.finders.label import LabelIssues
from curation.finders.stored import find_in_dataset
from curation.finders.string_mismatch import StringMismatch
from curation.lake.actions import undo
from curation.lake.annotations import annotate
from curation.lake.datasets import get_dataset
from curation.lake.decisions import decisions
from curation.lake.findings import latest_finding
from curation.lake.imports import import_table
from curation.lake.workspace import Workspace
from curation.learn.shared import Shared
from curation.privacy.gate import FlaggedRow, Viewer, flagged_rows
from curation.progress import Progress, no_progress
from curation.recipe.drafts import load_draft
from curation.ui.other_issues_decide import plan
from curation.ui.other_issues_kinds import kind_named, kinds, ranked, rows_flagged
from curation.ui.state import user_name

OpenPage = Callable[..., AppTest]
Wait = Callable[[Workspace], None]
VIEWER = Viewer("ann")


class Short(Finder):
    """Rows that come early. A second sentence.

    More of it.
    """

    name: ClassVar[str] = "short"
    title: ClassVar[str] = "Early rows"
    scores: ClassVar[str] = "0 is the first row, 1 the last."
    advice: ClassVar[str] = "Look at them."

    most: int = Field(default=45, ge=0, title="Most", description="How many are flagged.")

    def find(self, shared: Shared, progress: Progress = no_progress) -> Finding:
        size = shared.table.num_rows
        bad = np.arange(size) < self.most
        rows = finding_rows(
            shared,
            np.arange(size) / size,
            bad,
            explanation={i: f"It is row *{i}*." for i in range(min(self.most, size))},
        )
        subjects = finding_subjects([
            {"kind": "column", "subject": "channel", "score": 0.1, "is_issue": self.most > 0,
             "rows": 7, "explanation": "'channel' has <odd> values."},
        ])  # fmt: skip
        return Finding("short", rows, summarise(rows, subjects), subjects)


class Nothing(Short):
    """Rows that are never there."""

    name: ClassVar[str] = "nothing"
    title: ClassVar[str] = "Never there"
    most: int = 0


class Copies(Finder):
    """Rows in pairs of equal ones, as if they were copies."""

    name: ClassVar[str] = "exact_duplicate"
    title: ClassVar[str] = "Exact duplicates"
    scores: ClassVar[str] = "0 is a copy, 1 is none."
    advice: ClassVar[str] = "Keep one."

    def find(self, shared: Shared, progress: Progress = no_progress) -> Finding:
        """Flag rows 0 and 50, 1 and 51, and so on to 4 and 54."""
        size = shared.table.num_rows
        group = np.full(size, -1)
        group[:5] = group[50:55] = np.arange(5)
        rows = finding_rows(
            shared,
            np.where(group >= 0, (np.arange(size) % 7) / 10, 1.0),
            group >= 0,
            group=group,
            suggestion=["refund_status" if number < 3 else None for number in range(size)],
        )
        return Finding("exact_duplicate", rows, summarise(rows))


class Conflicts(Copies):
    """Rows whose label should be another."""

    name: ClassVar[str] = "conflicting_labels"
    title: ClassVar[str] = "Conflicting labels"


class Broken(Short):
    """Rows that are searched with a bug."""

    name: ClassVar[str] = "broken"
    title: ClassVar[str] = "Broken search"

    def find(self, shared: Shared, progress: Progress = no_progress) -> Finding:
        raise ValueError("a <bug> of *its* own")


class Unfit(Short):
    """Rows of data that turn out not to be fit."""

    name: ClassVar[str] = "unfit"
    title: ClassVar[str] = "Unfit data"

    def find(self, shared: Shared, progress: Progress = no_progress) -> Finding:
        raise DataError("The values are too few.")


class Lacking(Short):
    """Rows with images."""

    name: ClassVar[str] = "lacking"
    title: ClassVar[str] = "Image issues"

    @classmethod
    def lacks(cls, shared: Shared) -> str:
        return "The data have no images."


@pytest.fixture(autouse=True)
def few_finders(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the registry know our finders only; the one that fails stands before others."""
    ours = (LabelIssues, Broken, Short, Unfit, Nothing, Copies, Conflicts, Lacking)
    monkeypatch.setattr(registry, "FINDERS", ours)
    registry.finders.cache_clear()
    yield
    registry.finders.cache_clear()


@pytest.fixture
def looked(imported: Workspace) -> Workspace:
    """A workspace whose support messages were searched for early rows and copies."""
    for finder in (Short(), Copies(), Conflicts()):
        find_in_dataset(imported, "support", finder)
    return imported


def _figures(at: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in at.metric}


def _said(at: AppTest) -> str:
    parts = [*at.markdown, *at.caption, *at.info, *at.error]
    return "\n".join(part.value.replace("\\", "") for part in parts)


def _press(at: AppTest, key: str) -> None:
    at.button(key=key).click().run()
    assert not at.exception, at.exception


def _keys(at: AppTest) -> set[str]:
    return {str(button.key) for button in at.button}


def _decide(at: AppTest, verb: str) -> None:
    at.session_state[f"kind-{verb}"] = True
    at.run()
    _press(at, f"kind-{verb}-now")


def test_one_search_finds_all_kinds_and_one_that_fails_loses_no_other(
    open_page: OpenPage, imported: Workspace, wait_for_jobs: Wait
) -> None:
    at = open_page(imported, "other_issues")
    assert "6 kinds of issues can be looked for" in _said(at)
    _press(at, "other-start")
    wait_for_jobs(imported)
    at.run()
    assert not at.exception
    assert _figures(at)["Kinds with issues"] == "3"
    assert _figures(at)["Rows flagged"] == "50", "rows 0 to 44 and 50 to 54"
    assert "a <bug> of *its* own" in _said(at)
    assert "Broken search** could not be looked for" in _said(at)
    assert {"open-short", "open-exact_duplicate", "open-broken", "open-nothing"} <= _keys(at)
    assert "1 kind found nothing" in [e.label for e in at.expander]
    assert "2 kinds cannot be looked for in these data" in [e.label for e in at.expander]
    assert "The data have no images." in _said(at)
    assert "The values are too few." in _said(at)


def test_the_kinds_stand_worst_first_with_a_word_for_how_bad(
    open_page: OpenPage, looked: Workspace
) -> None:
    at = open_page(looked, "other_issues")
    assert [kind.name for kind in ranked(kinds(looked, "support"))] == [
        "short", "conflicting_labels", "exact_duplicate",
    ]  # fmt: skip
    said = _said(at)
    assert "high" in said
    assert "medium" in said
    assert "45 rows, 1 column" in said
    assert "'channel' has <odd> values." in said, "the worst explanation"


def test_a_search_is_still_there_after_a_page_switch(
    open_page: OpenPage, imported: Workspace, wait_for_jobs: Wait
) -> None:
    at = open_page(imported, "other_issues")
    _press(at, "other-start")
    at.switch_page("pages/home.py").run()
    assert not at.exception
    wait_for_jobs(imported)
    assert "Kinds with issues" in _figures(open_page(imported, "other_issues"))


def test_a_kind_opens_by_its_row_and_by_its_link(open_page: OpenPage, looked: Workspace) -> None:
    at = open_page(looked, "other_issues")
    _press(at, "open-short")
    linked = open_page(looked, "other_issues", kind="short")
    for page in (at, linked):
        assert page.title[0].value == "Early rows · support"
        assert _figures(page)["Rows flagged"] == "45"
        assert _figures(page)["Columns flagged"] == "1"
        assert "0 is the first row, 1 the last." in _said(page)
        assert "Look at them." in _said(page)
    _press(at, "kind-back")
    assert at.title[0].value == "Other issues · support"
    assert open_page(looked, "other_issues", kind="no such").title[0].value.startswith("Other")


def test_rows_come_twenty_a_page_with_what_is_said_of_them(
    open_page: OpenPage, looked: Workspace
) -> None:
    at = open_page(looked, "other_issues", kind="short")
    for first, last in ((0, 19), (20, 39), (40, 44)):
        said = _said(at)
        assert f"{first + 1} to {last + 1} of 45" in said
        assert [f"It is row *{n}*." in said for n in range(46)] == [
            first <= n <= last for n in range(46)
        ]
        if last < 44:
            _press(at, "flagged-next")
    assert at.button(key="flagged-next").disabled
    _press(at, "flagged-previous")
    assert "21 to 40 of 45" in _said(at)


def test_looking_again_with_another_parameter_and_back_shows_what_was_asked_last(
    open_page: OpenPage, looked: Workspace, wait_for_jobs: Wait
) -> None:
    at = open_page(looked, "other_issues", kind="short")
    for wanted in (7, 45):
        [field] = [n for n in at.number_input if n.label == "Most"]
        field.set_value(wanted).run()
        _press(at, "kind-look")
        wait_for_jobs(looked)
        at.run()
        assert _figures(at)["Rows flagged"] == str(wanted)


def test_excluding_is_one_action_that_leaves_decided_records_alone(
    open_page: OpenPage, looked: Workspace
) -> None:
    annotate(looked, "support", "m-0003", "confirm", annotator="bob")
    at = open_page(looked, "other_issues", kind="short")
    at.session_state["kind-exclude"] = True
    at.run()
    assert "Marks 44 records" in _said(at)
    assert "1 record has a decision already and is left alone" in _said(at)
    _press(at, "kind-exclude-now")
    said = {d.record_key: d.decision for d in decisions(looked, "support")}
    assert len(said) == 45
    assert said.pop("m-0003") == "confirm"
    assert set(said.values()) == {"exclude"}
    assert "decided: exclude" in _said(at)
    undo(looked, "support", user_name())
    assert [d.record_key for d in decisions(looked, "support")] == ["m-0003"]


def test_of_copies_one_record_stays_and_the_step_repeats_it(
    open_page: OpenPage, looked: Workspace
) -> None:
    annotate(looked, "support", "m-0053", "confirm", annotator="bob")
    at = open_page(looked, "other_issues", kind="exact_duplicate")
    assert "2 rows that belong together" in _said(at)
    _press(at, "kind-step")
    assert load_draft(looked, "support").steps[-1].name == "drop_duplicates"
    assert "kind-step" not in _keys(at)
    _decide(at, "exclude")
    gone = {d.record_key for d in decisions(looked, "support") if d.decision == "exclude"}
    assert len(gone) == 5
    assert "m-0003" in gone, "its copy m-0053 was decided, so that one stays"


def test_records_get_the_suggested_class(open_page: OpenPage, looked: Workspace) -> None:
    at = open_page(looked, "other_issues", kind="conflicting_labels")
    _decide(at, "relabel")
    said = decisions(looked, "support")
    assert {d.decision for d in said} == {"relabel"}
    assert {d.value for d in said} == {"refund_status"}
    assert {d.record_key for d in said} <= {"m-0001", "m-0002", "m-0003"}
    assert "kind-relabel" not in _keys(open_page(looked, "other_issues", kind="short"))


def test_what_was_found_on_an_older_snapshot_says_so_and_decides_nothing(
    open_page: OpenPage, looked: Workspace
) -> None:
    import_table(looked, pa.table({"message": ["new"], "intent": ["x"]}), "support", author="me")
    at = open_page(looked, "other_issues")
    assert "Look again to see what is new" in _said(at)
    at = open_page(looked, "other_issues", kind="short")
    assert "Look again, above" in _said(at)
    at.session_state["kind-exclude"] = True
    at.run()
    assert "kind-exclude-now" not in _keys(at)
    assert not at.exception


def test_a_dataset_without_a_label_can_be_searched_but_not_decided(
    open_page: OpenPage, workspace: Workspace, wait_for_jobs: Wait
) -> None:
    table = pa.table({"id": ["a", "b", "c"], "size": [1.5, 2.5, 9.0], "odd": ["x", "y", None]})
    import_table(workspace, table, "plain", author="me", roles={"id": "key", "size": "feature"})
    assert get_dataset(workspace, "plain").roles.label is None
    at = open_page(workspace, "other_issues")
    _press(at, "other-start")
    wait_for_jobs(workspace)
    at = open_page(workspace, "other_issues", kind="short")
    assert _figures(at)["Rows flagged"] == "3"
    at.session_state["kind-exclude"] = True
    at.run()
    assert not at.exception
    assert "kind-exclude-now" not in _keys(at)


def test_an_empty_workspace_leads_to_the_import(open_page: OpenPage, workspace: Workspace) -> None:
    at = open_page(workspace, "other_issues")
    assert "to-datasets" in _keys(at)


@pytest.mark.parametrize("kind", ["", "short", "exact_duplicate", "nothing", "lacking"])
def test_each_view_has_a_title_and_at_most_one_primary_button(
    open_page: OpenPage, looked: Workspace, kind: str
) -> None:
    at = open_page(looked, "other_issues", kind=kind)
    assert len([b for b in at.button if b.proto.type == "primary"]) <= 1
    assert at.title


def test_home_points_to_other_issues_until_somebody_looked(
    open_page: OpenPage, found: Workspace
) -> None:
    at = open_page(found)
    assert "Look for other issues" in [b.label for b in at.button]
    find_in_dataset(found, "support", Short())
    at = open_page(found)
    assert "Look for other issues" not in [b.label for b in at.button]
    assert "1 other kind" in _said(at)


def test_rows_of_many_kinds_are_counted_once(looked: Workspace) -> None:
    assert rows_flagged(looked, kinds(looked, "support")) == 50
    assert rows_flagged(looked, []) == 0


def test_what_a_finder_would_do_to_copies_with_one_record_key_is_nothing(
    workspace: Workspace,
) -> None:
    """Without a key column equal rows are one record: to exclude it would lose all of them."""
    table = pa.table({"text": [f"text {n % 50}" for n in range(60)], "label": ["a", "b"] * 30})
    import_table(workspace, table, "plain", author="me", roles={"text": "text", "label": "label"})
    finding = find_in_dataset(workspace, "plain", Copies())
    wanted = plan(workspace, get_dataset(workspace, "plain"), finding, "exclude")
    assert wanted.verdicts == []


def _all_rows(workspace: Workspace, finding_id: str, limit: int) -> list[FlaggedRow]:
    seen: list[FlaggedRow] = []
    after = None
    while True:
        page = flagged_rows(workspace, VIEWER, finding_id, after=after, limit=limit)
        assert len(page.rows) <= limit
        seen += page.rows
        after = page.next
        if after is None:
            return seen


@pytest.mark.parametrize("limit", [1, 3, 10, 44, 45, 100])
def test_the_gate_gives_every_flagged_row_once_worst_first(looked: Workspace, limit: int) -> None:
    finding = latest_finding(looked, "support", finder="short")
    assert finding is not None
    found = _all_rows(looked, finding.finding_id, limit)
    assert [row.explanation for row in found] == [f"It is row *{n}*." for n in range(45)]
    assert found[4].values["message_id"] == found[4].record_key


def test_the_gate_knows_no_finding_of_another_id(looked: Workspace) -> None:
    with pytest.raises(UnknownNameError, match="no finding"):
        flagged_rows(looked, VIEWER, "none")


class Scored(Finder):
    """Rows with scores and groups that a test gives."""

    name: ClassVar[str] = "scored"
    title: ClassVar[str] = "Scored"
    scores: ClassVar[str] = "As given."
    advice: ClassVar[str] = "None."

    given: tuple[tuple[float, int, bool], ...] = ()

    def find(self, shared: Shared, progress: Progress = no_progress) -> Finding:
        score, group, bad = (np.array(one) for one in zip(*self.given, strict=True))
        rows = finding_rows(
            shared, score.astype(float), bad.astype(bool), group=group.astype(np.int64)
        )
        return Finding("scored", rows, summarise(rows))


@settings(max_examples=20)
@given(data=st.data())
def test_groups_stay_together_wherever_a_page_ends(small: Workspace, data: Any) -> None:
    row = st.tuples(st.sampled_from([0.0, 0.1, 0.5, 1.0]), st.integers(-1, 3), st.booleans())
    given_rows = data.draw(st.lists(row, min_size=12, max_size=12))
    finding = find_in_dataset(small, "small", Scored(given=tuple(given_rows)))
    found = _all_rows(small, finding.finding_id, data.draw(st.integers(1, 13)))
    flagged = [n for n, (_, _, bad) in enumerate(given_rows) if bad]
    places = [int(one.values["id"]) for one in found]
    assert sorted(places) == flagged
    worst = {n: min(given_rows[m][0] for m in flagged if _mates(given_rows, n, m)) for n in flagged}
    assert [worst[n] for n in places] == sorted(worst.values())
    groups = [one.group for one in found if one.group is not None]
    changes = sum(a != b for a, b in pairwise(groups))
    assert changes == max(0, len(set(groups)) - 1)


def _mates(rows: list[tuple[float, int, bool]], one: int, other: int) -> bool:
    return one == other or (rows[one][1] >= 0 and rows[one][1] == rows[other][1])


@pytest.fixture
def small(workspace: Workspace) -> Workspace:
    table = pa.table({"id": [f"{n}" for n in range(12)], "size": np.arange(12.0)})
    import_table(workspace, table, "small", author="me", roles={"id": "key", "size": "feature"})
    return workspace


def test_what_is_no_kind_has_no_name(looked: Workspace) -> None:
    assert kind_named(looked, "support", "label") is None
    assert kind_named(looked, "support", None) is None


def test_a_category_that_is_written_otherwise_relabels_nothing(workspace: Workspace) -> None:
    table = pa.table(
        {
            "id": [f"k{n}" for n in range(200)],
            "answer": ["Yes " if n == 7 else "yes" for n in range(200)],
            "label": ["no" if n % 2 else ("YES" if n == 4 else "yes") for n in range(200)],
        }
    )
    roles: Any = {"id": "key", "answer": "feature", "label": "label"}
    import_table(workspace, table, "answers", roles=roles, author="ann")
    finding = find_in_dataset(workspace, "answers", StringMismatch())
    assert finding.flagged == 2
    wanted = plan(workspace, get_dataset(workspace, "answers"), finding, "relabel").verdicts
    assert [(one.record_key, one.value) for one in wanted] == [("k4", "yes")]
