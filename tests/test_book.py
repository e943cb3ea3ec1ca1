"""What the book is made of: numbered outputs, links to cells, lists, sources and standards."""

import json
import re
from pathlib import Path

import nbformat
import pytest
from book import api, citations, lists
from book.citations import Citation
from book.notebooks import PlaceError, find_place, notebooks, read
from book.staging import for_the_book, staged

import nps_research

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
POINTER = re.compile(r"\{(cell|file|test)\}`([^`]+)`")
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
STANDARDS = [page for page in PAGES if page.parent.name == "standards" and page.stem != "index"]
VERDICTS = {"yes", "partly", "no", "does not apply"}


def pointers():
    for page in PAGES:
        for kind, target in POINTER.findall(page.read_text(encoding="utf-8")):
            yield pytest.param(kind, target, id=f"{page.stem}: {target}")


def leads_somewhere(kind, target):
    if kind == "file":
        return (ROOT / target).exists()
    if kind == "test":
        file, _, name = target.partition("::")
        path = ROOT / "tests" / file
        return path.exists() and f"def {name}(" in path.read_text(encoding="utf-8")
    return bool(find_place(target))


def words(text):
    """Return the words of a text, those of names in code as well."""
    return re.sub(r"[^a-z0-9]+", " ", text.lower())


@pytest.fixture
def notebook(tmp_path):
    """Return a small notebook: two figures, two tables, a record."""
    new = nbformat.v4
    figure = new.new_output("display_data", {"image/png": "AAAA", "text/plain": "<Figure>"})
    html = '<table border="1"><thead><th></th><th>nps</th><th>n</th></thead></table>'
    table = new.new_output("execute_result", {"text/html": html, "text/plain": "nps"})
    cells = [
        new.new_markdown_cell("# Does it rise?\n\nSo. Half of it does:"),
        new.new_code_cell("npsr.nps(counts)", outputs=[table]),
        new.new_markdown_cell("## Figures\n\nTwo of them."),
        new.new_code_cell("title = 'It rises'\nplot(title=title)", outputs=[figure]),
        new.new_code_cell("plot(title='It falls')\ntable", outputs=[figure, table]),
        new.new_code_cell("npsr.record('C01.rise', 3)"),
        new.new_markdown_cell("## Session"),
        new.new_code_cell("npsr.session_information()", outputs=[table]),
    ]
    nbformat.write(new.new_notebook(cells=cells), tmp_path / "07_small.ipynb")
    return read(tmp_path / "07_small.ipynb")


def test_outputs_are_numbered_by_kind_and_say_what_they_show(notebook):
    assert [(each.name, each.title, each.cell.number) for each in notebook.exhibits] == [
        ("Table 7.1", "Half of it does", 2),
        ("Figure 7.1", "It rises", 4),
        ("Figure 7.2", "It falls", 5),
        ("Table 7.2", "Figures (nps, n)", 5),
    ]


def test_every_output_that_is_shown_is_listed():
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        shown = [output.get("data", {}) for cell in cells for output in cell.get("outputs", [])]
        tables = sum("<table" in "".join(data.get("text/html", [])) for data in shown)
        figures = sum("image/png" in data or "image/svg+xml" in data for data in shown)
        session = 1
        assert len(read(path).exhibits) == figures + tables - session, path.name


@pytest.mark.parametrize("book", notebooks(), ids=lambda book: book.path.stem)
def test_every_figure_has_its_title_as_alternative_text(book):
    for cell, node in zip(book.cells, for_the_book(book).cells, strict=True):
        figures = [kind for kind, _ in cell.shown if kind == "Figure"]
        alternative = node.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
        assert len(re.findall(r"Figure \d+\.\d+: \S", alternative)) == len(figures), str(cell.place)
        assert len(cell.figure_titles) >= len(figures), str(cell.place)


def test_a_cell_is_found_by_its_heading_or_by_words_that_only_it_has(notebook):
    assert notebook.find("Figures").number == 3
    assert notebook.find("npsr.nps(").number == 2


@pytest.mark.parametrize(("words", "cells"), [("plot(", "4, 5"), ("nowhere", "none")])
def test_words_of_several_cells_or_of_none_are_refused(notebook, words, cells):
    with pytest.raises(PlaceError, match=f"cells with it: {cells}"):
        notebook.find(words)


def test_unknown_notebooks_are_refused():
    with pytest.raises(PlaceError, match="no notebook '99'"):
        find_place("99: The map")


def test_records_are_found_in_their_cells(notebook):
    assert [cell.recorded_keys for cell in notebook.cells if cell.is_code][3] == ["C01.rise"]


def test_every_recorded_number_has_its_cell():
    assert set(lists.recording_cells()) == set(nps_research.claims.recorded_results())


def test_every_claim_is_in_the_ledger():
    entries = re.findall(r"^(C\d\d) .+\n: \*\*(\w[\w ]+)\*\*", lists.ledger_page(), re.MULTILINE)
    ledger = nps_research.claims.ledger()
    assert {key: verdict.lower() for key, verdict in entries} == ledger["verdict"].to_dict()


def test_every_public_name_is_documented():
    documented = {name for page in api.read_contents() for name in api.documented(page["names"])}
    modules = {name.rpartition(".")[0] for name in documented}
    assert [name for name in nps_research.__all__ if name not in documented | modules] == []


def test_whatever_a_notebook_imports_is_documented():
    named = {name for page in api.read_contents() for name in api.documented(page["names"])}
    things = {id(api.resolve(name)) for name in named}
    source = "\n".join(cell.node.source for book in notebooks() for cell in book.cells)
    imported = re.findall(r"from nps_research\.([\w.]+) import (\([^)]*\)|.+)", source)
    names = {(module, name) for module, listed in imported for name in re.findall(r"\w+", listed)}
    assert [
        f"{module}.{name}"
        for module, name in sorted(names)
        if id(thing := api.resolve(f"{module}.{name}")) not in things
        and getattr(thing, "__spec__", None) is None
    ] == []


def test_every_cited_work_is_in_the_bibliography():
    assert citations.missing(citations.cited()) == []


def test_nothing_in_the_bibliography_is_uncited():
    assert citations.uncited() == []


@pytest.mark.parametrize(
    ("source", "citation"),
    [
        (
            'Notes\n    Page 1954, "Continuous\n    Inspection Schemes".',
            "Continuous Inspection Schemes",
        ),
        ('# Page (1954, "Continuous Inspection Schemes")', "Continuous Inspection Schemes"),
    ],
)
def test_citations_are_found_in_code(source, citation):
    assert list(citations.cited_in_code("x", source)) == [Citation("x", "1954", citation)]


@pytest.mark.parametrize(
    ("bullet", "found"),
    [
        ('E. S. Page (1954), "Continuous Inspection Schemes", *Biometrika*.', ["1954"]),
        ("Leslie Kish (1965), *Survey Sampling*: effective sample size.", ["1965"]),
        ("Keiningham and others (2007), *Journal of Marketing* 71.", []),
    ],
)
def test_citations_are_found_in_notebooks(bullet, found):
    assert [each.year for each in citations.cited_in_bullet("x", bullet)] == found


def test_a_work_that_is_not_in_the_bibliography_is_found():
    made_up = Citation("x", "1954", "Continuous Suspicion")
    assert citations.missing([made_up]) == [made_up]


@pytest.mark.parametrize(("kind", "target"), list(pointers()))
def test_every_pointer_leads_somewhere(kind, target):
    assert leads_somewhere(kind, target)


@pytest.mark.parametrize("target", ["test_book.py::test_of_nothing", "test_nowhere.py::test_x"])
def test_pointers_to_nothing_are_found(target):
    assert not leads_somewhere("test", target)


@pytest.mark.parametrize("page", STANDARDS, ids=lambda page: page.stem)
def test_every_item_of_a_standard_has_a_verdict_and_a_place(page):
    rows = re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \|$", page.read_text("utf-8"), re.MULTILINE)
    items = [row for row in rows if row[0] not in {"item", "---"}]
    assert {verdict for _, verdict, _ in items} <= VERDICTS
    pointed = re.compile(r"\{[\w:]+\}`|\]\(\.\./")
    assert [
        item for item, verdict, where in items if verdict == "yes" and not pointed.search(where)
    ] == []


def test_every_bayesian_standard_of_ropensci_is_judged():
    text = (ROOT / "docs" / "standards" / "ropensci.md").read_text(encoding="utf-8")
    heads = re.findall(r"^\| BS(\d)\.(\d+)\w?(?:(?: to |, )BS\d\.(\d+))?", text, re.MULTILINE)
    judged = {(s, k) for s, low, high in heads for k in range(int(low), int(high or low) + 1)}
    last = {"1": 5, "2": 20, "3": 3, "4": 7, "5": 5, "6": 5, "7": 4}
    assert judged == {(section, k) for section, top in last.items() for k in range(top + 1)}


def test_every_term_of_the_glossary_is_used():
    blocks = re.findall(r"^```\{glossary\}\n(.*?)^```", GLOSSARY, re.MULTILINE | re.DOTALL)
    terms = [line for block in blocks for line in block.splitlines() if re.match(r"\S", line)]
    sources = [cell.node.source for book in notebooks() for cell in book.cells]
    sources += [path.read_text("utf-8") for path in (ROOT / "nps_research").rglob("*.py")]
    text = words(" ".join(sources))
    assert [
        term for term in terms if words(term).removeprefix("the ").rstrip("s") not in text
    ] == []


def test_the_first_page_has_every_notebook_by_its_short_name():
    index = dict(staged())["index.md"].decode()
    assert "02 NPS as a statistic <notebooks/02_nps_as_a_statistic>" in index
    assert all(f"<notebooks/{book.path.stem}>" in index for book in notebooks())
