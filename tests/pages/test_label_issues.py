"""Label issues: find in the background, decide, undo, filter, and the end of the queue."""

from __future__ import annotations

from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from curation.demo import digits
from curation.finders.stored import find_in_dataset
from curation.lake.annotations import events
from curation.lake.decisions import decisions
from curation.lake.findings import latest_finding
from curation.lake.imports import import_table
from curation.lake.workspace import Workspace
from curation.ui.jobs import JOBS

OpenPage = Callable[..., AppTest]


def _press(at: AppTest, name: str) -> None:
    key = f"{name}-{at.session_state.review.position}"
    at.button(key=key).click().run()
    assert not at.exception, at.exception


def _figures(at: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in at.metric}


def test_finding_runs_in_the_background_and_leads_to_the_review(
    open_page: OpenPage, imported: Workspace, wait_for_jobs: Callable[[Workspace], None]
) -> None:
    at = open_page(imported, "label_issues")
    at.button(key="find-start").click().run()
    assert not at.exception
    wait_for_jobs(imported)
    at.run()
    assert not at.exception
    finding = latest_finding(imported, "support")
    assert finding is not None
    assert _figures(at)["To review"] == str(finding.flagged)


def test_models_of_ones_own_choice_are_averaged(
    open_page: OpenPage, imported: Workspace, wait_for_jobs: Callable[[Workspace], None]
) -> None:
    at = open_page(imported, "label_issues")
    at.radio(key="find-preset").set_value("custom").run()
    assert at.button(key="find-start").disabled
    chosen = ["centroid", "sklearn.linear_model.LogisticRegression"]
    at.multiselect(key="find-models").set_value(chosen).run()
    at.button(key="find-start").click().run()
    wait_for_jobs(imported)
    at.run()
    assert not at.exception
    finding = latest_finding(imported, "support")
    assert finding is not None
    assert finding.learner == "nearest centroid + LogisticRegression, 5-fold cross-validation"


def test_a_running_search_is_still_there_after_a_page_switch(
    open_page: OpenPage, imported: Workspace, wait_for_jobs: Callable[[Workspace], None]
) -> None:
    at = open_page(imported, "label_issues")
    at.button(key="find-start").click().run()
    at.switch_page("pages/home.py").run()
    assert not at.exception
    wait_for_jobs(imported)
    other = open_page(imported, "label_issues")
    assert "To review" in _figures(other)


def test_a_search_that_cannot_work_says_why(
    open_page: OpenPage, imported: Workspace, wait_for_jobs: Callable[[Workspace], None]
) -> None:
    at = open_page(imported, "label_issues")
    at.text_input(key="find-prefix").input("nothing_").run()
    at.button(key="find-start").click().run()
    wait_for_jobs(imported)
    at.run()
    assert not at.exception
    assert "nothing" in at.error[0].value


def test_each_decision_is_written_and_the_next_record_comes(
    open_page: OpenPage, found: Workspace
) -> None:
    at = open_page(found, "label_issues")
    to_review = int(_figures(at)["To review"])
    seen = []
    for name in ("relabel", "keep", "exclude", "unsure", "skip"):
        seen.append(at.session_state.review.item.record_key)
        _press(at, name)
    at.session_state.review.settle()
    assert len(set(seen)) == 5
    said = [(d.record_key, d.decision) for d in decisions(found, "support")]
    expected = zip(seen, ("relabel", "confirm", "exclude", "unsure"), strict=False)
    assert said == list(expected)
    assert _figures(at)["Decided"] == "4"
    assert _figures(at)["To review"] == str(to_review - 4)
    quality = at.session_state.review.quality()
    assert (quality.checked, quality.found, quality.unsure) == (3, 2, 1)
    assert _figures(at)["Right flags"] == f"{100 * quality.precision.value:.0f}%"


def test_the_counts_of_a_session_are_those_of_the_lake(
    open_page: OpenPage, found: Workspace
) -> None:
    at = open_page(found, "label_issues")
    for name in ("relabel", "keep", "unsure", "undo", "exclude"):
        _press(at, name)
    counted = _figures(at)
    fresh = open_page(found, "label_issues")
    for label in ("To review", "Decided", "Right flags", "Errors left (est.)"):
        assert _figures(fresh)[label] == counted[label]


def test_undo_brings_the_record_back(open_page: OpenPage, found: Workspace) -> None:
    at = open_page(found, "label_issues")
    first = at.session_state.review.item.record_key
    _press(at, "relabel")
    _press(at, "undo")
    assert at.session_state.review.item.record_key == first
    assert decisions(found, "support") == []
    assert [e.decision for e in events(found, "support")] == ["relabel", "revert"]


def test_undo_works_in_a_new_session(open_page: OpenPage, found: Workspace) -> None:
    at = open_page(found, "label_issues")
    _press(at, "keep")
    fresh = open_page(found, "label_issues")
    _press(fresh, "undo")
    assert decisions(found, "support") == []
    _press(fresh, "undo")


def test_another_label_is_chosen_by_digit_or_from_all(
    open_page: OpenPage, found: Workspace
) -> None:
    at = open_page(found, "label_issues")
    _press(at, "other")
    second = next(b.label for b in at.button if (b.key or "").startswith("choose-2-"))
    _press(at, "choose-2")
    _press(at, "other")
    position = at.session_state.review.position
    assert at.button(key=f"choose-done-{position}").disabled
    label = at.selectbox(key=f"choose-any-{position}").options[-1]
    at.selectbox(key=f"choose-any-{position}").select(label).run()
    _press(at, "choose-done")
    at.session_state.review.settle()
    values = [d.value for d in decisions(found, "support")]
    assert values == [second.replace("\\", ""), label]


def test_a_press_for_an_earlier_record_does_nothing(open_page: OpenPage, found: Workspace) -> None:
    at = open_page(found, "label_issues")
    review = at.session_state.review
    review.decide(review.position - 1, "exclude")
    review.settle()
    assert decisions(found, "support") == []
    review.decide(review.position, "exclude")
    assert review.undo(review.position - 1) is None
    review.settle()
    assert len(decisions(found, "support")) == 1


def test_a_record_drawn_at_random_does_not_say_what_the_model_thinks(
    open_page: OpenPage, found: Workspace
) -> None:
    at = open_page(found, "label_issues")
    for _ in range(6):
        _press(at, "keep")
    review = at.session_state.review
    assert review.item.is_drawn
    assert any("drawn at random" in markdown.value for markdown in at.markdown)
    keys = {button.key for button in at.button}
    assert f"keep-{review.position}" in keys
    assert f"relabel-{review.position}" not in keys
    assert at.get("plotly_chart") == []
    _press(at, "keep")
    assert not at.session_state.review.item.is_drawn
    assert f"relabel-{review.position}" in {button.key for button in at.button}


def test_it_is_said_when_to_stop(open_page: OpenPage, found: Workspace) -> None:
    at = open_page(found, "label_issues")

    def said() -> str:
        return next(c.value for c in at.caption if " left in " in c.value)

    assert any("once some records are decided" in c.value for c in at.caption)
    _press(at, "relabel")
    assert "once your pace is known" in said()
    for _ in range(3):
        _press(at, "relabel")
    assert "An hour finds fewer than 10 only near the end" in said()
    at.number_input(key="review-fewest").set_value(500).run()
    assert "Too early to stop on" in said()


def test_filters_narrow_the_queue(open_page: OpenPage, found: Workspace) -> None:
    at = open_page(found, "label_issues")
    flagged = int(_figures(at)["To review"])
    at.segmented_control(key="filter-show").set_value("all").run()
    assert int(_figures(at)["To review"]) == 640 > flagged
    at.selectbox(key="filter-class").select("warranty_claim").run()
    assert at.session_state.review.item.given_label == "warranty_claim"
    at.slider(key="filter-score").set_value(0.0).run()
    assert not at.exception


def test_the_end_of_the_queue_says_what_is_next(open_page: OpenPage, found: Workspace) -> None:
    at = open_page(found, "label_issues")
    at.slider(key="filter-score").set_value(0.0).run()
    review = at.session_state.review
    assert review.item is None
    assert at.button(key="end-balance").label == "Balance"
    at.slider(key="filter-score").set_value(1.0).run()
    at.selectbox(key="filter-class").select("warranty_claim").run()
    while at.session_state.review.item is not None:
        _press(at, "skip")
    at.button(key="end-others").click().run()
    assert not at.exception
    assert at.session_state.review.item.given_label == "warranty_claim"


def test_two_sessions_see_the_same_job(found: Workspace, open_page: OpenPage) -> None:
    open_page(found, "label_issues").button(key="find-start").click().run()
    other = open_page(found, "label_issues")
    jobs = [job for job in JOBS.of(str(found.path)) if job.key.kind == "find"]
    for job in jobs:
        job.wait(60)
    other.run()
    assert not other.exception


def test_a_class_that_is_a_digit_has_that_digit_as_its_key(
    open_page: OpenPage, workspace: Workspace
) -> None:
    """Whoever sees a 4 presses 4; no other class may answer to it."""
    import_table(
        workspace, digits(images=True), "digits", roles={"digit": "label"}, author="tester"
    )
    find_in_dataset(workspace, "digits")
    at = open_page(workspace, "label_issues")
    _press(at, "other")
    position = at.session_state.review.position
    choices = [at.button(key=f"choose-{number}-{position}") for number in range(1, 5)]
    assert [button.proto.shortcut for button in choices] == [button.label for button in choices]
