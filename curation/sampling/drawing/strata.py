"""What tells the strata of a rule apart, and what they are called."""

from __future__ import annotations

from curation import sql
from curation.engines.base import Relation
from curation.errors import UnknownNameError
from curation.lake.records import label_sql
from curation.lake.roles import Roles
from curation.sampling.drawing.columns import data_columns
from curation.sampling.rules.rule import NO_VALUE, STRATUM_SEPARATOR, RuleFields

_SEPARATOR, _NULL = "\x1f", "\x18"
_CLUSTER_COLUMN = "_curation_cluster"


def stratum_sql(rule: RuleFields, relation: Relation, roles: Roles) -> str | None:
    """Return the SQL of what tells a row's stratum from others; None where all rows are one.

    It is text and never null: the values with a separator between them that no one types. A label
    that is missing or blank counts as none.

    Raises:
        UnknownNameError: a column is not there.
    """
    if rule.per_cluster:
        cluster = sql.identifier(_CLUSTER_COLUMN)
        return _coalesced(f"concat('cluster ', CAST({cluster} AS VARCHAR))", cluster)
    values = []
    for named in rule.per:
        column = column_named(named, relation)
        if column == roles.label:
            text = label_sql(column, relation.columns[column])
        else:
            text = f"CAST({sql.identifier(column)} AS VARCHAR)"
        values.append(_coalesced(text, text))
    if len(values) < 2:
        return values[0] if values else None
    return f"concat_ws({sql.literal(_SEPARATOR)}, {', '.join(values)})"


def stratum_name(stratum: str) -> str:
    """Return what people call a stratum, for example ``chat / refund``."""
    if stratum.isprintable():
        return stratum
    values = stratum.split(_SEPARATOR)
    return STRATUM_SEPARATOR.join(NO_VALUE if value == _NULL else value for value in values)


def column_named(name: str, relation: Relation) -> str:
    """Return a column as the rows have it; case does not matter, as in DuckDB.

    Raises:
        UnknownNameError: it is not there.
    """
    columns = data_columns(relation)
    if name in columns:
        return name
    known = {column.lower(): column for column in columns}
    if name.lower() not in known:
        raise UnknownNameError("column", name, columns)
    return known[name.lower()]


def _coalesced(text: str, tested: str) -> str:
    if text == tested:
        return f"coalesce({text}, {sql.literal(_NULL)})"
    return f"CASE WHEN {tested} IS NULL THEN {sql.literal(_NULL)} ELSE {text} END"
