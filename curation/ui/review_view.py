"""The review: figures, filters, the record, its probabilities, and decisions with their keys."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import streamlit as st

from curation.errors import CurationError
from curation.lake.roles import Roles
from curation.privacy.gate import OTHERS, ReviewItem
from curation.ui import charts, parts
from curation.ui.errors import as_text, show_error
from curation.ui.numbers import count
from curation.ui.record_card import record_card, why
from curation.ui.review import Filters, Review
from curation.ui.review_figures import review_figures, stop_line

_ANY = "Any class"
_CLASS = "filter-class"
_FEWEST = "review-fewest"
_SHOW = "filter-show"
_PICTURE = {
    "disputed": "**Share of the annotators**",
    "reclassify": "**Probability**, from those already decided",
}
ButtonType = Literal["primary", "secondary", "tertiary"]


def review_view(review: Review, roles: Roles) -> None:
    """Draw the review; a key press redraws only it."""
    _review(review, roles)
    _watch(review)


@st.fragment(run_every=3)
def _watch(review: Review) -> None:
    if review.refused:
        st.rerun()


@st.fragment
def _review(review: Review, roles: Roles) -> None:
    review.settle(wait=False)
    if review.problem is not None:
        show_error(review.problem)
        review.problem = None
    top = st.container(key="review-top")
    _filters(review)
    item = review.item
    if item is None:
        _end(review)
    else:
        _record(review, item, roles)
    with top:
        parts.figures(review_figures(review), key="review", width=150)
        st.caption(stop_line(review))
    review.refill()


def _record(review: Review, item: ReviewItem, roles: Roles) -> None:
    left, right = st.columns([3, 2], gap="medium")
    with right:
        picture = st.container(key="review-picture")
        # The buttons go out before the record: whoever sees a record can press for it.
        _choices(review, item) if review.choosing else _decisions(review, item)
    reason = why(item, review.finding.finder)
    with left:
        record_card(item, roles)
        st.markdown(reason)
    if not item.is_drawn and len(set(item.probabilities.values())) > 1:
        with picture:
            st.markdown(_PICTURE.get(review.finding.finder, "**Out-of-sample probability**"))
            chart = charts.probabilities(
                item.probabilities, given=item.given_label, suggested=item.suggested_label
            )
            charts.draw(chart, "probabilities", reason)


def _filters(review: Review) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="review-filters"):
        classes = [_ANY, *review.finding.classes]
        if st.session_state.get(_CLASS) not in classes:  # a class of another dataset
            st.session_state[_CLASS] = _ANY
        label = st.selectbox(
            "Given label",
            classes,
            key=_CLASS,
            label_visibility="collapsed",
            width=250,
            persist_state="session",
        )
        show = st.segmented_control(
            "Records",
            ["flagged", "all"],
            format_func=str.capitalize,
            default="flagged",
            required=True,
            key=_SHOW,
            label_visibility="collapsed",
            persist_state="session",
        )
        quality = review.filters.max_quality
        with st.popover(
            "Any score" if quality >= 1 else f"Score up to {quality:.2f}", key="filter-score-open"
        ):
            quality = st.slider(
                "Label quality at most",
                0.0,
                1.0,
                1.0,
                0.05,
                key="filter-score",
                help="0 is surely wrong, 1 is clean",
                persist_state="session",
            )
        if review.is_about_errors:
            _fewest(review)
    review.look_at(
        Filters(
            "all" if show == "all" else "flagged",
            None if label == _ANY else str(label),
            float(quality),
        )
    )


def _fewest(review: Review) -> None:
    now = st.session_state.get(_FEWEST, review.fewest)
    with st.popover(f"Stop below {now} an hour", key="review-fewest-open"):
        review.fewest = st.number_input(
            "An hour has to find at least this many errors",
            min_value=1,
            value=review.fewest,
            key=_FEWEST,
            persist_state="session",
        )


def _decisions(review: Review, item: ReviewItem) -> None:
    at, decide = review.position, partial(review.decide, review.position)
    # What a model thinks of a record that is drawn to measure the queue must not sway the person.
    suggested = item.suggested_label
    agrees = suggested == item.given_label and not item.is_drawn
    if suggested is None and not item.is_drawn:
        _likely(review, item)
    elif suggested is not None and not agrees and not item.is_drawn:
        label = f"Relabel to **{as_text(suggested)}**"
        then = partial(decide, "relabel", suggested)
        _button(label, "A", f"relabel-{at}", then, type="primary", icon="check")
    with st.container(horizontal=True, gap="small"):
        kind: ButtonType = "primary" if agrees else "secondary"
        if item.can_keep:
            _button("Keep given", "K", f"keep-{at}", partial(decide, "confirm"), type=kind)
        _button("Other label…", "O", f"other-{at}", partial(_choose, review, at, True))
    with st.container(horizontal=True, gap="small"):
        _button("Exclude", "X", f"exclude-{at}", partial(decide, "exclude"))
        _button("Unsure", "U", f"unsure-{at}", partial(decide, "unsure"))
    with st.container(horizontal=True, gap="small"):
        _button("Skip", "S", f"skip-{at}", partial(review.skip, at), type="tertiary")
        _button(
            "Undo",
            "Z",
            f"undo-{at}",
            partial(_undo, review, review.position),
            type="tertiary",
            icon="undo",
        )
        again = partial(_redo, review, review.position)
        _button("Redo", "Shift+Z", f"redo-{at}", again, type="tertiary", icon="redo")


def _likely(review: Review, item: ReviewItem) -> None:
    """Draw the likely labels with a key each."""
    at, relabel = review.position, partial(review.decide, review.position, "relabel")
    likely = [name for name in item.probabilities if name not in (OTHERS, item.given_label)]
    # Where a class is a digit, its key is that digit: "4" must never choose another class.
    digits = any(name.isdigit() and len(name) == 1 for name in review.classes)
    for number, name in enumerate(likely[:5], start=1):
        own = name if name.isdigit() and len(name) == 1 else None
        shortcut = own if digits else str(number)
        _button(as_text(name), shortcut, f"choose-{number}-{at}", partial(relabel, name))


def _choices(review: Review, item: ReviewItem) -> None:
    """Draw the likely labels with a key each, and all of them in a box."""
    at, relabel = review.position, partial(review.decide, review.position, "relabel")
    st.markdown("**Which label is right?**")
    _likely(review, item)
    others = [name for name in review.classes if name != item.given_label]
    picked = st.selectbox(
        "Any label",
        others,
        index=None,
        placeholder="Any label",
        key=f"choose-any-{at}",
        label_visibility="collapsed",
    )
    with st.container(horizontal=True, gap="small"):
        st.button(
            f"Relabel to **{as_text(picked)}**" if picked else "Relabel",
            key=f"choose-done-{at}",
            type="primary",
            width="stretch",
            disabled=picked is None,
            on_click=partial(relabel, picked),
        )
        back = partial(_choose, review, at, False)
        _button("Back", "Esc", f"choose-back-{at}", back, type="tertiary")


def _end(review: Review) -> None:
    what = "flagged record" if review.filters.show == "flagged" else "record"
    skipped = len(review.skipped)
    left = f" {count(skipped, 'record')} skipped in this session." if skipped else ""
    with st.container(border=True, key="review-end"):
        st.subheader("Nothing left to review here", anchor=False)
        narrowed = review.filters != Filters(review.filters.show)
        where = " under this filter" if narrowed else ""
        st.markdown(
            f"Every {what}{where} has a decision.{left} The decisions are in the recipe already; "
            "see next whether the classes are in balance."
        )
        with st.container(horizontal=True):
            if st.button("Balance", key="end-balance", type="primary", icon=":material/balance:"):
                st.switch_page("pages/balance.py")
            if review.is_about_errors and review.filters.show == "flagged":
                st.button("Go on with the others", key="end-others", on_click=_show_all)
            if skipped:
                st.button(
                    f"Look at the {skipped} skipped", key="end-unskip", on_click=review.unskip
                )
            undone = partial(_undo, review, review.position)
            _button("Undo", "Z", f"undo-{review.position}", undone, type="tertiary", icon="undo")


def _button(
    label: str,
    shortcut: str | None,
    key: str,
    then: Callable[..., None],
    *,
    type: ButtonType = "secondary",  # noqa: A002 - as Streamlit calls it
    icon: str | None = None,
) -> None:
    st.button(
        label,
        key=key,
        shortcut=shortcut,
        type=type,
        icon=f":material/{icon}:" if icon else None,
        width="stretch",
        wrap=True,
        on_click=then,
    )


def _undo(review: Review, at: int) -> None:
    try:
        if review.undo(at) is False:
            st.toast("There is no decision of yours to take back.")
    except CurationError as error:
        review.problem = error


def _redo(review: Review, at: int) -> None:
    try:
        if review.redo(at) is False:
            st.toast("There is no decision of yours to bring back.")
    except CurationError as error:
        review.problem = error


def _show_all() -> None:
    st.session_state[_SHOW] = "all"


def _choose(review: Review, at: int, now: bool) -> None:
    if at == review.position:
        review.choosing = now
