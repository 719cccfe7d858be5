"""The workbench: its pages and their frame. Start it with ``curation app``."""

from curation.ui import imports

imports.wait_for_drawing()

import streamlit as st  # noqa: E402 - after the heavy libraries, which two sessions must not import at once

from curation.ui import errors, state, theme  # noqa: E402

st.set_page_config(page_title="Curation", page_icon=theme.ICON, layout="wide")
pages = {
    "Data": [
        st.Page("pages/home.py", title="Home", icon=":material/home:", default=True),
        st.Page("pages/datasets.py", title="Datasets", icon=":material/database:"),
    ],
    "Curate": [
        st.Page("pages/label_issues.py", title="Label issues", icon=":material/fact_check:"),
        st.Page("pages/balance.py", title="Balance", icon=":material/balance:"),
    ],
    "Recipe": [
        st.Page("pages/recipe.py", title="Recipe", icon=":material/receipt_long:"),
    ],
}
page = st.navigation(pages)
theme.draw_frame()
with errors.page_errors():
    state.open_frame()
    state.show_notice()
    page.run()
