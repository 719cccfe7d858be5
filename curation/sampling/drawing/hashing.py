"""Chance that stays put: a number in [0, 1) that depends only on a salt and the record key.

New rows join a sample and old ones do not reshuffle, whatever the order of the rows and whichever
engine computes it. md5 is used since every engine has the same one; an engine's own ``hash()``
changes between its versions.
"""

from __future__ import annotations

from curation import sql

_DIGITS = 13
"""Hexadecimal digits of md5 that are used: 52 bits, which a double holds exactly."""


def rank_sql(seed: int, step_id: str, key: str, ties: str) -> str:
    """Return the SQL to order rows by so that any prefix is a random sample of them.

    Args:
        seed: of the recipe.
        step_id: of the step, so that two steps do not draw the same rows.
        key: SQL of the record key.
        ties: SQL that orders records with the same key, which have the same content.
    """
    return f"{_digest(seed, step_id, key)}, {key}, {ties}"


def unit_sql(seed: int, step_id: str, key: str) -> str:
    """Return the SQL of a uniform number in [0, 1) for each record."""
    return _unit(_digest(seed, step_id, key))


def stratum_unit_sql(salt: str, stratum: str | None, key: str) -> str:
    """Return the SQL of a uniform number in [0, 1) for each record in its stratum.

    Args:
        salt: what tells one draw from another, such as the seed of a rule.
        stratum: SQL of what tells the stratum from others: text, never null; None where all rows
            are one. Its length is hashed with it, so that no two pairs of stratum and key run
            together.
        key: SQL of the record key.
    """
    start = sql.literal(f"{salt}:")
    named = "" if stratum is None else f"length({stratum}), ':', {stratum}, ':', "
    return _unit(f"md5(concat({start}, {named}{key}))")


def _unit(digest: str) -> str:
    digits = f"substring({digest}, 1, {_DIGITS})"
    return f"(CAST(concat('0x', {digits}) AS BIGINT) / {16.0**_DIGITS:.1f})"


def _digest(seed: int, step_id: str, key: str) -> str:
    return f"md5(concat({sql.literal(f'{seed}:{step_id}:')}, {key}))"
