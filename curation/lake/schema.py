"""The workspace's own tables, and how an older workspace gets what it lacks.

They lie in the same lake as the data, so that one snapshot id pins both. Tables are only ever added
to: an annotation, a document or a merge is never updated and never deleted.
"""

from __future__ import annotations

import duckdb

TABLES: dict[str, dict[str, str]] = {
    "datasets": {
        "name": "VARCHAR", "roles": "VARCHAR", "created_at": "TIMESTAMP",
        "taxonomy_version": "INTEGER",
    },
    "annotations": {
        "annotation_id": "VARCHAR", "dataset": "VARCHAR", "label_column": "VARCHAR",
        "record_key": "VARCHAR", "fingerprint": "VARCHAR", "given": "VARCHAR",
        "decision": "VARCHAR", "value": "VARCHAR", "annotator": "VARCHAR", "source": "VARCHAR",
        "taxonomy_version": "INTEGER", "workflow_version": "INTEGER", "reason": "VARCHAR",
        "seconds": "DOUBLE", "suggestion": "VARCHAR", "score": "DOUBLE", "created_at": "TIMESTAMP",
        "reverts": "VARCHAR", "action_id": "VARCHAR", "branch": "VARCHAR",
        "given_version": "INTEGER",
    },
    "branches": {
        "branch": "VARCHAR", "dataset": "VARCHAR", "base_snapshot": "BIGINT", "author": "VARCHAR",
        "created_at": "TIMESTAMP",
    },
    "merged": {
        "merge_id": "VARCHAR", "dataset": "VARCHAR", "branch": "VARCHAR",
        "annotation_id": "VARCHAR", "outcome": "VARCHAR", "created_at": "TIMESTAMP",
    },
    "documents": {
        "document_id": "VARCHAR", "kind": "VARCHAR", "dataset": "VARCHAR", "name": "VARCHAR",
        "text": "VARCHAR", "author": "VARCHAR", "message": "VARCHAR", "created_at": "TIMESTAMP",
        "reverts": "VARCHAR",
    },
    "tags": {
        "name": "VARCHAR", "snapshot": "BIGINT", "author": "VARCHAR", "message": "VARCHAR",
        "created_at": "TIMESTAMP",
    },
    "findings": {
        "finding_id": "VARCHAR", "dataset": "VARCHAR", "snapshot": "BIGINT", "finder": "VARCHAR",
        "parameters": "VARCHAR", "summary": "VARCHAR", "created_at": "TIMESTAMP",
    },
    "finding_rows": {
        "finding_id": "VARCHAR", "row_number": "BIGINT", "record_key": "VARCHAR",
        "fingerprint": "VARCHAR", "given_label": "VARCHAR", "score": "DOUBLE",
        "is_issue": "BOOLEAN", "suggestion": "VARCHAR",
        "given_label_probability": "DOUBLE", "probabilities": "FLOAT[]", "group_number": "BIGINT",
        "explanation": "VARCHAR",
    },
    "finding_subjects": {
        "finding_id": "VARCHAR", "kind": "VARCHAR", "subject": "VARCHAR", "score": "DOUBLE",
        "is_issue": "BOOLEAN", "rows": "BIGINT", "explanation": "VARCHAR",
    },
    "computed": {
        "computed_id": "VARCHAR", "dataset": "VARCHAR", "snapshot": "BIGINT", "kind": "VARCHAR",
        "parameters": "VARCHAR", "arrays": "VARCHAR", "created_at": "TIMESTAMP",
    },
    "computed_parts": {
        "computed_id": "VARCHAR", "name": "VARCHAR", "part": "INTEGER", "bytes": "BLOB",
    },
    "runs": {
        "run_id": "VARCHAR", "dataset": "VARCHAR", "manifest": "VARCHAR", "created_at": "TIMESTAMP",
    },
    "touched": {
        "run_id": "VARCHAR", "step": "VARCHAR", "record_key": "VARCHAR", "what": "VARCHAR",
        "before": "VARCHAR", "after": "VARCHAR",
    },
}  # fmt: skip
"""Table to column to type. New columns go to the end, so that an older workspace can get them."""

RENAMED: dict[str, dict[str, str]] = {
    "finding_rows": {
        "label_quality": "score", "is_label_issue": "is_issue", "suggested_label": "suggestion",
    },
}  # fmt: skip
"""Table to columns that had another name once, and what they are called now."""

_RECIPES_TO_DOCUMENTS = """
    INSERT INTO lake.curation.documents
    SELECT uuidv7()::VARCHAR, 'recipe', dataset, 'recipe', text, author, 'Recipe', created_at, NULL
    FROM lake.curation.recipes ORDER BY created_at, text;
    DROP TABLE lake.curation.recipes;
"""


def is_current(connection: duckdb.DuckDBPyConnection) -> bool:
    """Say whether the lake has every table and column."""
    there = _columns(connection)
    return "recipes" not in there and all(
        table in there and columns.keys() <= there[table] for table, columns in TABLES.items()
    )


def bring_up_to_date(connection: duckdb.DuckDBPyConnection) -> None:
    """Add the tables and columns that a lake lacks, in one transaction; nothing is lost.

    It may be called again after a conflict with another process that does the same.
    """
    connection.execute("BEGIN")
    try:
        connection.execute(
            "CREATE SCHEMA IF NOT EXISTS lake.data; CREATE SCHEMA IF NOT EXISTS lake.curation"
        )
        there = _columns(connection)
        for table, columns in TABLES.items():
            if table not in there:
                listed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
                connection.execute(f"CREATE TABLE lake.curation.{table} ({listed})")
                continue
            for old, new in RENAMED.get(table, {}).items():
                if old in there[table]:
                    connection.execute(
                        f"ALTER TABLE lake.curation.{table} RENAME COLUMN {old} TO {new}"
                    )
                    there[table].add(new)
            for name in columns.keys() - there[table]:
                connection.execute(
                    f"ALTER TABLE lake.curation.{table} ADD COLUMN {name} {columns[name]}"
                )
        if "recipes" in there:
            connection.execute(_RECIPES_TO_DOCUMENTS)
        connection.execute("COMMIT")
    except BaseException:
        roll_back(connection)
        raise


def roll_back(cursor: duckdb.DuckDBPyConnection) -> None:
    """Give up a transaction, if a failed statement has not done so already."""
    try:
        cursor.execute("ROLLBACK")
    except duckdb.TransactionException:
        return


def _columns(connection: duckdb.DuckDBPyConnection) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for table, column in connection.execute(
        "SELECT table_name, column_name FROM duckdb_columns() "
        "WHERE database_name = 'lake' AND schema_name = 'curation'"
    ).fetchall():
        found.setdefault(table, set()).add(column)
    return found
