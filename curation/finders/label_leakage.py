"""Find features that give the label away."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from curation import sql
from curation.finders.base import ROWS, Finder, Finding, finding_rows
from curation.finders.column_power import LabelledSample, column_power, labelled_sample
from curation.finders.columns import (
    coded,
    column_finding,
    columns_having,
    is_scalar,
    over_rows,
    percent,
    subject,
    text_sql,
)
from curation.learn.arrays import Flags
from curation.learn.shared import Shared
from curation.progress import Progress, no_progress

_CERTAIN = 6.0
_SHORTEST_NAME = 3
_LEAST_ROWS = 20
_MAX_TEXTS = 20_000


class LabelLeakage(Finder):
    """Features and texts that give the label away.

    A feature that alone tells the label nearly always was often made from it, or is only known when
    the label is: a code of the class, a count of what the label says there is, the verdict of an
    earlier model. The model then looks perfect and is useless. Each feature is tried alone: what
    its values say is learned on half of the rows and measured on the other half (see
    `curation.finders.column_power`; the idea is Deepchecks' feature-label correlation by Predictive
    Power Score). A column whose values stand for the classes one by one is named as such. In texts,
    the name of the row's own class is looked for, against the name of another class.
    """

    name: ClassVar[str] = "label_leakage"
    title: ClassVar[str] = "Label leakage"
    scores: ClassVar[str] = (
        "Of a column, 1 minus the share of the label's uncertainty that it takes away; of a row, 0 "
        "when its text names its own class."
    )
    advice: ClassVar[str] = (
        "Leave the column out, or mask the class name in the texts, unless it is there at the time "
        "of a prediction too."
    )

    gain: float = Field(
        default=0.8,
        gt=0,
        le=1,
        title="Gain",
        description="A feature that takes away at least this share of uncertainty is flagged.",
    )
    named: float = Field(
        default=0.2,
        gt=0,
        le=1,
        title="Texts that name their class",
        description="Texts are flagged when at least this share of them holds its class's name.",
    )

    def lacks(self, shared: Shared) -> str:
        """Say that there is no label, or nothing beside it."""
        if not shared.roles.label:
            return "The data have no label column."
        if not shared.roles.having("feature", "text"):
            return "The data have no feature or text that could give the label away."
        return ""

    def find(self, shared: Shared, progress: Progress = no_progress) -> Finding:
        """Look for what gives the label away."""
        progress(0.0, "choosing rows to measure on")
        sample = labelled_sample(shared)
        if isinstance(sample, str):
            return column_finding(self, shared, ROWS.empty_table(), [], notes=[sample])
        columns, notes = columns_having(shared, "feature", "text")
        columns = [name for name in columns if is_scalar(shared.table.schema.field(name).type)]
        subjects, flagged = [], np.zeros(shared.table.num_rows, dtype=np.bool_)
        for place, column in enumerate(columns):
            progress(place / len(columns), f"trying {column}")
            found = self._column(shared, sample, column)
            if shared.roles.role_of(column) == "text" and not found["is_issue"]:
                named = self._names(shared, sample, column)
                found = named or found
                if named:
                    flagged |= _names_itself(shared.table, column, shared.label)
            subjects.append(found)
        return column_finding(
            self,
            shared,
            _rows(shared, flagged),
            subjects,
            notes=[*notes, *sample.notes],
            classes=len(sample.classes),
        )

    def _column(self, shared: Shared, sample: LabelledSample, column: str) -> dict[str, Any]:
        values = sample.take(shared.table.select([column])).column(column)
        power = column_power(sample, values)
        gives_away = power.gain >= self.gain and power.deviations >= _CERTAIN
        line = None
        if gives_away:
            line = (
                f"'{column}' alone tells the label in {percent(power.right)} of the rows, against "
                f"{percent(power.usual)} without it"
            )
            line += (
                "; its values stand for the classes one by one."
                if _is_copy(sample, values)
                else "."
            )
        rows = shared.table.num_rows - shared.table.column(column).null_count
        return subject("column", column, 1 - power.gain, gives_away, rows, line)

    def _names(self, shared: Shared, sample: LabelledSample, column: str) -> dict[str, Any] | None:
        """Return the subject of a text column in which texts name their own class, or None."""
        codes = sample.codes[:_MAX_TEXTS]
        texts = sample.take(shared.table.select([column])).column(column).slice(0, len(codes))
        # The class of a row far away says how often a name comes by chance.
        other = np.roll(codes, len(codes) // 2)
        names = pa.array(sample.classes, pa.large_string())
        table = pa.table(
            {
                "text": texts,
                "own": names.take(pa.array(codes)),
                "other": names.take(pa.array(other)),
            }
        )
        found = over_rows(
            table,
            f"""
            WITH words AS (
                SELECT {_words(text_sql(["text"]))} AS text, {_words('"own"')} AS own,
                    {_words('"other"')} AS other
                FROM source
            )
            SELECT count(*) AS rows, count_if({_named("own")}) AS own,
                count_if(other <> own) AS others, count_if(other <> own AND {_named("other")}) AS
                other
            FROM words
            """,
        ).to_pylist()[0]
        own, other_names = int(found["own"]), int(found["other"])
        share = own / max(found["rows"], 1)
        chance = other_names / max(int(found["others"]), 1)
        if share < self.named or share < 5 * chance or own < _LEAST_ROWS:
            return None
        line = (
            f"The texts of '{column}' name their own class in {percent(share)} of the rows, and "
            f"another one in {percent(chance)}."
        )
        return subject(
            "column", column, 1 - share, True, round(share * shared.table.num_rows), line
        )


def _is_copy(sample: LabelledSample, values: pa.ChunkedArray) -> bool:
    """Say whether each value comes with one class only, and each class with one value only."""
    codes = coded(values).codes
    pairs = np.unique(codes * len(sample.classes) + sample.codes)
    return len(pairs) == len(np.unique(codes)) == len(np.unique(sample.codes))


def _words(expression: str) -> str:
    """Return the SQL of a text in lower case with one space around each word."""
    return f"' ' || regexp_replace(lower({expression}), '[^\\pL\\pN]+', ' ', 'g') || ' '"


def _named(name: str) -> str:
    column = sql.identifier(name)
    return (
        f"(contains(text, ' ' || trim({column}) || ' ') AND length(trim({column})) >= "
        f"{_SHORTEST_NAME} AND NOT regexp_full_match(trim({column}), '[0-9 ]*'))"
    )


def _names_itself(table: pa.Table, column: str, label: str) -> Flags:
    rows = over_rows(
        table.select([column, label]),
        f"""
        WITH words AS (
            SELECT {_words(text_sql([column]))} AS text,
                {_words(f"coalesce(CAST({sql.identifier(label)} AS VARCHAR), '')")} AS own
            FROM source
        )
        SELECT {_named("own")} AS named FROM words
        """,
    )
    found: Flags = pc.fill_null(rows["named"], False).to_numpy()
    return found.astype(np.bool_)


def _rows(shared: Shared, flagged: Flags) -> pa.Table:
    if not flagged.any():
        return ROWS.empty_table()
    given = shared.given_labels
    lines = pc.binary_join_element_wise("the text names its own class, '", given, "'", "")
    lines = pc.if_else(pa.array(flagged), lines.combine_chunks(), pa.scalar(None, pa.string()))
    return finding_rows(shared, np.where(flagged, 0.0, 1.0), flagged, explanation=lines)
