"""A preview of a rule as it looks: figures, a chart, what fell short, and drawn rows."""

from __future__ import annotations

import streamlit as st

from curation.lake.datasets import Dataset
from curation.sampling.previews.preview import Preview
from curation.sampling.rules.rule import Rule
from curation.ui import charts, parts
from curation.ui.class_mix import mix
from curation.ui.errors import as_text
from curation.ui.numbers import count, share
from curation.ui.parts import Figure
from curation.ui.rule_rows import drawn_rows

_MOST_SHORT = 5


def drawn_figures(dataset: Dataset, rule: Rule, found: Preview) -> None:
    """Draw how many rows may be drawn, how many are, and how many are lacking."""
    kept = f", {found.kept:,} always kept" if found.kept else ""
    figures = [
        Figure(
            "May be drawn",
            _counted(found, "population", found.population),
            f"{share(found.population, dataset.rows)} of {count(dataset.rows, 'row')}",
        ),
        Figure(
            "Drawn",
            _counted(found, "drawn", found.drawn),
            f"{share(found.drawn, dataset.rows)} of all rows{kept}",
        ),
    ]
    if found.strata_count > 1:
        strata = "Rules" if rule.is_combined else "Strata"
        figures.append(Figure(strata, f"{found.strata_count:,}"))
    if found.shortfall:
        figures.append(
            Figure("Lacking", _counted(found, "shortfall", found.shortfall), "fewer than asked")
        )
    parts.figures(figures, key="rule")


def _counted(found: Preview, figure: str, number: int) -> str:
    return f"about {number:,}" if figure in found.estimates else f"{number:,}"


def mix_view(dataset: Dataset, rule: Rule, found: Preview) -> None:
    """Draw the classes or strata before and after, and what fell short."""
    _chart(dataset, rule, found)
    _short(found)
    for note in found.notes:
        st.caption(as_text(note))


def rows_view(dataset: Dataset, found: Preview) -> None:
    """Draw some of the drawn rows."""
    rows = found.examples
    if not rows.num_rows:
        st.markdown("Nothing is drawn: no row may be drawn, or none is asked for.")
        return
    st.subheader("Drawn rows", anchor=False)
    some = f"{rows.num_rows:,} of {found.drawn:,}" if rows.num_rows < found.drawn else "All"
    st.caption(f"{some}, with why each was drawn and how likely that was.")
    drawn_rows(rows, dataset.roles)


def _chart(dataset: Dataset, rule: Rule, found: Preview) -> None:
    """Draw strata or classes; where they are different things, a person chooses."""
    views = {}
    if found.classes_before:
        views[dataset.roles.label or "class"] = (found.classes_before, found.classes_after)
    if found.strata_count > 1 and rule.per != (dataset.roles.label,):
        views["rule" if rule.is_combined else "stratum"] = (
            {one.name: one.rows for one in found.strata},
            {one.name: one.drawn for one in found.strata},
        )
    if not views:
        return
    chosen = next(iter(views))
    if len(views) == 2:
        chosen = st.segmented_control(
            "Rows of each",
            list(views),
            default=chosen,
            required=True,
            key="rule-chart-of",
            label_visibility="collapsed",
            format_func=lambda name: name if len(name) < 30 else f"{name[:29]}…",
            persist_state="session",
        )
    before, after = views.get(chosen) or next(iter(views.values()))
    st.markdown(f"**Rows of each {as_text(chosen)}**, may be drawn → drawn")
    charts.draw(
        charts.class_bars(before, after),
        "rule-chart",
        f"May be drawn, {mix(before)}. Drawn, {mix(after)}.",
    )


def _short(found: Preview) -> None:
    """Name what fell short of what was asked."""
    if not found.shortfall:
        return
    short = [one for one in found.strata if one.shortfall]
    named = [
        f"{one.name or 'all rows'} has {one.drawn:,} of {one.asked:,}"
        for one in short[:_MOST_SHORT]
    ]
    more = f", and {len(short) - _MOST_SHORT:,} more" if len(short) > _MOST_SHORT else ""
    lacking = count(found.shortfall, "row")
    st.warning(as_text(f"{lacking} fewer than asked: {', '.join(named)}{more}."))
