"""Records like those that are gone: a suggestion for a person, never applied."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from curation import sql
from curation.lake.datasets import Dataset, get_dataset, table_sql
from curation.lake.records import fingerprint_sql, key_sql, label_sql
from curation.lake.snapshots import log
from curation.lake.workspace import Workspace
from curation.learn.likeness import most_alike

MIN_LIKENESS = 0.75
"""Similarity of texts from which a record is suggested for another that is gone."""
MAX_ROWS_FOR_LIKENESS = 200_000


def like_records(
    workspace: Workspace, source: Dataset, target: Dataset, fingerprints: Sequence[str]
) -> tuple[list[tuple[str | None, str | None, float]], tuple[str, ...]]:
    """Return the record most like each one that is gone, where one is like it at all.

    Args:
        workspace: where both datasets are.
        source: had the records; their text is read from the newest snapshot that has them.
        target: where records like them are looked for, by its text columns.
        fingerprints: of the n records that are gone.

    Returns:
        For each of the n: record key, label and similarity (0 to 1), or None, None, 0; and what
        was left out, in words.
    """
    nothing: list[tuple[str | None, str | None, float]] = [(None, None, 0.0)] * len(fingerprints)
    texts = target.roles.having("text")
    if not fingerprints or not texts or texts != source.roles.having("text"):
        return nothing, ()
    if target.rows > MAX_ROWS_FOR_LIKENESS:
        return nothing, (
            f"{len(fingerprints):,} decisions are about records that are gone. Records like them "
            f"are looked for in up to {MAX_ROWS_FOR_LIKENESS:,} rows; these are {target.rows:,}.",
        )
    once = _texts_of(workspace, source, texts, set(fingerprints))
    label = target.roles.label or ""
    with workspace.cursor() as cursor:
        there = cursor.execute(
            f"""SELECT {key_sql(target.roles)} AS key, {_text_sql(texts)} AS text,
                {label_sql(label, target.columns[label])} AS label
            FROM {table_sql(target.name, target.snapshot)} ORDER BY rowid"""
        ).to_arrow_table()
    known = [print_ for print_ in dict.fromkeys(fingerprints) if print_ in once]
    if not known or not len(there):
        return nothing, ()
    places, similarity = most_alike([once[p] for p in known], there["text"].to_pylist())
    found: dict[str, tuple[str | None, str | None, float]] = {
        print_: (there["key"][int(at)].as_py(), there["label"][int(at)].as_py(), float(alike))
        for print_, at, alike in zip(known, places, similarity, strict=True)
        if alike >= MIN_LIKENESS
    }
    return [found.get(print_, (None, None, 0.0)) for print_ in fingerprints], ()


def _texts_of(
    workspace: Workspace, source: Dataset, texts: Sequence[str], wanted: set[str]
) -> dict[str, str]:
    """Return the text of records that are gone, from the newest snapshot that still had them."""
    found: dict[str, str] = {}
    prints = pa.table({"print": pa.array(sorted(wanted), pa.string())})
    for snapshot in log(workspace, source.name):
        if len(found) == len(wanted):
            break
        then = get_dataset(workspace, source.name, snapshot.snapshot)
        if not set(texts) <= set(then.columns) or snapshot.operation == "roles":
            continue
        with workspace.cursor() as cursor:
            cursor.register("wanted_prints", prints)
            rows = cursor.execute(
                f"""SELECT print, text FROM (
                    SELECT {fingerprint_sql(then.roles)} AS print, {_text_sql(texts)} AS text
                    FROM {table_sql(then.name, then.snapshot)})
                WHERE print IN (SELECT print FROM wanted_prints)"""
            ).fetchall()
            cursor.unregister("wanted_prints")
        found |= {print_: text for print_, text in rows if print_ not in found}
    return found


def _text_sql(texts: Sequence[str]) -> str:
    return f"concat_ws(chr(10), {sql.identifiers(texts)})"
