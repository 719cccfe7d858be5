"""Which label each row has now: the decision in force about it, else its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from curation import sql
from curation.lake.annotations import label_column
from curation.lake.datasets import Dataset, get_dataset, table_sql
from curation.lake.decisions import in_force_sql
from curation.lake.records import fingerprint_sql, key_sql, label_sql
from curation.lake.taxonomies import history
from curation.lake.translation import Reading, TaxonomyHistory
from curation.lake.workspace import Workspace

State = Literal["own", "decided", "queue", "excluded", "disputed", "none"]
"""``own``: nobody decided. ``decided``: somebody did. ``queue``: somebody did, and the label has no
certain reading under the version. ``disputed``: annotators are not at one. ``none``: no label."""


@dataclass(frozen=True)
class ClassRows:
    """How the rows of a dataset read under one version of its taxonomy; the counts add up to all.

    Attributes:
        version: of the taxonomy.
        classes: every class of the version, in its order, to its rows.
        waiting: rows whose class was split or retired, so that a person chooses.
        unknown: labels that are no class, nor came of one, to their rows.
        excluded: rows that a decision or a retired class leaves out.
        disputed: rows about which annotators are not at one.
        unlabelled: rows without a label.
    """

    version: int
    classes: dict[str, int]
    waiting: int
    unknown: dict[str, int]
    excluded: int
    disputed: int
    unlabelled: int


def class_rows(workspace: Workspace, dataset: str, version: int | None = None) -> ClassRows:
    """Count the rows of each class by their effective labels, read under a version.

    Args:
        workspace: where the dataset is.
        dataset: its name, at its newest snapshot.
        version: of its taxonomy; the one in force without one.

    Raises:
        UnknownNameError: no such dataset or version.
        UsageError: the dataset has no label column.
    """
    found = get_dataset(workspace, dataset)
    label = label_column(found)
    known = history(workspace, dataset, label)
    taxonomy = known.current if version is None else known.get(version)
    classes, unknown, others = Counter[str](), Counter[str](), Counter[str]()
    effective = effective_labels(workspace, found, label, known, version)
    for (state, said, name), rows in effective.items():
        reading = _reading(known, state, said, name, taxonomy.version)
        if reading is None:
            others[state] += rows
        elif reading.label is not None:
            classes[reading.label] += rows
        elif reading.reason == "unknown" and name is not None:
            unknown[name] += rows
        else:
            others[reading.status] += rows
    return ClassRows(
        taxonomy.version,
        {name: classes[name] for name in taxonomy.classes},
        waiting=others["queue"],
        unknown=dict(unknown.most_common()),
        excluded=others["excluded"],
        disputed=others["disputed"],
        unlabelled=others["none"],
    )


def effective_labels(
    workspace: Workspace,
    found: Dataset,
    label: str,
    known: TaxonomyHistory,
    version: int | None = None,
) -> dict[tuple[State, int, str | None], int]:
    """Count rows by what is said of their label.

    Args:
        workspace: where the dataset is.
        found: the dataset.
        label: its label column.
        known: the taxonomy of that column.
        version: which version decisions are read under; the one in force without one.

    Returns:
        State, taxonomy version and label to rows; what is decided has its label under ``version``.
    """
    decided = in_force_sql(workspace, found.name, label, taxonomy_version=version)
    own = sql.literal(found.taxonomy_version)
    target = sql.literal(known.current.version if version is None else version)
    with workspace.cursor() as cursor:
        rows = cursor.execute(
            f"""
            WITH decided AS (
                SELECT record_key, fingerprint,
                    CASE WHEN standing IN ('disputed', 'excluded') THEN standing
                        WHEN decision = 'exclude' THEN 'excluded'
                        WHEN standing = 'queue' THEN 'queue'
                        WHEN value_read IS NULL THEN 'none' ELSE 'decided' END AS state,
                    CASE WHEN standing = 'queue' THEN taxonomy_version ELSE {target} END AS version,
                    CASE WHEN standing = 'queue' THEN value ELSE value_read END AS label
                FROM ({decided}) WHERE decision <> 'unsure'),
            records AS (
                SELECT {key_sql(found.roles)} AS record_key,
                    {fingerprint_sql(found.roles)} AS fingerprint,
                    {label_sql(label, found.columns[label])} AS own_label
                FROM {table_sql(found.name, found.snapshot)}),
            effective AS (
                SELECT coalesce(state, CASE WHEN own_label IS NULL THEN 'none' ELSE 'own' END)
                        AS state,
                    coalesce(version, {own}) AS version,
                    CASE WHEN state IS NULL THEN own_label ELSE label END AS label
                FROM records LEFT JOIN decided USING (record_key, fingerprint))
            SELECT state, version, label, count(*) FROM effective
            GROUP BY ALL ORDER BY ALL"""
        ).fetchall()
    return {(state, said, name): count for state, said, name, count in rows}


def record_labels(
    effective: Mapping[tuple[State, int, str | None], int],
) -> dict[tuple[int, str], int]:
    """Return taxonomy version and label to the rows that have that label."""
    counts: Counter[tuple[int, str]] = Counter()
    for (state, version, name), rows in effective.items():
        if name is not None and state in ("own", "decided"):
            counts[version, name] += rows
    return dict(counts)


def newest_change(workspace: Workspace) -> int:
    """Return a number that grows with all that may change a label: the lake's newest snapshot."""
    with workspace.cursor() as cursor:
        row = cursor.execute("SELECT id FROM lake.current_snapshot()").fetchone()
    assert row is not None, "a lake always has a snapshot"
    return int(row[0])


def _reading(
    known: TaxonomyHistory, state: State, said: int, name: str | None, target: int
) -> Reading | None:
    """Return what a label means under a version; None where it is the state that counts."""
    if state in ("excluded", "disputed", "none") or name is None:
        return None
    return Reading((name,)) if state == "decided" else known.reading(name, said, target)
