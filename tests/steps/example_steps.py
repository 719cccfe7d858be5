"""Each step with parameters that show what it can do; the tests of steps run over these."""

from __future__ import annotations

from curation.sampling.rules.rule import Rule
from curation.steps import (
    ApplyAnnotations,
    DropDuplicates,
    Filter,
    FixLabels,
    Rebalance,
    Sample,
    Split,
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
        Rebalance(method="undersample", ratio=1.2),
        Rebalance(method="oversample"),
        Rebalance(method="proportions", proportions={"fruit": 0.25, "tool": 0.75}, total=70),
        Rebalance(method="weights", weights="effective"),
        Rebalance(method="smote", rows_per_class=45, where="size < 3"),
    ],
    "sample": [
        Sample(n=12),
        Sample(n=3, per=["label", "size"]),
        Sample(fraction=0.5),
        Sample(fraction=0.07, per=["label"]),
        Sample(rows=10, by="weighted", weight="size + 1", keep="id = 'k3'"),
        Sample(
            combine="except",
            rule="mixed@2",
            seed=5,
            parts=[Rule(fraction=0.5, name="half@1"), Rule(n=4, where="size > 1")],
        ),
    ],
    "split": [
        Split(),
        Split(by="group", group=["select"], validation=0),
        Split(by="time", timestamp="size"),
        Split(by="time", timestamp="size", cutoffs=["1", "2.5"], frozen=()),
        Split(by="stratified"),
        Split(by="stratified", per=["size"], thresholds={"0.0": (0.1, 0.25), "(none)": (0, 1)}),
        Split(leakage="together", column="side", frozen=("validation", "test")),
    ],
}
