"""The command line as its users meet it: help, exit codes, files, and no tracebacks."""

import json
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest

from nps_research import cli
from nps_research.market.mechanisms import Incentives
from nps_research.market.simulate import Market
from nps_research.own_data.editions import EDITIONS

COMMAND = Path(sys.executable).with_name("nps-research")
COMMANDS = ("list", "reproduce", "verify", "refresh", "run", "simulate")
SMALL = ["--customers", "300", "--agents", "6", "--teams", "2", "--months", "8"]


@pytest.fixture
def export(tmp_path):
    """Write a survey with weights, codes for no answer, and who left."""
    generator = np.random.default_rng(3)
    score = generator.choice([0, 3, 5, 6, 7, 8, 9, 10, 11], 300)
    rows = {"Likely?": score, "Shop": generator.choice(["A", "B"], 300)}
    rows |= {"w": generator.uniform(0.5, 2, 300).round(3), "secret": generator.integers(0, 9, 300)}
    path = tmp_path / "export.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_examples_and_exit_codes(command, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--help"])
    text = capsys.readouterr().out
    assert ended.value.code == 0
    assert f"nps-research {command}" in text.split("examples:")[1]
    assert "exit codes:" in text


def test_list_names_every_notebook(capsys):
    assert cli.main(["list"]) == 0
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}
    assert "about 20 seconds" in rows["02_nps_as_a_statistic"]
    assert "Does the machinery recover what is true?" in rows["04_can_we_trust_the_fit"]
    with_own = [name for name, line in rows.items() if line.split()[1:2] == ["yes"]]
    assert with_own == list(EDITIONS)


def test_simulate_writes_what_the_package_simulates(tmp_path, capsys):
    path = tmp_path / "market.csv"
    arguments = ["--output", str(path), "--seed", "7", "--incentive", "begging=1", *SMALL]
    assert cli.main(["simulate", *arguments, "--replicates", "2"]) == 0
    world = Market(customers=300, agents=6, teams=2, months=8)
    expected = world.simulate(Incentives(begging=1), random_seed=7, replicate=1).counts()
    table = pd.read_csv(path).astype({"score": "Int64"})
    second = table[table["replicate"] == 1].drop(columns="replicate").reset_index(drop=True)
    pd.testing.assert_frame_equal(second, expected, check_dtype=False)
    about = json.loads(path.with_suffix(".json").read_text())
    assert list(about["columns"]) == list(table.columns)
    assert (about["random_seed"], about["incentives"]) == (7, "Incentives(begging=1)")
    assert f"{table['n'].sum():,} customers asked" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--output", "x.xls"], "must end in .csv or .parquet"),
        (["--output", "nowhere/x.csv"], "there is no folder nowhere"),
        (["--output", "x.csv", "--incentive", "beging=1"], "did you mean 'begging'"),
        (["--output", "x.csv", "--incentive", "begging"], "'begging' must be NAME=NUMBER"),
        (["--output", "x.csv", "--incentive", "begging=2"], "must be from 0 to 1"),
        (["--output", "x.csv", "--agents", "0"], "agents must be a whole number"),
        (["--output", "x.csv", "--replicates", "0"], "--replicates must be 1 or more"),
    ],
)
def test_impossible_simulations_are_refused(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["simulate", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["04", "--score", "Likely?"], "no notebook '04' accepts own data; these do: 01_the_data"),
        (["02", "--score", "Likly?"], "did you mean 'Likely?'"),
        (["02", "--score", "Likely?"], "first 11 at row"),
        (["02", "--score", "Likely?", "--missing", "11", "--by", "shop"], "did you mean 'Shop'"),
        (["02", "--score", "Likely?", "--missing", "11", "--scale", "1"], "--scale takes 2"),
        (["06", "--score", "Likely?", "--missing", "11"], "Name it with --churn"),
        (["06", "--score", "Likely?", "--missing", "11", "--missing", "9"], "Name it with --churn"),
    ],
)
def test_impossible_surveys_are_refused(arguments, message, export, capsys, tmp_path):
    folder = tmp_path / "out"
    code = cli.main(["run", *arguments, "--data", str(export), "--output", str(folder)])
    assert code == 2
    assert message in capsys.readouterr().err
    assert not folder.exists()


def test_run_asks_a_survey_the_questions_of_a_notebook(export, tmp_path):
    arguments = ["--data", str(export), "--score", "Likely?", "--by", "Shop", "--weight", "w"]
    run = subprocess.run(  # noqa: S603  (our own program)
        [COMMAND, "run", "01", *arguments, "--missing", "11=does not know", "--output", "out"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.split() == ["out/01_the_data.html", "out/01_the_data.ipynb"]
    page = (tmp_path / "out" / "01_the_data.html").read_text()
    assert "does not know" in page
    assert "With weights the NPS is" in page
    stored = (tmp_path / "out" / "01_the_data.ipynb").read_text()
    assert [
        trace for trace in (str(tmp_path), "http://", "https://") if trace in page + stored
    ] == []
    cells = nbformat.reads(stored, as_version=4).cells
    injected = next(c for c in cells if c.metadata.get("tags") == ["injected-parameters"])
    assert "data = '../export.csv'" in injected.source


def test_an_unknown_command_is_refused_without_a_traceback():
    run = subprocess.run(  # noqa: S603  (our own program)
        [COMMAND, "repro"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 2
    assert "invalid choice: 'repro'" in run.stderr
    assert "Traceback" not in run.stderr
