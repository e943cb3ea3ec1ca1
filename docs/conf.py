"""Sphinx settings of the book."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "docs"))

import nps_research  # noqa: E402

project = "nps_research"
author = "The nps_research authors"
copyright = author  # noqa: A001  (the name Sphinx reads)
version = release = nps_research.__version__
language = "en"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinxcontrib.bibtex",
    "book.sphinx_extension",
]
exclude_patterns: list[str] = []

# Notebooks are committed with their outputs, and make test compares those with a rerun.
nb_execution_mode = "off"
myst_enable_extensions = ["amsmath", "attrs_block", "deflist", "dollarmath"]
myst_heading_anchors = 3

# Signatures give names and defaults; docstrings give types and shapes in words.
autodoc_typehints = "none"
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
autosummary_generate = False
numpydoc_show_class_members = False
python_use_unqualified_type_names = True
# `name` in a docstring links to what has that name, and is plain code where nothing has.
default_role = "py:obj"
nitpick_ignore_regex = [("py:obj", ".*")]

bibtex_bibfiles = ["references.bib"]
bibtex_default_style = "plain"
bibtex_reference_style = "author_year"

html_theme = "furo"
html_title = "nps_research"
html_static_path = ["_static"]
templates_path = ["_templates"]
html_css_files = ["book.css"]
html_js_files = [("book.js", {"defer": "defer"})]
html_favicon = "_static/favicon.svg"
html_show_sourcelink = False
html_copy_source = False
html_show_sphinx = False
mathjax_path = "mathjax/tex-chtml.js"
