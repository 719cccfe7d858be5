"""Find likely label errors in the data at hand, and relabel, drop or queue them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from curation import sql
from curation.engines.base import Relation
from curation.lake.records import KEY_COLUMN, ROW_COLUMN, SOURCE_COLUMN, label_sql
from curation.lake.roles import Roles
from curation.sampling.balance.plan import MADE_COLUMN
from curation.sampling.drawing.learning_rows import sorted_rows
from curation.steps.base import Step, StepContext, StepResult, row_count

if TYPE_CHECKING:
    from curation.finders.base import Finding

_KEY = sql.identifier(KEY_COLUMN)
_ROW, _SOURCE = sql.identifier(ROW_COLUMN), sql.identifier(SOURCE_COLUMN)


class FixLabels(Step):
    """Find likely label errors with a model that did not see each row, and deal with them.

    The model is fitted anew on each run's data. A flagged row whose suggested label is at least as
    probable as asked is relabelled or dropped; other flagged rows wait for a person with their
    label as it was. A label that a person decided is never changed.
    """

    name: ClassVar[str] = "fix_labels"
    title: ClassVar[str] = "Fix label errors"
    needs_label: ClassVar[bool] = True
    state: ClassVar[Literal["refit"]] = "refit"

    step: Literal["fix_labels"] = "fix_labels"
    action: Literal["relabel", "drop", "queue"] = Field(
        default="relabel",
        title="Do what",
        description="relabel or drop flagged rows above the confidence; queue only lists them.",
    )
    min_confidence: float = Field(
        default=0.9,
        ge=0,
        le=1,
        title="Confidence",
        description="Least out-of-sample probability of the suggested label, 0 to 1.",
    )
    preset: Literal["fast", "accurate"] = Field(
        default="fast", title="Preset", description="How much work the model may be."
    )

    def describe(self) -> str:
        """Say what happens to flagged rows."""
        if self.action == "queue":
            return "queue flagged rows"
        return f"{self.action} above {self.min_confidence:g}, queue the rest"

    def apply(self, relation: Relation, context: StepContext) -> StepResult:
        """Score all labelled rows and deal with the flagged ones."""
        engine, label = context.engine, context.label()
        kind = relation.columns[label]
        flagged = engine.put(self._flagged(relation, context))
        result = engine.select(self._result_sql(relation, flagged, label, kind))
        done, queued, protected = engine.values(
            f"""SELECT count(*) FILTER (WHERE outcome = 'done'),
                count(*) FILTER (WHERE outcome = 'queued'),
                count(*) FILTER (WHERE outcome = 'protected') FROM {flagged.name}"""
        )
        queue = engine.table(
            f"""SELECT r.{_KEY} AS record_key, {label_sql(label, kind, of="r")} AS given_label,
                f.suggested_label,
                'likely label error, not certain enough to be changed' AS reason
            FROM {flagged.name} f JOIN {relation.name} r ON r.{_ROW} = f.row_
            WHERE f.outcome = 'queued' ORDER BY record_key, given_label"""
        )
        dropped = row_count(engine, relation) - row_count(engine, result)
        verb = {"relabel": "relabelled", "drop": "dropped", "queue": "changed"}[self.action]
        return StepResult(
            relation=result,
            touched=done,
            counts={
                "flagged": done + queued + protected, "relabelled": done - dropped,
                "dropped": dropped, "queued": queued, "decided_by_a_person": protected,
            },
            note=f"{done:,} {verb}, {queued:,} wait for a person",
            queue=queue,
        )  # fmt: skip

    def _flagged(self, relation: Relation, context: StepContext) -> pa.Table:
        """Return row_, suggested_label and outcome of every flagged row."""
        from curation.finders.label import find_label_issues  # slow to import, often not needed

        roles = Roles(
            columns={
                column: role
                for column, role in context.roles.columns.items()
                if column in relation.columns
                and (role == "label" or column in context.roles.content)
            }
        )
        made = [MADE_COLUMN] if MADE_COLUMN in relation.columns else []
        columns = [*roles.columns, ROW_COLUMN, SOURCE_COLUMN, *made]
        rows = sorted_rows(context.engine, relation, columns)
        finding = find_label_issues(
            rows.select(list(roles.columns)),
            roles=roles,
            preset=self.preset,
            seed=context.seed,
            progress=context.progress,
        )
        flagged = finding.rows.filter(finding.rows["is_issue"])
        confidence = pa.array(_confidence(finding))
        confidence = confidence.filter(finding.rows["is_issue"].combine_chunks())
        by_person = pc.equal(rows[SOURCE_COLUMN].take(flagged["row"]), "person")
        certain = pc.greater_equal(confidence, self.min_confidence)
        if self.action == "queue":
            certain = pc.and_(certain, False)
        # Nobody can decide about a copy or a synthetic row: there is no such record.
        is_made = pc.is_valid(rows[MADE_COLUMN].take(flagged["row"])) if made else False
        left = pc.if_else(is_made, "made", "queued")
        outcome = pc.if_else(by_person, "protected", pc.if_else(certain, "done", left))
        return pa.table(
            {
                "row_": rows[ROW_COLUMN].take(flagged["row"]),
                "suggested_label": flagged["suggestion"],
                "outcome": outcome,
            }
        )

    def _result_sql(self, relation: Relation, flagged: Relation, label: str, kind: str) -> str:
        name = sql.identifier(label)
        done = "f.outcome IS NOT DISTINCT FROM 'done'"
        source = f"FROM {relation.name} r LEFT JOIN {flagged.name} f ON f.row_ = r.{_ROW}"
        if self.action != "relabel":
            return f"SELECT r.* {source} WHERE NOT ({done} AND {self.action == 'drop'})"
        return f"""
            SELECT r.* REPLACE (
                CASE WHEN {done} THEN CAST(f.suggested_label AS {kind}) ELSE r.{name} END
                    AS {name},
                CASE WHEN {done} THEN 'fix_labels' ELSE r.{_SOURCE} END AS {_SOURCE})
            {source}"""


def _confidence(finding: Finding) -> list[float]:
    """Return the probability of each row's suggested label."""
    assert finding.probabilities is not None, "the label finder has them"
    position = {name: number for number, name in enumerate(finding.classes)}
    suggested = finding.rows["suggestion"].to_pylist()
    return [
        float(row[position[name]])
        for row, name in zip(finding.probabilities, suggested, strict=True)
    ]
