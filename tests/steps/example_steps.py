"""Each step with parameters that show what it can do; the tests of steps run over these."""

from __future__ import annotations

from curation.steps import (
    ApplyAnnotations,
    DropDuplicates,
    Filter,
    FixLabels,
    Rebalance,
    Sample,
    Step,
)

EXAMPLES: dict[str, list[Step]] = {
    "apply_annotations": [ApplyAnnotations()],
    "filter": [
        Filter(where="length(text) > 15"),
        Filter(where="TEXT LIKE '%apple%' OR \"select\" = 3"),
        Filter(where="size > 99"),
    ],
    "drop_duplicates": [DropDuplicates(), DropDuplicates(columns=["text", "label"])],
    "fix_labels": [
        FixLabels(action="relabel", min_confidence=0.6),
        FixLabels(action="drop", min_confidence=0.0),
        FixLabels(action="queue"),
    ],
    "rebalance": [
        Rebalance(rows_per_class=10),
        Rebalance(rows_per_class=5, where="size > 1", id="cap"),
    ],
    "sample": [
        Sample(n=12),
        Sample(n=3, per=["label", "size"]),
        Sample(fraction=0.5),
        Sample(fraction=0.07, per=["label"]),
    ],
}
