"""The form of a sampling rule: who may be drawn, how, how many, and what is always kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import streamlit as st

from curation.lake.datasets import Dataset
from curation.ui.rule_amount_form import Way, amount_fields
from curation.ui.rule_fields import FormFields
from curation.ui.rule_population_form import population_fields
from curation.ui.rule_words import COMBINES, STRATA, WAYS

_MADE_OF: Final = {"rows": "rows of the dataset", "rules": "other rules"}


def rule_form(
    dataset: Dataset,
    start: Mapping[str, Any],
    key: str,
    others: Sequence[str],
    *,
    with_seed: bool = True,
) -> tuple[dict[str, Any], list[str]]:
    """Draw the fields that matter for what is chosen.

    Args:
        dataset: whose columns and classes are offered.
        start: what the widgets show first, as fields of a rule.
        key: start of the widgets' keys, which are ``{key}-{field}``.
        others: rules that this one may be made of, by name.
        with_seed: a step draws with the seed of its recipe and has none of its own.

    Returns:
        The fields of the rule, and what is still to be filled in, in words.
    """
    fields = FormFields(key, start)
    made_of = "rules" if start.get("combine") else "rows"
    if others or made_of == "rules":
        made_of = fields.switched("made-of", "Draws from", _MADE_OF, made_of)
    if made_of == "rules":
        return _combined(fields, others, with_seed)
    return _plain(fields, dataset, with_seed)


def _plain(
    fields: FormFields, dataset: Dataset, with_seed: bool
) -> tuple[dict[str, Any], list[str]]:
    values, missing = population_fields(fields, dataset)
    by, way, lacks = _way(fields, dataset)
    has_clusters = bool(way.get("per_cluster"))
    per = way.get("per", ())
    amount, also = amount_fields(fields, dataset, Way(by, per, bool(per) or has_clusters))
    values |= way | amount | _kept(fields) | _seldom(fields, by, has_clusters, with_seed)
    return values, [*missing, *lacks, *also]


def _way(fields: FormFields, dataset: Dataset) -> tuple[str, dict[str, Any], list[str]]:
    """Draw how rows are drawn and from what strata; return the way, the fields, what is missing."""
    columns, missing = list(dataset.columns), list[str]()
    by = fields.chosen("by", "How", WAYS, str(fields.start.get("by", "uniform")))
    values: dict[str, Any] = {} if by == "uniform" else {"by": by}
    if by == "weighted":
        values |= fields.text("weight", "a column or an expression")
        missing += [] if "weight" in values else ["the weight"]
    elif by == "recency":
        values |= fields.number("half_life", 30.0)
        missing += [] if "half_life" in values else ["the half-life"]
        if len(dataset.roles.having("timestamp")) != 1 or fields.start.get("timestamp"):
            values |= fields.one("timestamp", columns)
    elif by == "hard_and_rare":
        values |= fields.number("hard", 0.5, step=0.1)
    start = "columns" if fields.start.get("per") else "none"
    if fields.start.get("per_cluster"):
        start = "clusters"
    strata = fields.switched("strata", "Strata", STRATA, start)
    if strata == "columns":
        values |= fields.several("per", columns, "Choose columns")
        missing += [] if "per" in values else ["a column that makes the strata"]
    elif strata == "clusters":
        values["per_cluster"] = True
    return by, values, missing


def _kept(fields: FormFields) -> dict[str, Any]:
    start = fields.start
    with st.expander("Always keep", expanded=bool(start.get("keep") or start.get("keep_keys"))):
        values = fields.text("keep", "a condition over the columns")
        return values | fields.several(
            "keep_keys", (), "Type a record key and press Enter", new=True
        )


def _seldom(fields: FormFields, by: str, has_clusters: bool, with_seed: bool) -> dict[str, Any]:
    """Draw what is rarely changed: seed, and sizes of what is computed."""
    has_sizes = by == "diversity" or has_clusters
    said = [*(["seed"] if with_seed else []), *(["sizes"] if has_sizes else [])]
    if not said:
        return {}
    with st.expander(" and ".join(said).capitalize()):
        values = fields.whole("seed", 0) if with_seed else {}
        if has_clusters or fields.start.get("clusters"):
            values |= fields.whole("clusters", 20)
        if by == "diversity":
            values |= fields.whole("candidates", 10_000)
            values |= fields.one(
                "candidates_by",
                {"uniform": WAYS["uniform"], "uncertainty": WAYS["uncertainty"],
                 "margin": WAYS["margin"]},
            )  # fmt: skip
    return values


def _combined(
    fields: FormFields, others: Sequence[str], with_seed: bool
) -> tuple[dict[str, Any], list[str]]:
    start = str(fields.start.get("combine", "union"))
    values: dict[str, Any] = {"combine": fields.chosen("combine", "Take", COMBINES, start)}
    inline = [part for part in fields.start.get("parts", ()) if not isinstance(part, str)]
    if inline:
        st.caption("Some of its rules are written inside it. Edit them as YAML.")
        values["parts"] = list(fields.start["parts"])
    else:
        values |= fields.several("parts", others, "Choose two or more, in their order", new=True)
    is_needed = values["combine"] == "priority"
    values |= fields.whole("rows", label="Rows in all" if is_needed else "At most (optional)")
    missing = [] if len(values.get("parts", ())) > 1 else ["two rules"]
    if is_needed and "rows" not in values:
        missing.append("the rows in all")
    return values | _kept(fields) | _seldom(fields, "", False, with_seed), missing
