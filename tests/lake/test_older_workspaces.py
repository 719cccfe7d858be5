"""A workspace of an earlier version gets what it lacks, and loses nothing."""

from __future__ import annotations

from pathlib import Path

from curation.lake.workspace import Workspace

BEFORE = """
    ALTER TABLE lake.curation.finding_rows RENAME COLUMN score TO label_quality;
    ALTER TABLE lake.curation.finding_rows RENAME COLUMN is_issue TO is_label_issue;
    ALTER TABLE lake.curation.finding_rows RENAME COLUMN suggestion TO suggested_label;
    ALTER TABLE lake.curation.finding_rows DROP COLUMN group_number;
    ALTER TABLE lake.curation.finding_rows DROP COLUMN explanation;
    DROP TABLE lake.curation.finding_subjects;
    DROP TABLE lake.curation.computed;
    DROP TABLE lake.curation.computed_parts;
    INSERT INTO lake.curation.finding_rows VALUES
        ('f', 3, 'k3', 'print', 'cat', 0.25, TRUE, 'dog', 0.2, [0.2, 0.8]);
"""


def test_a_finding_of_an_earlier_version_is_read_by_the_columns_of_today(tmp_path: Path) -> None:
    with Workspace.open(tmp_path / "workspace") as workspace:
        workspace.write(
            lambda cursor: cursor.execute(BEFORE), author="me", message="m", operation="test"
        )
    with Workspace.open(tmp_path / "workspace", create=False) as again, again.cursor() as cursor:
        assert cursor.execute(
            "SELECT record_key, score, is_issue, suggestion, group_number, explanation "
            "FROM lake.curation.finding_rows"
        ).fetchall() == [("k3", 0.25, True, "dog", None, None)]
        assert cursor.execute("SELECT count(*) FROM lake.curation.computed").fetchone() == (0,)
