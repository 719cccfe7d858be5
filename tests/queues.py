"""A stored finding with known errors, without a model: what is flagged and wrong is said by hand."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

import pyarrow as pa

from curation.lake.datasets import get_dataset, table_sql
from curation.lake.findings import ROW_SCHEMA, FindingSummary, store_finding
from curation.lake.imports import import_table
from curation.lake.records import fingerprint_sql, key_sql
from curation.lake.workspace import Workspace


def store_queue(
    workspace: Workspace,
    name: str,
    records: int,
    flagged: int,
    *,
    unlabelled: int = 0,
    texts: Sequence[str] = (),
) -> FindingSummary:
    """Import records of the label "a" and store a finding that flags the first ones.

    The record `k000` is the worst, `k001` the next, and so on; "b" is suggested for flagged ones.
    The last ones may be unlabelled. With texts there is no key column, so that rows with the same text have the same record key.
    """
    columns: dict[str, Sequence[str | None]] = {
        "label": ["a"] * (records - unlabelled) + [None] * unlabelled
    }
    if texts:
        columns["text"] = texts
    else:
        columns["id"] = [f"k{n:03d}" for n in range(records)]
    import_table(
        workspace, pa.table(columns), name, author="me",
        roles={"label": "label", **({"text": "text"} if texts else {"id": "key"})},
    )  # fmt: skip
    found = get_dataset(workspace, name)
    with workspace.cursor() as cursor:
        rows = (
            cursor.execute(
                f"SELECT rowid AS row_number, {key_sql(found.roles)} AS record_key, "
                f"{fingerprint_sql(found.roles)} AS fingerprint, label AS given_label "
                f"FROM {table_sql(name)} ORDER BY rowid"
            )
            .to_arrow_table()
            .to_pylist()
        )
    scored = [
        {
            **row, "score": n / records, "is_issue": n < flagged, "given_label_probability": 0.3,
            "suggestion": "b" if n < flagged else "a", "probabilities": [0.3, 0.7],
        }
        for n, row in enumerate(rows)
    ]  # fmt: skip
    summary = FindingSummary(
        finding_id=uuid.uuid4().hex, dataset=name, snapshot=found.snapshot, finder="label",
        parameters={}, created_at=datetime.now(UTC).replace(tzinfo=None), rows=records,
        classes=["a", "b"], flagged=flagged, estimated_errors=flagged, seconds=0.1, learner="none",
        notes=[],
    )  # fmt: skip
    store_finding(workspace, summary, pa.Table.from_pylist(scored, schema=ROW_SCHEMA))
    return summary
