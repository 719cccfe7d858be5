"""A change of the classes: put together, looked at with all it would do, then applied."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import streamlit as st

from curation.errors import CurationError, UsageError
from curation.lake.datasets import Dataset
from curation.lake.documents import Document
from curation.lake.effective_labels import newest_change
from curation.lake.taxonomies import apply
from curation.lake.taxonomy import Operation, Taxonomy
from curation.lake.taxonomy_consequences import Consequence, consequences
from curation.lake.translation import TaxonomyHistory
from curation.progress import Progress
from curation.ui import parts, state
from curation.ui.errors import as_text, show_error
from curation.ui.numbers import count
from curation.ui.operation_form import operation_form
from curation.ui.taxonomy_file import operations_in


@dataclass
class Change:
    """What one session puts together; it survives a rerun and a page switch."""

    after: int
    """The newest version that its author has seen."""
    operations: list[Operation] = field(default_factory=list)
    number: int = 0
    """Of the form; a new one is empty."""
    applied: int = 0
    """Changes that this session applied; the reason for the next one is asked anew."""


def change_of(dataset: Dataset, known: TaxonomyHistory) -> Change:
    """Return the session's change of a dataset's classes; an empty one follows the newest."""
    key = f"_taxonomy-change-{dataset.name}-{dataset.roles.label}"
    held = st.session_state.get(key)
    if not isinstance(held, Change):
        held = st.session_state[key] = Change(known.newest)
    if not held.operations:
        held.after = known.newest
    return held


def change_view(
    dataset: Dataset, known: TaxonomyHistory, stored: Sequence[Document], change: Change
) -> None:
    """Draw the form of one operation, the operations so far, what they would do, and Apply."""
    st.subheader("Change the classes", anchor=False)
    left, wrong = _changed(known, change)
    key = f"operation-{dataset.name}"
    made = operation_form(left.classes, key, change.number)
    with st.container(horizontal=True, gap="small"):
        is_wanted = st.button("Add to the change", key=f"{key}-add", icon=":material/add:")
        _from_file(dataset, known, change)
    if is_wanted:
        try:
            _add(known, change, made())
        except CurationError as error:
            show_error(error)
        else:
            st.rerun()
    if not change.operations:
        st.caption(
            "Put one or more operations together. What they would do stands here before anything "
            "is saved."
        )
        return
    _so_far(dataset, known, stored, change, wrong)


def _add(known: TaxonomyHistory, change: Change, operation: Operation) -> None:
    """Put an operation to the others, if it can be done after them."""
    known.current.changed([*change.operations, operation])
    change.operations.append(operation)
    change.number += 1


def _changed(known: TaxonomyHistory, change: Change) -> tuple[Taxonomy, CurationError | None]:
    """Return what the operations lead to; where one cannot be done, the version in force and why.

    One may need another that was taken out of the list, or a class that somebody else renamed.
    """
    if not change.operations:
        return known.current, None
    try:
        return known.current.changed(change.operations, version=known.newest + 1), None
    except UsageError as error:
        return known.current, error


def _so_far(
    dataset: Dataset,
    known: TaxonomyHistory,
    stored: Sequence[Document],
    change: Change,
    wrong: CurationError | None,
) -> None:
    st.markdown(f"**The change to version {known.current.version}** · not saved yet")
    _overtaken(known, stored, change)
    rows = [_row(number, operation, change) for number, operation in enumerate(change.operations)]
    if wrong is not None:
        show_error(wrong)
    found = None if wrong is not None else _consequences(dataset, change)
    if found is not None:
        for row, one in zip(rows, found, strict=True):
            said = one.sentence.removeprefix(f"{one.operation}: ")
            row.caption(as_text(said[:1].upper() + said[1:]))
        _table(found)
    why = st.text_input(
        "Why (kept with the version)",
        key=f"operation-why-{dataset.name}-{change.applied}",
        placeholder="; ".join(map(str, change.operations)),
        persist_state="session",
    )
    with st.container(horizontal=True, gap="small"):
        label = f"Apply as version {known.newest + 1}"
        if st.button(label, key="taxonomy-apply", type="primary", disabled=found is None):
            _apply(dataset, change, (why or "").strip())
        if st.button("Discard", key="taxonomy-discard", type="tertiary"):
            change.operations.clear()
            st.rerun()


def _row(number: int, operation: Operation, change: Change) -> st.delta_generator.DeltaGenerator:
    """Draw one operation with Remove; return the place under its words."""
    with st.container(horizontal=True, gap="small", key=f"operation-row-{number}"):
        words = st.container(width="stretch", gap=None)
        words.markdown(as_text(f"{number + 1} · {operation}"))
        if st.button("Remove", key=f"operation-remove-{number}", type="tertiary"):
            del change.operations[number]
            st.rerun()
    return words


def _consequences(dataset: Dataset, change: Change) -> list[Consequence] | None:
    workspace, operations = state.workspace(), list(change.operations)

    def work(progress: Progress) -> list[Consequence]:
        progress(0.1, "Counting what the change would touch")
        return consequences(workspace, dataset.name, operations)

    texts = json.dumps([operation.model_dump() for operation in operations])
    found = parts.result_of(
        state.job_key(dataset.name, f"taxonomy-change-{state.user_name()}"),
        work,
        title="Looking at what the change would do",
        inputs=f"{newest_change(workspace)} {texts}",
        panel="taxonomy-change",
    )
    return found if isinstance(found, list) else None


def _table(found: Sequence[Consequence]) -> None:
    """Draw what becomes of records and annotations, a row an operation, and the sum."""
    touched = {
        "Records read anew": [one.records.read for one in found],
        "queued": [one.records.queue for one in found],
        "left out": [one.records.excluded for one in found],
        "Annotations": [one.annotations.total for one in found],
    }
    names = [str(number) for number in range(1, len(found) + 1)]
    if len(found) > 1:
        names.append("all")
        touched = {name: [*column, sum(column)] for name, column in touched.items()}
    st.table(
        {"": names} | {name: [f"{n:,}" for n in column] for name, column in touched.items()},
        hide_index=True,
        border="horizontal",
    )


def _overtaken(known: TaxonomyHistory, stored: Sequence[Document], change: Change) -> None:
    """Say that there is a newer version than the change was put together on, and offer it."""
    if change.after == known.newest:
        return
    newest = next((one for one in stored if one.version == known.newest), None)
    who = "Somebody" if newest is None else newest.author
    st.warning(
        as_text(
            f"{who} made version {known.newest} since you began: "
            f"{'' if newest is None else newest.message}. What you see here is counted on it; "
            "nothing of yours is lost."
        )
    )
    if st.button(f"Go on from version {known.newest}", key="taxonomy-go-on"):
        change.after = known.newest
        st.rerun()


def _apply(dataset: Dataset, change: Change, why: str) -> None:
    try:
        made = apply(
            state.workspace(), dataset.name, change.operations, author=state.user_name(),
            message=why or "; ".join(map(str, change.operations)), after=change.after,
        )  # fmt: skip
    except CurationError as error:
        show_error(error)
        return
    change.operations.clear()
    change.applied += 1
    state.notice_later(f"Version {made.version} is in force.")
    st.rerun()


def _from_file(dataset: Dataset, known: TaxonomyHistory, change: Change) -> None:
    """Draw the way from a file to operations, which are looked at like any other."""
    with st.popover("From a file…", key=f"taxonomy-file-open-{change.number}"):
        uploaded = st.file_uploader(
            "All versions, a list of classes, or operations, as YAML",
            type=["yaml", "yml"],
            max_upload_size=10,
            key=f"taxonomy-file-{dataset.name}-{change.number}",
        )
        if uploaded is None:
            return
        try:
            operations, note = operations_in(uploaded.getvalue(), known)
            if operations:
                known.current.changed(operations)
        except CurationError as error:
            show_error(error)
            return
        if not operations:
            st.markdown(f"Version {known.current.version} has these classes already.")
            return
        said = count(len(operations), "operation")
        st.markdown(f"The file makes **{said}**. They replace what you put together so far.")
        if note:
            st.caption(note)
        if st.button("Look at them", key="taxonomy-file-take"):
            change.operations[:] = operations
            change.after = known.newest
            change.number += 1
            st.rerun()
