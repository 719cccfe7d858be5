"""The browser workbench: the only core package that imports Streamlit and Plotly."""
