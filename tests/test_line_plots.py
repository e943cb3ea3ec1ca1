"""Lines over a number: what is drawn, and what is named."""

import numpy as np
import pandas as pd
import pytest

from nps_research.line_plots import plot_lines

pytestmark = pytest.mark.usefixtures("fresh_figures")


def legend(axis):
    return [text.get_text() for text in axis.figure.legends[0].get_texts()]


@pytest.fixture
def lines():
    return pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 5.0]}, index=[1.0, 10.0])


def test_lines_are_drawn_with_their_errors(lines):
    axis = plot_lines(lines, "x", "y", errors=lines / 10, lines={"half": 0.5}, logarithmic="x")[0]
    np.testing.assert_array_equal(axis.containers[1].lines[0].get_ydata(), [3.0, 5.0])
    bar = axis.containers[1].lines[2][0].get_segments()[1]
    np.testing.assert_allclose(bar[:, 1], [5 - 0.98, 5 + 0.98])
    assert (axis.get_xscale(), axis.get_yscale()) == ("log", "linear")
    assert sorted(legend(axis)) == ["a", "b", "half"]


def test_the_index_names_the_axis():
    table = pd.DataFrame({"a": [1.0, 10.0]}, index=pd.Index([0.1, 0.2], name="Influence"))
    axis = plot_lines(table, y="Accounts", logarithmic="y", lines=5)[0]
    assert axis.get_yscale() == "log"
    assert axis.get_xlabel() == "Influence"
    assert legend(axis) == ["a"]


def test_lines_are_columns_over_the_index():
    table = pd.DataFrame({"60 %": [1.0, 3.0], "70 %": [2.0, 4.0]}, index=[-0.5, 0.5])
    axes = plot_lines({"left": table, "right": table}, x="x", y="y", lines=0.0)
    line = axes[1].lines[2]
    assert (line.get_xdata().tolist(), line.get_ydata().tolist()) == ([-0.5, 0.5], [2, 4])
    assert legend(axes[0]) == ["60 %", "70 %"]
    styles = {str(each.get_linestyle()) for each in axes[0].lines[1:]}
    assert len(styles) == 2


def test_lines_are_drawn_over_a_bar():
    table = pd.DataFrame({"a": [0.1, 0.4], "b": [0.2, 0.9]}, index=[10, 1000])
    axes = plot_lines(
        {"first": table, "second": table}, x="n", y="r", lines=0.8, logarithmic="x", title="T"
    )
    assert [line.get_ydata().tolist() for line in axes[1].lines[1:]] == [[0.1, 0.4], [0.2, 0.9]]
    assert axes[0].get_xscale() == "log"
    assert axes[0].get_title("left") == "first"
    assert legend(axes[0]) == ["a", "b"]


def test_panels_with_lines_of_their_own_have_legends_of_their_own():
    first, second = (pd.DataFrame({name: [0.1, 0.4]}) for name in "ab")
    axes = plot_lines({"first": first, "second": second}, x="n", y="r")
    assert axes[0].figure.legends == []
    texts = [[text.get_text() for text in axis.get_legend().get_texts()] for axis in axes]
    assert texts == [["a"], ["b"]]


def test_long_lines_have_no_marks(lines):
    many = pd.DataFrame({"a": np.arange(100.0)})
    assert plot_lines(many)[0].lines[0].get_marker().strip() == ""
    assert plot_lines(lines)[0].lines[0].get_marker() == "o"


def test_the_figure_can_be_saved_without_warning(lines, tmp_path):
    plot_lines(lines, "x", "y")[0].figure.savefig(tmp_path / "lines.png")
    assert (tmp_path / "lines.png").stat().st_size > 1000
