"""The versions of a rule: who made them and why, how two differ, and who uses the rule."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from curation.lake.datasets import Dataset
from curation.progress import Progress
from curation.sampling.previews.compare import RuleComparison, compare_rules
from curation.sampling.rules.library import RuleVersion, difference
from curation.sampling.rules.rule import Rule
from curation.sampling.rules.rule_users import RuleUser
from curation.ui import charts, parts, state
from curation.ui.class_mix import mix
from curation.ui.errors import as_text
from curation.ui.numbers import share
from curation.ui.parts import Figure
from curation.ui.rule_draft import open_rule
from curation.ui.rule_words import title


def versions_view(dataset: Dataset, versions: Sequence[RuleVersion]) -> None:
    """Draw the versions, newest first, and the comparison of two of them."""
    newest_first = list(reversed(versions))
    in_force = next((v.version for v in newest_first if not v.is_taken_back), None)
    st.dataframe(
        {
            "version": [v.version for v in newest_first],
            "standing": [_standing(v, in_force) for v in newest_first],
            "when": [v.created_at for v in newest_first],
            "who": [v.author for v in newest_first],
            "why": [v.message for v in newest_first],
            "draws": [v.rule.describe() for v in newest_first],
        },
        hide_index=True,
        height="content" if len(versions) < 8 else 300,
        key="rule-versions",
        alt="Versions of the rule",
        column_config={
            "version": st.column_config.NumberColumn(width=70),
            "standing": st.column_config.TextColumn(width=100),
            "when": st.column_config.DatetimeColumn(
                "when (UTC)", format="YYYY-MM-DD HH:mm", width=120
            ),
            "why": st.column_config.TextColumn(width=240),
            "draws": st.column_config.TextColumn(width=320),
        },
    )
    if len(versions) < 2:
        st.caption("One version so far. Each change that is saved makes another; none is lost.")
        return
    _compare(dataset, newest_first)


def users_view(users: Sequence[RuleUser]) -> None:
    """Draw who uses the rule."""
    if not users:
        st.caption("Nobody uses it yet. A recipe and other rules can, by its name.")
        return
    st.table(
        {
            "Used by": [as_text(f"{user.kind} of {user.name}") if user.kind != "rule"
                        else as_text(f"rule {user.name}") for user in users],
            "In which version": [
                f"always version {user.pinned}" if user.pinned else "the one in force"
                for user in users
            ],
        },
        border="horizontal",
        hide_index=True,
    )  # fmt: skip


def _standing(version: RuleVersion, in_force: int | None) -> str:
    if version.version == in_force:
        return "in force"
    return "taken back" if version.is_taken_back else ""


def _compare(dataset: Dataset, versions: Sequence[RuleVersion]) -> None:
    numbers = [v.version for v in versions]
    by_number = {v.version: v for v in versions}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        old = _pick("Compare", numbers, 1, "rule-compare-old")
        new = _pick("with", numbers, 0, "rule-compare-new")
        st.button(
            f"Open version {old}", key="rule-open-version", type="tertiary", on_click=open_rule,
            args=(versions[0].name, old),
        )  # fmt: skip
    if old == new:
        st.caption("Choose two different versions.")
        return
    first, second = by_number[old].rule, by_number[new].rule
    lines = difference(first, second)
    if lines:
        st.markdown("  \n".join(as_text(_called(line)) for line in lines))
    if not lines:
        st.caption("They say the same.")
        return
    found = _compared(dataset, first, second)
    if found is not None:
        _comparison(found, f"version {old}", f"version {new}")


def _called(line: str) -> str:
    """Return ``field: before -> after`` with the field called as it is in the form."""
    field, _, change = line.partition(": ")
    return f"{title(field)}: {change.replace(' -> ', ' → ')}"


def _pick(label: str, numbers: Sequence[int], index: int, key: str) -> int:
    return st.selectbox(
        label, numbers, index=index, format_func="version {}".format, key=key, width=160,
        persist_state="session",
    )  # fmt: skip


def _compared(dataset: Dataset, first: Rule, second: Rule) -> RuleComparison | None:
    workspace = state.workspace()

    def work(progress: Progress) -> RuleComparison:
        return compare_rules(workspace, dataset.name, first, second, progress=progress)

    found = parts.result_of(
        state.job_key(dataset.name, "rule-compare"), work, title="Comparing",
        inputs=f"{dataset.snapshot} {first.sha256} {second.sha256}", panel="rule-compare-job",
    )  # fmt: skip
    return found if isinstance(found, RuleComparison) else None


def _comparison(found: RuleComparison, old: str, new: str) -> None:
    parts.figures(
        [
            Figure(
                f"{old.capitalize()} draws",
                f"{found.first:,}",
                f"{found.only_first:,} not in {new}",
            ),
            Figure(
                f"{new.capitalize()} draws",
                f"{found.second:,}",
                f"{found.only_second:,} not in {old}",
            ),
            Figure(
                "In common",
                f"{found.in_common:,}",
                f"{share(found.in_common, found.first)} of {old}",
            ),
        ],
        key="rule-compare",
    )
    if found.is_estimate:
        st.caption(
            f"Counted among {found.looked_at:,} of {found.of:,} rows, spread evenly over them."
        )
    if found.first_classes and found.second_classes:
        st.markdown(f"**Rows a class**, {old} → {new}")
        charts.draw(
            charts.class_bars(found.first_classes, found.second_classes, side_by_side=True),
            "rule-compare-chart",
            f"{old}, {mix(found.first_classes)}. {new}, {mix(found.second_classes)}.",
        )
