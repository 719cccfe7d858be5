"""Colours and the frame that pages share. One colour means one thing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

ICON = str(Path(__file__).with_name("icon.svg"))
"""In the browser's tab; a file of ours, since Streamlit fetches its own icons from the network."""


@dataclass(frozen=True)
class Palette:
    """The colours of one theme, as in ``.streamlit/config.toml``."""

    ours: str
    """Chosen, suggested, after."""
    given: str
    """The given label, the suspect, the change."""
    context: str
    """Everything else, before."""
    text: str
    faint: str
    line: str


LIGHT = Palette("#0F766E", "#C2410C", "#CBD5DF", "#1C2430", "#5B6675", "#E3E7EC")
DARK = Palette("#2BA396", "#E8743B", "#3D4955", "#E6EAEE", "#9AA5B1", "#2C3640")

_STYLE = """
<style>
.stMainBlockContainer { max-width: 1280px; }
[data-testid="stMetric"] [data-testid="stMetricLabel"] p { font-size: 0.87rem; }
[data-testid="stCaptionContainer"] p { line-height: 1.45; }
[class*="st-key-record-text"] p {
  font-size: 1.4rem; font-weight: 600; line-height: 1.35; overflow-wrap: anywhere; }
[class*="st-key-figures"] { row-gap: 0.6rem; }
.st-key-figures-loop > div { position: relative; }
.st-key-figures-loop > div:not(:last-child)::after {
  content: "→"; position: absolute; right: 1.1rem; top: 2.1rem; opacity: 0.35; font-size: 1.2rem; }
[class*="st-key-step-selected"] { border-color: var(--ours, #0F766E); }
[class*="st-key-step-number"] p { opacity: 0.65; }
@media (max-width: 1200px) {
  .stMainBlockContainer { padding-left: 2.25rem; padding-right: 2.25rem; }
  .st-key-figures-loop > div::after { display: none; }
  [class*="st-key-figures"] > div { width: 120px !important; min-width: 120px; }
}
@media (max-width: 640px) {
  .stMainBlockContainer { padding-left: 1rem; padding-right: 1rem; }
  [class*="st-key-figures"] > div { width: 165px !important; }
  [class*="st-key-record-text"] p { font-size: 1.2rem; }
}
</style>
"""


def palette() -> Palette:
    """Return the colours of the theme that the person sees now."""
    return DARK if st.context.theme.type == "dark" else LIGHT


def draw_frame() -> None:
    """Put the shared style on the page: content at most 1,280 px wide."""
    st.html(_STYLE)
