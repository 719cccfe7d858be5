"""The workbench: its pages and their frame. Start it with ``curation app``."""

from curation.ui import imports

imports.wait_for_drawing()

import streamlit as st  # noqa: E402 - after the heavy libraries, which two sessions must not import at once

from curation.ui import errors, state, theme, undo_view  # noqa: E402

st.set_page_config(page_title="Curation", page_icon=theme.ICON, layout="wide")
pages = {
    "Data": [
        st.Page("pages/home.py", title="Home", icon=":material/home:", default=True),
        st.Page("pages/datasets.py", title="Datasets", icon=":material/database:"),
    ],
    "Curate": [
        st.Page("pages/label_issues.py", title="Label issues", icon=":material/fact_check:"),
        st.Page("pages/other_issues.py", title="Other issues", icon=":material/troubleshoot:"),
        st.Page("pages/balance.py", title="Balance", icon=":material/balance:"),
        st.Page("pages/sampling_rules.py", title="Sampling rules", icon=":material/filter_alt:"),
        st.Page("pages/taxonomy.py", title="Taxonomy", icon=":material/account_tree:"),
        st.Page("pages/annotators.py", title="Annotators", icon=":material/group:"),
    ],
    "Recipe": [
        st.Page("pages/recipe.py", title="Recipe", icon=":material/receipt_long:"),
    ],
    "Operate": [
        st.Page("pages/versions.py", title="Versions", icon=":material/layers:"),
    ],
}
page = st.navigation(pages)
theme.draw_frame()
with errors.page_errors():
    state.open_frame()
    if (dataset := state.current()) is not None:
        undo_view.undo_buttons(dataset)
    state.show_notice()
    page.run()
