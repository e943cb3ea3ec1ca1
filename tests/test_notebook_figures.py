"""Figures of notebooks: names from cells and titles, and files."""

import nbformat
import pytest

from nps_research.notebook_figures import PNG, SVG, figure_names, save_figures


def cell(source, count=7, figures=1):
    drawing = {PNG: "aGVsbG8=", SVG: "<svg/>"}
    output = [nbformat.v4.new_output("display_data", dict(drawing)) for _ in range(figures)]
    return nbformat.v4.new_code_cell(source, execution_count=count, outputs=output)


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("plot(x, title='Nine & ten')", ["cell-07-nine-ten"]),
        ("axis.set_title('Nine')", ["cell-07-nine"]),
        ("figure.suptitle(f'From {year} on')", ["cell-07-from-on"]),
        ("plot(x)", ["cell-07"]),
        ("plot(x, title=name)", ["cell-07"]),
        ("a = plot(title='A')\nb = plot(title='B')", ["cell-07-a", "cell-07-b"]),
        ("for x in xs:\n    plot(x, title='A')", ["cell-07-a", "cell-07-a-2"]),
        ("plot(title='" + "long " * 30 + "')", ["cell-07-" + "-".join(["long"] * 12)]),
    ],
)
def test_names_come_from_titles(source, names):
    assert figure_names(cell(source), len(names)) == names


def test_a_notebook_keeps_its_png_only(tmp_path):
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_markdown_cell("text"), cell("plot(title='A')", figures=2)]
    )
    saved = save_figures(notebook, tmp_path / "new")
    assert [path.name for path in saved] == ["cell-07-a.png", "cell-07-a-2.png"]
    assert saved[1].read_bytes() == b"hello"
    assert saved[1].with_suffix(".svg").read_text() == "<svg/>"
    assert [set(each.data) for each in notebook.cells[1].outputs] == [{PNG}, {PNG}]


def test_a_figure_without_png_is_saved_and_stays(tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[cell("draw(title='A')")])
    del notebook.cells[0].outputs[0].data[PNG]
    assert [path.name for path in save_figures(notebook, tmp_path)] == ["cell-07-a.svg"]
    assert set(notebook.cells[0].outputs[0].data) == {SVG}


def test_no_figures_make_no_folder(tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[cell("x = 1", figures=0)])
    assert save_figures(notebook, tmp_path / "new") == []
    assert not (tmp_path / "new").exists()
