"""What the options of balancing do: in sentences, as a chart, and in figures."""

from __future__ import annotations

from typing import Final

import streamlit as st

from curation.lake.datasets import Dataset
from curation.recipe.model import Recipe
from curation.sampling.balance.balance_effect import Effect, ModelEffect, OptionEffect
from curation.sampling.balance.effect_figures import METRICS
from curation.sampling.balance.effect_intervals import Difference
from curation.sampling.balance.effect_sentences import sentences, signed
from curation.ui import charts, parts
from curation.ui.balance_chart import difference_dots
from curation.ui.balance_measure import Measured, job_key, measured_data, start_measuring
from curation.ui.errors import as_text
from curation.ui.jobs import JOBS
from curation.ui.numbers import count

_SHOWN: Final = ("log_loss", "auroc", "small_recall", "large_recall", "balanced_accuracy")
"""The figures that the chart offers first."""
_MOST_PRIORS: Final = 50


def effect_section(dataset: Dataset, recipe: Recipe, place: int, rows: int) -> None:
    """Draw the button that measures the options, how far it is, and what was found.

    Args:
        dataset: the data.
        recipe: with the step of the form at ``place``.
        place: which step, from 0.
        rows: rows before that step.
    """
    st.subheader("Does it help?", anchor=False)
    job = JOBS.get(job_key(dataset))
    measured = job.result if job is not None and job.state == "done" else None
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(
            "Measure again" if measured else "Measure the options",
            key="balance-measure",
            icon=":material/science:",
            disabled=job is not None and job.running,
        ):
            start_measuring(dataset, recipe, place, rows)
            st.rerun()
        if not isinstance(measured, Measured):
            st.caption(
                "A quick model is cross-validated with each option and without: does it rank "
                "better, can its probabilities be believed, which classes does it find?"
            )
    if not isinstance(measured, Measured):
        parts.started(job_key(dataset), "balance-effect-job")
        return
    assert job is not None
    if not job.inputs.startswith(measured_data(dataset, recipe, place)):
        st.warning("The rows before this step have changed since. Measure again.")
    elif measured.step != recipe.steps[place]:
        st.caption("The form has changed since; its own option is measured when you measure again.")
    _effect(measured.effect)


def _effect(effect: Effect) -> None:
    model = effect.models[0]
    if len(effect.models) > 1:
        titles = {one.model: one for one in effect.models}
        chosen = st.segmented_control(
            "Model", list(titles), default=model.model, key="balance-model", required=True
        )
        model = titles[chosen]
    told = sentences(model)
    st.markdown(f"**{as_text(told[0])}**")
    left, right = st.columns([1, 1], gap="medium")
    with left:
        st.markdown("\n".join(f"- {_marked(text, model)}" for text in told[1:]))
    if len(told) > 1:
        with right:
            _chart(model)
        _table(model)
        _priors(effect, model)
    st.caption(as_text(_how(effect, model)))


def _marked(text: str, model: ModelEffect) -> str:
    """Return a text as Markdown, with the name of the option that it begins with in bold."""
    for one in model.options:
        if text.startswith(one.option.title):
            return f"**{as_text(one.option.title)}**{as_text(text[len(one.option.title) :])}"
    return as_text(text)


def _chart(model: ModelEffect) -> None:
    metric = st.selectbox(
        "Difference to the rows as they are",
        _SHOWN,
        format_func=lambda name: METRICS[name].title,
        key="balance-metric",
    )
    corrects = metric in ("log_loss", "calibration_error")
    figure = difference_dots(model, metric, corrected=corrects)
    words = "; ".join(
        f"{one.option.title} {_text(one.differences[metric])}" for one in model.options[1:]
    )
    charts.draw(figure, "balance-effect-chart", f"{METRICS[metric].title}: {words}.")
    hollow = " Hollow: after the prior correction." if corrects else ""
    st.caption(f"{METRICS[metric].help} Lines are 95% intervals.{hollow}")


def _table(model: ModelEffect) -> None:
    base, rest = model.options[0], model.options[1:]
    lines = {"Option": [base.option.title, *(one.option.title for one in rest)]}
    for metric, about in METRICS.items():
        lines[about.title] = [
            f"{base.figures[metric]:.3f}",
            *(_text(one.differences[metric]) for one in rest),
        ]
    lines["Log loss, corrected"] = [
        "",
        *(_text(one.corrected_differences["log_loss"]) if one.corrected else "" for one in rest),
    ]
    with st.expander("All figures"):
        st.dataframe(lines, hide_index=True, key="balance-effect-table")
        st.caption("First the rows as they are, then differences to them with 95% intervals.")


def _priors(effect: Effect, model: ModelEffect) -> None:
    """Say how the probabilities of a rebalanced model are put right."""
    offered = {one.option.title: one for one in model.options if one.corrected}
    if not offered:
        return
    with st.expander("Prior correction: put the probabilities right"):
        st.markdown(
            "A model of rebalanced rows takes classes to be as frequent as it saw them. Multiply "
            "its probabilities by true share / trained share, and scale each row to 1."
        )
        title = st.selectbox("Option", list(offered), key="balance-priors")
        one: OptionEffect = offered[title]
        names = sorted(effect.shares, key=lambda name: -effect.shares[name])
        table = {
            "Class": names,
            "True share": [effect.shares[name] for name in names],
            "Trained share": [one.shares[name] for name in names],
            "Factor": [_factor(effect.shares[name], one.shares[name]) for name in names],
        }
        st.dataframe(
            table, hide_index=True, key="balance-priors-table",
            column_config={
                name: st.column_config.NumberColumn(name, format="%.4f")
                for name in ("True share", "Trained share", "Factor")
            },
        )  # fmt: skip
        st.code(_code(effect, one), language="python")


def _factor(true: float, trained: float) -> float | None:
    return true / trained if trained else None


def _code(effect: Effect, one: OptionEffect) -> str:
    names = list(effect.shares)[:_MOST_PRIORS]
    more = "  # and so on" if len(effect.shares) > _MOST_PRIORS else ""
    true = ", ".join(f"{effect.shares[name]:.6f}" for name in names)
    sampled = ", ".join(f"{one.shares[name]:.6f}" for name in names)
    return (
        "from curation.sampling.balance.prior_correction import class_shares, correct_priors\n\n"
        f"# in this order: {', '.join(names)}{more}\n"
        f"sampled = class_shares([{sampled}])\n"
        f"true = class_shares([{true}])\n"
        "probabilities = correct_priors(model.predict_proba(rows), sampled, true)"
    )


def _how(effect: Effect, model: ModelEffect) -> str:
    notes = " ".join(effect.notes)
    return (
        f"{model.model[:1].upper()}{model.model[1:]} on {count(effect.rows, 'row')}, "
        f"{model.folds} train and test sides; only the training side is rebalanced, and copies "
        "stay on one side. Intervals: corrected resampled t-test (Nadeau and Bengio 2003). A "
        f"condition of the step is not looked at. {notes}"
    ).strip()


def _text(difference: Difference) -> str:
    found = difference.interval()
    if found == (0.0, 0.0):
        return "as it is"
    value = signed(difference.value, 3)
    if found is None:
        return value
    return f"{value} ({signed(found[0], 3)} to {signed(found[1], 3)})"
