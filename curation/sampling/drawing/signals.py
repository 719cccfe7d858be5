"""What a rule must know of the rows beforehand: issues, what a model makes of them, clusters.

Each is a fact about a row among the rows at hand, computed anew from them, and the same whatever
the seed of the rule and the order of the rows. New rows may change it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from curation import sql
from curation.engines.base import Engine, Relation
from curation.errors import LabelError, UsageError
from curation.finders.base import Finder, Finding
from curation.finders.registry import finder_named, finders
from curation.finders.search import search
from curation.finders.split_leakage import SPLIT_NAMES
from curation.lake.records import KEY_COLUMN, ROW_COLUMN
from curation.lake.roles import ROLES, Roles
from curation.learn.arrays import Codes, Matrix, row_hashes
from curation.learn.clusters import clusters
from curation.learn.probabilities import OutOfSample
from curation.learn.shared import Shared
from curation.progress import Progress, no_progress, part
from curation.sampling.drawing.hardness import margin, uncertainty
from curation.sampling.drawing.learning_rows import points, roles_in, sorted_rows
from curation.sampling.rules.rule import Rule

ISSUE_COLUMN = "_curation_issue"
"""BOOLEAN: whether the rule's finder flags the row."""
ISSUE_SCORE_COLUMN = "_curation_issue_score"
"""DOUBLE: the finder's score, 0 to 1, 1 = clean or not looked at."""
UNCERTAINTY_COLUMN = "_curation_uncertainty"
"""DOUBLE: see `hardness.uncertainty`."""
MARGIN_COLUMN = "_curation_margin"
"""DOUBLE: see `hardness.margin`."""
CLUSTER_COLUMN = "_curation_cluster"
"""BIGINT: the row's cluster; 1 is the largest."""

_TYPES = {
    ISSUE_COLUMN: "BOOLEAN", ISSUE_SCORE_COLUMN: "DOUBLE", UNCERTAINTY_COLUMN: "DOUBLE",
    MARGIN_COLUMN: "DOUBLE", CLUSTER_COLUMN: "BIGINT",
}  # fmt: skip
_OF_NO_ROWS = frozenset({"constant", "identifier_leakage", "order"})
"""Finders that judge columns, or the data as a whole; the last scores places in the data."""
_MODEL = frozenset({UNCERTAINTY_COLUMN, MARGIN_COLUMN})


def needed_signals(rule: Rule) -> set[str]:
    """Return the columns that `with_signals` adds for a rule; none for one made of other rules."""
    needed = set()
    if rule.issue is not None:
        needed |= {ISSUE_COLUMN, ISSUE_SCORE_COLUMN}
    if rule.per_cluster or rule.clusters_of:
        needed.add(CLUSTER_COLUMN)
    if rule.uncertain_above is not None:
        needed.add(UNCERTAINTY_COLUMN)
    way = rule.candidates_by if rule.by == "diversity" else rule.by
    if way in ("uncertainty", "hard_and_rare"):
        needed.add(UNCERTAINTY_COLUMN)
    if way == "margin":
        needed.add(MARGIN_COLUMN)
    return needed


def with_signals(
    engine: Engine,
    relation: Relation,
    rule: Rule,
    roles: Roles,
    progress: Progress = no_progress,
) -> Relation:
    """Return the rows with the columns of `needed_signals` beside theirs.

    Rows without a label have an uncertainty and a margin too. Of no rows all are null.

    Args:
        engine: where the rows are.
        relation: rows with the internal columns of `curation.lake.records`.
        rule: what is to be drawn.
        roles: what each column is for.
        progress: told the fraction done; may raise `Cancelled`.

    Raises:
        UnknownNameError: the rule's issue is no finder's name.
        UsageError: the finder says nothing of rows; or a model is needed and no column has the role
            label, its labels cannot be learned, or no column has content.
        DataError: vectors of different lengths.
    """
    needed = needed_signals(rule)
    if not needed:
        return relation
    finder = None if rule.issue is None else _finder_of_rows(rule.issue)
    if needed & _MODEL and not roles_in(roles, relation, "label").columns:
        raise UsageError(
            f"{_asking_a_model(rule)} needs a model that learns the classes, and no column has the "
            "role label. Give it to a column, or draw by: uniform or diversity."
        )
    if not engine.values(f"SELECT count(*) FROM {relation.name}")[0]:
        return _joined(engine, relation, needed, None)
    progress(0.0, "Reading rows")
    shared, places = _shared(engine, relation, roles, everything=finder is not None)
    found: dict[str, pa.Array] = {ROW_COLUMN: places}
    if finder is not None:
        found |= _issue(shared, finder, part(progress, 0.1, 0.5))
    if needed & _MODEL:
        learned = _learned(shared, rule, part(progress, 0.5, 0.9))
        found |= _hardness(learned, needed)
    if CLUSTER_COLUMN in needed:
        space = points(shared, part(progress, 0.9, 0.95))
        progress(0.95, "Looking for clusters")
        found[CLUSTER_COLUMN] = pa.array(_cluster_of(space, shared.table.num_rows, rule.clusters))
    progress(1.0, "Rows are known")
    return _joined(engine, relation, needed, engine.put(pa.table(found)))


def cluster_numbers(engine: Engine, relation: Relation, keys: Sequence[str]) -> list[int]:
    """Return the clusters of some records: rising, each once.

    Args:
        engine: where the rows are.
        relation: what `with_signals` returned for a rule that looks at clusters.
        keys: record keys.

    Raises:
        UsageError: no row has one of these keys.
    """
    key, cluster = sql.identifier(KEY_COLUMN), sql.identifier(CLUSTER_COLUMN)
    wanted = ", ".join(sql.literal(one) for one in dict.fromkeys(keys))
    found = engine.table(
        f"SELECT DISTINCT {key} AS key, {cluster} AS cluster FROM {relation.name} "
        f"WHERE {key} IN ({wanted})"
    )
    known = set(found["key"].to_pylist())
    missing = [one for one in keys if one not in known]
    if missing:
        raise UsageError(_no_record(engine, relation, missing))
    return sorted(set(found["cluster"].to_pylist()))


def _finder_of_rows(name: str) -> Finder:
    finder = finder_named(name)
    if name in _OF_NO_ROWS:
        listed = ", ".join(one for one in finders() if one not in _OF_NO_ROWS)
        raise UsageError(
            f"issue: {name} judges columns or the data as a whole, and flags no rows that could be "
            f"drawn. Finders that tell of rows: {listed}."
        )
    return finder


def _asking_a_model(rule: Rule) -> str:
    """Name the field that needs probabilities."""
    if rule.by in ("uncertainty", "margin", "hard_and_rare"):
        return f"by: {rule.by}"
    if rule.by == "diversity" and rule.candidates_by != "uniform":
        return f"candidates_by: {rule.candidates_by}"
    return "uncertain_above"


def _shared(
    engine: Engine, relation: Relation, roles: Roles, *, everything: bool
) -> tuple[Shared, pa.ChunkedArray]:
    """Return the rows for models, or for finders, and the number of each in the relation."""
    wanted = [role for role in ROLES if role != "ignore"] if everything else [
        "label", "text", "feature", "embedding", "image", "group",
    ]  # fmt: skip
    known = roles_in(roles, relation, *wanted)
    # What no model may look at may still name the side of a split.
    sides = [c for c in relation.columns if everything and c.lower() in SPLIT_NAMES]
    rows = sorted_rows(engine, relation, [*known.columns, *sides, ROW_COLUMN])
    return Shared(rows.drop_columns(ROW_COLUMN), known), rows[ROW_COLUMN]


def _issue(shared: Shared, finder: Finder, progress: Progress) -> dict[str, pa.Array]:
    try:
        finding: Finding = search(shared, finder, progress)
    except LabelError as error:
        raise UsageError(
            f"issue: {finder.name} learns from labels, and cannot from these. {error}"
        ) from error
    size = shared.table.num_rows
    flagged, score = np.zeros(size, dtype=np.bool_), np.ones(size)
    place = finding.rows["row"].to_numpy()
    flagged[place] = finding.rows["is_issue"].to_numpy()
    score[place] = finding.rows["score"].to_numpy()
    return {ISSUE_COLUMN: pa.array(flagged), ISSUE_SCORE_COLUMN: pa.array(score)}


def _learned(shared: Shared, rule: Rule, progress: Progress) -> OutOfSample:
    try:
        return shared.probabilities(progress)
    except LabelError as error:
        raise UsageError(
            f"{_asking_a_model(rule)} needs a model that learns the classes, and it cannot from "
            f"these labels. {error}"
        ) from error


def _hardness(learned: OutOfSample, needed: set[str]) -> dict[str, pa.Array]:
    found = {}
    if UNCERTAINTY_COLUMN in needed:
        found[UNCERTAINTY_COLUMN] = pa.array(uncertainty(learned.probabilities))
    if MARGIN_COLUMN in needed:
        found[MARGIN_COLUMN] = pa.array(margin(learned.probabilities))
    return found


def _cluster_of(space: Matrix | None, size: int, count: int) -> Codes:
    """Return each row's cluster, from 1 for the largest; of equally large ones by their rows."""
    if space is None:
        return np.ones(size, dtype=np.int64)
    hashes = row_hashes(space)
    _, first, of_distinct = np.unique(hashes, return_index=True, return_inverse=True)
    # Copies would crowd out the other rows on which the means are found.
    has_copies = len(first) < size
    codes = clusters(space[first] if has_copies else space, min(count, len(first))).codes
    if has_copies:
        codes = codes[of_distinct]
    sizes = np.bincount(codes, minlength=count)
    smallest = np.full(count, np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(smallest, codes, hashes)
    number = np.empty(count, dtype=np.int64)
    number[np.lexsort((smallest, -sizes))] = np.arange(1, count + 1)
    numbered: Codes = number[codes]
    return numbered


def _joined(
    engine: Engine, relation: Relation, needed: set[str], found: Relation | None
) -> Relation:
    """Return the rows with signals; nulls where nothing was found, since there are no rows."""
    kept = [f"r.{sql.identifier(column)}" for column in relation.columns if column not in needed]
    names = [(sql.identifier(column), _TYPES[column]) for column in _TYPES if column in needed]
    if found is None:
        added = [f"CAST(NULL AS {kind}) AS {name}" for name, kind in names]
        return engine.select(f"SELECT {', '.join([*kept, *added])} FROM {relation.name} r")
    row = sql.identifier(ROW_COLUMN)
    columns = ", ".join([*kept, *(f"s.{name}" for name, _ in names)])
    return engine.select(
        f"SELECT {columns} FROM {relation.name} r JOIN {found.name} s ON s.{row} = r.{row}"
    )


def _no_record(engine: Engine, relation: Relation, missing: Sequence[str]) -> str:
    """Say that record keys are not there, and which one is nearest to the first."""
    key, wanted = sql.identifier(KEY_COLUMN), sql.literal(missing[0])
    nearest = engine.table(
        f"SELECT DISTINCT {key} AS key, levenshtein({key}, {wanted}) AS apart "
        f"FROM {relation.name} ORDER BY apart, key LIMIT 1"
    ).to_pylist()
    more = f" and {len(missing) - 1:,} more" if len(missing) > 1 else ""
    return (
        f"clusters_of: no row has the record key '{missing[0]}'{more}. "
        + (f"The nearest is '{nearest[0]['key']}'. " if nearest else "There are no rows. ")
        + "Give keys of rows that are in the data."
    )
