import io

import numpy as np
import pandas as pd
import pytest

import nps_research as npsr
from nps_research import progress_bar
from nps_research.diagnostics import ConvergenceWarning
from nps_research.market.comparisons import pooled_scores
from nps_research.market.grids import World
from nps_research.market.mechanisms import Incentives
from nps_research.market.simulate import Market
from nps_research.model_coverage import one_group_coverage
from nps_research.progress_bar import progress, watched
from nps_research.replication import BATCH, replicated

SMALL = Market(customers=80, agents=4, teams=2, months=6, rollout=2)
CALCULATIONS = {
    "replicated": lambda **shown: pd.DataFrame(
        replicated(lambda number: {"x": number}, BATCH + 1, identity={}, **shown)
    ),
    "sweep": lambda **shown: npsr.sweep(SMALL, {"begging": [0, 1]}, 2, random_seed=1, **shown),
    "attribute": lambda **shown: npsr.attribute(
        SMALL, Incentives(begging=1), replicates=2, **shown
    ),
    "pooled_scores": lambda **shown: pooled_scores(
        {"a": World(SMALL, Incentives())}, 2, random_seed=1, **shown
    ),
    "one_group_coverage": lambda **shown: one_group_coverage(
        [1 / 11] * 11, [5], replicates=50, random_seed=1, **shown
    ),
}


class Terminal(io.StringIO):
    def isatty(self):
        return True


def terminal(monkeypatch):
    """Let a terminal take stderr; in a fixture, capturing would take it back."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    monkeypatch.setattr("sys.stderr", Terminal())
    return progress_bar.sys.stderr


@pytest.mark.parametrize("calculate", CALCULATIONS.values(), ids=CALCULATIONS)
def test_progress_is_shown_when_asked_for_and_changes_no_number(calculate, capsys):
    silent = calculate(progressbar=False)
    assert capsys.readouterr() == ("", "")
    watched_result = calculate(progressbar=True)
    shown = capsys.readouterr()
    assert " of " in shown.err
    assert "s left" in shown.err
    assert shown.out == ""
    pd.testing.assert_frame_equal(silent, watched_result)


def test_nothing_is_shown_by_default_where_nobody_watches(capsys, monkeypatch):
    monkeypatch.setattr(progress_bar, "PATIENCE", 0.0)
    assert list(progress(range(3), 3, "numbers")) == [0, 1, 2]
    assert capsys.readouterr() == ("", "")


def test_a_terminal_is_watched_but_not_in_continuous_integration(monkeypatch):
    terminal(monkeypatch)
    assert watched()
    monkeypatch.setenv("CI", "true")
    assert not watched()
    assert watched(progressbar=True)


def test_an_open_notebook_is_watched_and_an_executed_one_is_not(monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setitem(progress_bar.sys.modules, "ipykernel", object())
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    assert not watched()
    monkeypatch.setenv("JPY_SESSION_NAME", "notebooks/01.ipynb")
    assert watched()


def test_what_ends_soon_needs_no_line(monkeypatch):
    stderr = terminal(monkeypatch)
    list(progress(range(100), 100, "numbers"))
    assert stderr.getvalue() == ""


def test_the_line_is_erased(monkeypatch):
    stderr = terminal(monkeypatch)
    list(progress(range(2), 2, "numbers", progressbar=True))
    *lines, blank, end = stderr.getvalue().split("\r")
    assert [line[:15] for line in lines] == ["", "numbers: 1 of 2", "numbers: 2 of 2"]
    assert (blank.strip(), end) == ("", "")
    assert len(blank) >= len(lines[-1].rstrip())


def test_the_line_is_erased_when_work_fails(monkeypatch):
    stderr = terminal(monkeypatch)
    with pytest.raises(ZeroDivisionError):
        list(progress((1 / (1 - number) for number in range(2)), 2, "x", progressbar=True))
    assert stderr.getvalue().endswith("\r")


def test_fits_ask_the_same_question(monkeypatch):
    asked = []
    monkeypatch.setattr("nps_research.ordinal.model.watched", asked.append)
    counts = pd.DataFrame({"score": np.arange(11), "n": 5})
    with pytest.warns(ConvergenceWarning):
        npsr.OrdinalModel("score ~ 1", counts).fit(20, tune=20, chains=2, random_seed=1)
    assert asked == [None]
