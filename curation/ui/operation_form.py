"""One operation on the classes of a taxonomy, as a small form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import streamlit as st

from curation.errors import UsageError
from curation.lake.taxonomy import Add, Merge, Operation, Rename, Retire, Split

_NEW: Final = "New name"


def operation_form(classes: Sequence[str], key: str, number: int) -> Callable[[], Operation]:
    """Draw the form; return what makes the operation of its fields, to call once it is wanted.

    Args:
        classes: those that the operation is on.
        key: start of the widgets' keys, which are ``{key}-kind`` and ``{key}-{number}-{field}``.
        number: another one empties the fields and leaves the kind as it is.

    Returns:
        A function that raises UsageError where a field that is needed is empty.
    """
    kind = st.segmented_control(
        "Operation",
        list(_FORMS),
        format_func=str.capitalize,
        default="rename",
        required=True,
        key=f"{key}-kind",
        label_visibility="collapsed",
        persist_state="session",
    )
    return _FORMS[kind or "rename"](classes, f"{key}-{number}-{kind}")


def _rename(classes: Sequence[str], key: str) -> Callable[[], Operation]:
    old = _class("Class", classes, key)
    new = _text(_NEW, f"{key}-new")
    return lambda: Rename(old=_chosen(old, "rename"), new=new)


def _merge(classes: Sequence[str], key: str) -> Callable[[], Operation]:
    merged = st.multiselect(
        "Classes",
        classes,
        key=f"{key}-classes",
        placeholder="Choose two or more",
        select_all=False,
        persist_state="session",
    )
    into = st.selectbox(
        "Into",
        merged,
        index=None,
        key=f"{key}-into",
        placeholder="One of them, or type a new name",
        accept_new_options=True,
        persist_state="session",
    )
    return lambda: Merge(classes=tuple(merged), into=(into or "").strip())


def _split(classes: Sequence[str], key: str) -> Callable[[], Operation]:
    name = _class("Class", classes, key)
    into = st.multiselect(
        "Into",
        [] if name is None else [name],
        key=f"{key}-into",
        placeholder="Type each name and press Enter",
        help="The class may be one of them.",
        accept_new_options=True,
        select_all=False,
        persist_state="session",
    )
    return lambda: Split(
        name=_chosen(name, "split"), into=tuple(str(part).strip() for part in into)
    )


def _add(_: Sequence[str], key: str) -> Callable[[], Operation]:
    name = _text("Name", f"{key}-name")
    description = _text("What belongs in it (optional)", f"{key}-description")
    return lambda: Add(name=name, description=description or None)


def _retire(classes: Sequence[str], key: str) -> Callable[[], Operation]:
    name = _class("Class", classes, key)
    exclude = st.radio(
        "Its records",
        [False, True],
        format_func=lambda out: "are left out" if out else "wait for another label",
        horizontal=True,
        key=f"{key}-then",
        persist_state="session",
    )
    return lambda: Retire(name=_chosen(name, "retire"), then="exclude" if exclude else "queue")


_FORMS: Final[dict[str, Callable[[Sequence[str], str], Callable[[], Operation]]]] = {
    "rename": _rename, "merge": _merge, "split": _split, "add": _add, "retire": _retire,
}  # fmt: skip


def _class(label: str, classes: Sequence[str], key: str) -> str | None:
    return st.selectbox(
        label,
        classes,
        index=None,
        key=f"{key}-class",
        placeholder="Choose",
        persist_state="session",
    )


def _text(label: str, key: str) -> str:
    return (st.text_input(label, key=key, persist_state="session") or "").strip()


def _chosen(name: str | None, what: str) -> str:
    if name is None:
        raise UsageError(f"Choose the class to {what}.")
    return name
