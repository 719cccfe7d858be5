"""A rule in words: what it draws, and what in it does not fit together."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from curation.sampling.rules.rule import RuleFields

_AMOUNTS = ("n", "fraction", "rows", "minutes", "quota")


def described(rule: RuleFields) -> str:
    """Say in a few words what a rule draws, for example: 100 rows per intent, newer ones first."""
    if rule.combine is not None:
        names = [part if isinstance(part, str) else part.name or "a rule" for part in rule.parts]
        joined = {"union": " or ", "except": " but not ", "priority": ", then "}[rule.combine]
        return joined.join(names) + (f", at most {rule.rows:,} rows" if rule.rows else "")
    per = [*rule.per, *(["cluster"] if rule.per_cluster else [])]
    text = _amount(rule) + (f" per {', '.join(per)}" if per and rule.amount != "quota" else "")
    population = _population(rule)
    text += f" where {population}" if population else ""
    way = _way(rule)
    text += f", {way}" if way else ""
    return text + (", some always kept" if rule.keep or rule.keep_keys else "")


def mistake(rule: RuleFields) -> str:
    """Say what in a rule does not fit together and what to do; empty where all does."""
    return _combined_mistake(rule) if rule.combine or rule.parts else _plain_mistake(rule)


def _amount(rule: RuleFields) -> str:
    if rule.n is not None:
        text = f"{rule.n:,} rows"
    elif rule.fraction is not None:
        text = f"{100 * rule.fraction:.4g}% of the rows"
    elif rule.rows is not None:
        text = f"{rule.rows:,} rows in all"
    elif rule.minutes is not None:
        text = f"{rule.minutes:,.4g} minutes of rows"
    elif rule.quota:
        text = f"{sum(rule.quota.values()):,} rows by quota"
    else:
        text = "no rows"
    return text + (f", at least {rule.minimum:,}" if rule.minimum else "")


def _population(rule: RuleFields) -> str:
    said = [rule.where] if rule.where else []
    if rule.classes:
        said.append(f"class is {' or '.join(rule.classes)}")
    if rule.issue:
        below = f" below {rule.issue_below:g}" if rule.issue_below is not None else ""
        said.append(f"{rule.issue}{below}")
    if rule.uncertain_above is not None:
        said.append(f"uncertainty above {rule.uncertain_above:g}")
    if rule.clusters_of:
        said.append(f"in the cluster of {' or '.join(rule.clusters_of)}")
    return " and ".join(said)


def _way(rule: RuleFields) -> str:
    return {
        "uniform": "cheap rows first" if rule.cost else "",
        "weighted": f"weighted by {rule.weight}",
        "recency": f"half the weight every {rule.half_life or 0:g} days",
        "hard_and_rare": "hard and rare rows first",
        "uncertainty": "most uncertain first",
        "margin": "closest between two classes first",
        "diversity": "diverse rows",
    }[rule.by]


def _combined_mistake(rule: RuleFields) -> str:
    if rule.combine is None:
        return "parts need combine: union, except or priority"
    if len(rule.parts) < 2:
        return f"combine: {rule.combine} needs two rules or more in parts"
    allowed = {"combine", "parts", "rows", "keep", "keep_keys"}
    for name in type(rule).model_fields:
        if name in allowed or name in ("seed", "name", "id", "step", "rule"):
            continue
        if getattr(rule, name) != type(rule).model_fields[name].get_default(
            call_default_factory=True
        ):
            return f"a rule made of others takes rows (at most), keep and keep_keys, not {name}"
    if rule.combine == "priority" and rule.rows is None:
        return "combine: priority needs rows, the most that is drawn in all"
    return ""


def _plain_mistake(rule: RuleFields) -> str:
    given = [n for n in _AMOUNTS if getattr(rule, n) not in (None, {})]
    if len(given) != 1:
        got = f"got {' and '.join(given)}" if given else "got none"
        return f"give one amount ({', '.join(_AMOUNTS)}), {got}"
    has_strata = bool(rule.per) or rule.per_cluster
    needs: list[tuple[bool, str]] = [
        (rule.by == "weighted" and rule.weight is None, "by: weighted needs weight"),
        (rule.weight is not None and rule.by != "weighted", "weight needs by: weighted"),
        (rule.by == "recency" and rule.half_life is None, "by: recency needs half_life, in days"),
        (rule.half_life is not None and rule.by != "recency", "half_life needs by: recency"),
        (rule.timestamp is not None and rule.by != "recency", "timestamp needs by: recency"),
        (rule.per_cluster and bool(rule.per), "give either per or per_cluster, and not both"),
        (bool(rule.quota) and not has_strata, "quota needs per"),
        (rule.minimum is not None and not has_strata, "minimum needs per or per_cluster"),
        (rule.fill and not has_strata, "fill needs per or per_cluster"),
        (rule.fill and rule.amount not in ("n", "quota"), "fill needs n or quota"),
        (
            rule.minutes is not None and (rule.seconds_per_row is None) == (rule.cost is None),
            "minutes needs seconds_per_row or cost, and not both",
        ),
        (
            rule.seconds_per_row is not None and rule.minutes is None,
            "seconds_per_row needs minutes",
        ),
        (rule.cost is not None and rule.minutes is None, "cost needs minutes"),
        (
            rule.cost is not None and has_strata,
            "cost takes rows until the minutes are spent, and cannot be shared among strata: "
            "leave per out, or give seconds_per_row in its place",
        ),
        (
            rule.cost is not None and rule.by not in ("uniform", "weighted"),
            "cost needs by: uniform or by: weighted",
        ),
        (rule.issue_below is not None and rule.issue is None, "issue_below needs issue"),
    ]
    return next((text for holds, text in needs if holds), "")
