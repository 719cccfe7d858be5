"""Diverse rows: each one as far as can be from those before it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from curation import sql
from curation.engines.base import Engine, Relation
from curation.lake.records import FINGERPRINT_COLUMN, KEY_COLUMN, ROW_COLUMN
from curation.lake.roles import Roles
from curation.learn.arrays import Codes, Matrix
from curation.learn.shared import Shared
from curation.learn.threads import single_threaded_blas
from curation.progress import Progress, no_progress, part
from curation.sampling.drawing.columns import RANK_COLUMN, data_columns
from curation.sampling.drawing.hashing import stratum_unit_sql
from curation.sampling.drawing.learning_rows import points, roles_in
from curation.sampling.drawing.signals import MARGIN_COLUMN, UNCERTAINTY_COLUMN
from curation.sampling.rules.rule import Rule

_PLACE_COLUMN, _STRATUM_COLUMN = "_curation_place", "_curation_stratum"
_PLACE, _STRATUM = sql.identifier(_PLACE_COLUMN), sql.identifier(_STRATUM_COLUMN)
_DIGITS = 5
"""Copies are 0 apart but for rounding, which must not order them."""
_TOLD_EVERY = 64


def diverse_order(
    engine: Engine,
    population: Relation,
    rule: Rule,
    roles: Roles,
    salt: str,
    *,
    strata: Sequence[str] = (),
    most: int | None = None,
    progress: Progress = no_progress,
) -> Relation:
    """Return in which order diverse rows are taken: `ROW_COLUMN`, and `RANK_COLUMN` from 1.

    The candidates are the first `rule.candidates` rows by chance, or those about which the model is
    least certain; the first of them is taken first, then always the one that is farthest from all
    taken before (see `farthest_first`). Rows beyond the candidates follow in their order by chance
    or certainty. Strata share the candidates equally, and each has an order of its own.

    The order does not depend on ``most``, so a larger sample holds a smaller one. New rows may
    change it.

    Args:
        engine: where the rows are.
        population: the rows that may be drawn, with what `with_signals` added for the rule.
        rule: by diversity.
        roles: what each column is for.
        salt: what tells this draw from another, such as the seed of the rule.
        strata: SQL of the values that make a stratum; none makes one stratum of all rows.
        most: so many rows of a stratum are ranked, the others are left out; by default all.
        progress: told the fraction done; may raise `Cancelled`.

    Raises:
        UsageError: no column has content.
        DataError: vectors of different lengths.
    """
    candidates = math.ceil(rule.candidates / _count_of(engine, population, strata))
    first = engine.select(
        _first_sql(population, _order_sql(population, rule, salt), strata, candidates, most)
    )
    content = roles_in(roles, population, "text", "feature", "embedding", "image")
    rows = engine.table(
        f"""SELECT {sql.identifiers([*content.columns, ROW_COLUMN])}, {_PLACE}
        FROM {population.name} JOIN {first.name} USING ({sql.identifier(ROW_COLUMN)})
        WHERE {_PLACE} <= {candidates} ORDER BY {_STRATUM}, {_PLACE}"""
    )
    shared = Shared(rows.select([*content.columns]), content)
    taken, ranks = _taken(shared, rows[_PLACE_COLUMN].to_numpy(), most, progress)
    row, rank = sql.identifier(ROW_COLUMN), sql.identifier(RANK_COLUMN)
    ranked = engine.put(
        pa.table({ROW_COLUMN: rows[ROW_COLUMN].take(pa.array(taken)), RANK_COLUMN: ranks})
    )
    return engine.select(
        f"""SELECT {row}, {rank} FROM {ranked.name}
        UNION ALL SELECT {row}, {_PLACE} FROM {first.name} WHERE {_PLACE} > {candidates}"""
    )


def farthest_first(space: Matrix, wanted: int, progress: Progress = no_progress) -> Codes:
    """Return rows in the order in which each is the farthest from all before it.

    The first row comes first; of equally far ones the one that stands first. Any beginning of the
    order covers all rows within at most twice the least distance with which so many rows can
    (k-center greedy: Gonzalez 1985; for active learning Sener and Savarese 2018). Takes
    O(rows · wanted) time, and room for a few numbers a row.

    Args:
        space: shape (n, d), finite.
        wanted: 0 to n.
        progress: told now and then; may raise `Cancelled`.

    Returns:
        Shape (wanted,), positions of rows.
    """
    taken = np.zeros(wanted, dtype=np.int64)
    if not len(space):
        return taken
    # Distances are differences of products: small numbers lose the fewest digits.
    centred = space - space.mean(axis=0, dtype=np.float64).astype(np.float32)
    squares = np.einsum("ij,ij->i", centred, centred)
    scale = float(squares.max()) or 1.0
    apart = np.full(len(space), np.inf)
    for turn in range(wanted):
        if turn % _TOLD_EVERY == 0:
            progress(turn / wanted, f"diverse rows: {turn:,} of {wanted:,}")
        chosen = int(np.argmax(apart)) if turn else 0
        taken[turn] = chosen
        squared = (squares + squares[chosen] - 2 * (centred @ centred[chosen])) / scale
        np.minimum(apart, np.round(np.maximum(squared, 0), _DIGITS), out=apart)
        apart[chosen] = -1
    return taken


def _count_of(engine: Engine, population: Relation, strata: Sequence[str]) -> int:
    """Return how many strata there are, at least 1."""
    if not strata:
        return 1
    distinct = f"SELECT DISTINCT {', '.join(strata)} FROM {population.name}"
    return max(1, int(engine.values(f"SELECT count(*) FROM ({distinct})")[0]))


def _first_sql(
    population: Relation, order: str, strata: Sequence[str], candidates: int, most: int | None
) -> str:
    """Return the SELECT of the candidates, and of those that follow them up to ``most``."""
    row = sql.identifier(ROW_COLUMN)
    wanted = None if most is None else max(candidates, most)
    if not strata:
        # The best of many rows are found sooner than the place of each.
        limit = "" if wanted is None else f"ORDER BY {order} LIMIT {wanted}"
        return f"""SELECT {row}, row_number() OVER (ORDER BY {order}) AS {_PLACE}, 1 AS {_STRATUM}
            FROM (SELECT * FROM {population.name} {limit})"""
    values = ", ".join(strata)
    return f"""SELECT * FROM (
            SELECT {row}, row_number() OVER (PARTITION BY {values} ORDER BY {order}) AS {_PLACE},
                dense_rank() OVER (ORDER BY {values}) AS {_STRATUM}
            FROM {population.name})
        {"" if wanted is None else f"WHERE {_PLACE} <= {wanted}"}"""


def _taken(
    shared: Shared, places: Codes, most: int | None, progress: Progress
) -> tuple[Codes, Codes]:
    """Return the rows that are taken and their ranks, stratum after stratum.

    Args:
        shared: the candidates of all strata.
        places: shape (n,), of each candidate in its stratum; rises from 1 in each.
        most: rows to take from a stratum.
        progress: told the fraction done.
    """
    starts = np.flatnonzero(places == 1).tolist()
    ends = [*starts[1:], len(places)]
    worth_comparing = max(np.subtract(ends, starts), default=0) > 1 and most != 0
    space = points(shared, part(progress, 0.0, 0.3)) if worth_comparing else None
    taken, ranks = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    with single_threaded_blas():  # so that sums are rounded alike on any number of cores
        for start, end in zip(starts, ends, strict=True):
            wanted = end - start if most is None else min(most, end - start)
            share = part(progress, 0.3 + 0.7 * start / len(places), 0.3 + 0.7 * end / len(places))
            order = (
                np.arange(wanted, dtype=np.int64)
                if space is None
                else farthest_first(space[start:end], wanted, share)
            )
            taken.append(start + order)
            ranks.append(np.arange(1, wanted + 1))
    return np.concatenate(taken), np.concatenate(ranks)


def _order_sql(population: Relation, rule: Rule, salt: str) -> str:
    """Return the SQL by which candidates come first."""
    key = sql.identifier(KEY_COLUMN)
    chance = stratum_unit_sql(salt, None, key)
    ties = sql.identifiers([KEY_COLUMN, FINGERPRINT_COLUMN, *data_columns(population)])
    certainty = {"uncertainty": UNCERTAINTY_COLUMN, "margin": MARGIN_COLUMN}
    if rule.candidates_by not in certainty:
        return f"{chance}, {ties}"
    return f"{sql.identifier(certainty[rule.candidates_by])} DESC, {chance}, {ties}"


__all__ = ["RANK_COLUMN", "diverse_order", "farthest_first"]
