"""Forms: the widget of each kind of field, what they return, and errors in words."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from streamlit.testing.v1 import AppTest

from curation.ui.forms import validated


class Example(BaseModel):
    """One field of each kind."""

    model_config = ConfigDict(extra="forbid")

    step: Literal["example"] = "example"
    id: str = ""
    rows: int = Field(title="Rows per class", description="At most so many", ge=1, le=1000)
    share: float = Field(0.5, title="Share", ge=0, le=1)
    where: str | None = Field(None, title="Only where", json_schema_extra={"widget": "expression"})
    action: Literal["relabel", "drop"] = Field("relabel", title="Action")
    per: list[str] = Field(
        default_factory=list, title="Per", json_schema_extra={"widget": "columns"}
    )
    stable: bool = Field(True, title="Stable")
    limit: int | None = Field(None, title="Limit", ge=1)


def _script(example):
    import streamlit as st

    from curation.ui.forms import model_form

    st.session_state.found = model_form(
        example, {"rows": 300, "per": ["intent"]}, key="f", columns=["intent", "month"]
    )


def _run() -> AppTest:
    return AppTest.from_function(_script, args=(Example,)).run(timeout=30)


def test_every_field_has_its_widget_and_hidden_ones_have_none() -> None:
    at = _run()
    assert not at.exception
    assert at.number_input(key="f-rows").value == 300
    assert (at.number_input(key="f-rows").min, at.number_input(key="f-rows").max) == (1, 1000)
    assert at.number_input(key="f-share").value == 0.5
    assert at.text_input(key="f-where").label == "Only where (optional)"
    assert at.selectbox(key="f-action").options == ["relabel", "drop"]
    assert at.multiselect(key="f-per").options == ["intent", "month"]
    assert at.toggle(key="f-stable").value is True
    assert at.number_input(key="f-limit").value is None
    assert {w.key for w in at.text_input} == {"f-where"}


def test_what_comes_back_makes_the_model() -> None:
    at = _run()
    assert at.session_state.found == {
        "rows": 300,
        "share": 0.5,
        "action": "relabel",
        "per": ["intent"],
        "stable": True,
    }
    at.text_input(key="f-where").input("month = 'May'")
    at.multiselect(key="f-per").set_value(["month"])
    at.number_input(key="f-limit").set_value(7)
    at.run(timeout=30)
    made, wrong = validated(Example, at.session_state.found)
    assert wrong == []
    assert made == Example(rows=300, where="month = 'May'", per=["month"], limit=7)


def test_errors_name_the_field_by_its_title() -> None:
    _, wrong = validated(Example, {"rows": 0, "share": "x", "colour": 1})
    assert wrong == [
        "Rows per class should be greater than or equal to 1.",
        "Share is not a number.",
        "Colour is not known here.",
    ]
    assert validated(Example, {})[1] == ["Rows per class is needed."]
