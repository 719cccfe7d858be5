"""The example datasets that `curation demo` and an empty workbench offer."""

from __future__ import annotations

import pyarrow as pa

from curation.finders.stored import find_in_dataset
from curation.lake.datasets import list_datasets
from curation.lake.imports import import_file, import_table
from curation.lake.roles import Role
from curation.lake.workspace import Workspace
from curation.progress import Progress, no_progress, part
from curation.resources import resource

SUPPORT = "support"
_PLANTED_EVERY = 33
"""Of the digits one in so many gets a wrong label, since the set itself has next to none."""


def import_example(workspace: Workspace, *, author: str, progress: Progress = no_progress) -> str:
    """Import the first month of the support messages, if it is not there; return its name."""
    if not _has(workspace, SUPPORT):
        import_file(
            workspace,
            resource("examples", "support", "messages-2026-09.csv"),
            SUPPORT,
            author=author,
            message="Example: support messages of September, written for this project",
            progress=progress,
        )
    return SUPPORT


def populate(workspace: Workspace, *, author: str, progress: Progress = no_progress) -> None:
    """Fill a workspace with every example and look for label issues in the first."""
    progress(0.0, "Importing digits")
    roles: dict[str, Role] = {"digit_id": "key", "digit": "label"}
    for name, table in (("digits-images", digits(images=True)), ("digits-features", digits())):
        if not _has(workspace, name):
            import_table(
                workspace,
                table,
                name,
                roles=roles | ({"image": "image"} if name == "digits-images" else {}),
                author=author,
                message="Example: scikit-learn's digits, one label in 33 made wrong on purpose",
            )
    # Last, since the workbench opens the dataset that changed last.
    import_example(workspace, author=author, progress=part(progress, 0.3, 0.5))
    find_in_dataset(workspace, SUPPORT, progress=part(progress, 0.5, 1.0))


def digits(*, images: bool = False) -> pa.Table:
    """Return scikit-learn's 1,797 digits with one label in 33 made wrong.

    Args:
        images: one column of 64 grey values (8 × 8, 0 to 16), instead of 64 feature columns.
    """
    from sklearn.datasets import load_digits  # slow to import, needed by the demo only

    loaded = load_digits()
    labels = [
        (int(digit) + 1 + row % 8) % 10 if row % _PLANTED_EVERY == 0 else int(digit)
        for row, digit in enumerate(loaded.target)
    ]
    columns: dict[str, object] = {
        "digit_id": [f"d-{row:04d}" for row in range(len(labels))],
        "digit": [str(label) for label in labels],
    }
    if images:
        columns["image"] = pa.array(loaded.data.tolist(), pa.list_(pa.float32()))
    else:
        for position, values in enumerate(loaded.data.T):
            columns[f"pixel_{position // 8}_{position % 8}"] = values
    return pa.table(columns)


def _has(workspace: Workspace, name: str) -> bool:
    return any(dataset.name == name for dataset in list_datasets(workspace))
