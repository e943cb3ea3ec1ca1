"""Running notebooks: copies, recorded numbers, exit codes, and what a change leads to."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import nbformat
import pytest

from nps_research import claims, cli, records, reproduction
from nps_research.records import Record
from nps_research.reproduction import Execution, ReproductionError

SOURCE = """\
import nps_research as npsr
npsr.record("a_result", 2.0 + {extra}, unit="points")
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A checkout with one notebook that records the number 2."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "data").mkdir()
    monkeypatch.setattr(reproduction, "ROOT", tmp_path)
    monkeypatch.setattr(reproduction, "notebooks", lambda: [tmp_path / "notebooks" / "01_a.ipynb"])
    recorded = {"a_result": Record(2.0, unit="points", notebook="01_a")}
    monkeypatch.setattr(claims, "recorded_results", lambda: recorded)
    return tmp_path


def write_notebook(project, extra="0"):
    cells = [nbformat.v4.new_code_cell(SOURCE.format(extra=extra))]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), project / "notebooks" / "01_a.ipynb")


def test_reproduce_counts_notebooks_and_numbers(project, capsys):
    write_notebook(project)
    before = (project / "notebooks" / "01_a.ipynb").read_text()
    assert cli.main(["reproduce", "--jobs", "1"]) == 0
    assert "1 notebooks ran; 1 of 1 recorded numbers were reproduced" in capsys.readouterr().out
    assert (project / "notebooks" / "01_a.ipynb").read_text() == before
    copy = nbformat.read(project / "build" / "notebooks" / "01_a.ipynb", as_version=4)
    assert "a_result" in copy.cells[0].outputs[0]["data"]["text/plain"]


def test_a_number_that_does_not_come_back_fails(project, capsys):
    write_notebook(project, extra="1e-4")
    assert cli.main(["reproduce", "01_a", "--jobs", "1"]) == 1
    captured = capsys.readouterr()
    assert "0 of 1 recorded numbers" in captured.out
    assert "a_result: value 2.0, rerun 2.0001" in captured.err


FIGURE = """\
import matplotlib.pyplot as plt
axes = plt.subplots()[1].plot([1, 2])
title = plt.title("Ten & more")
import nps_research as npsr
npsr.record("a_result", 2.0, unit="points")
"""


def test_figures_are_saved_twice_and_the_copy_keeps_one(project, capsys):
    cells = [nbformat.v4.new_code_cell(FIGURE)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), project / "notebooks" / "01_a.ipynb")
    assert cli.main(["reproduce", "01", "--jobs", "1"]) == 0
    folder = project / "build" / "figures" / "01_a"
    assert sorted(path.name for path in folder.iterdir()) == [
        "cell-01-ten-more.png",
        "cell-01-ten-more.svg",
    ]
    assert (folder / "cell-01-ten-more.svg").read_text().startswith("<?xml")
    assert "svg+xml" not in (project / "build" / "notebooks" / "01_a.ipynb").read_text()
    row = capsys.readouterr().out.splitlines()[2].split()
    assert (row[0], row[1], row[3:]) == ("01_a", "ran", ["1", "1", "of", "1"])


def test_verify_shows_every_number_and_writes_a_report(project, capsys, monkeypatch):
    write_notebook(project)
    sampled = {
        "a_result": Record(2.0, unit="points", notebook="01_a"),
        "gone": Record(5.0, mcse=0.1, notebook="01_a"),
        "elsewhere": Record(5.0, notebook="02_b"),
    }
    monkeypatch.setattr(claims, "recorded_results", lambda: sampled)
    path = project / "notebooks" / "01_a.ipynb"
    monkeypatch.setattr(reproduction, "notebooks", lambda: [path, path.with_name("02_b.ipynb")])
    assert cli.main(["verify", "01", "--jobs", "1", "--output", str(project / "out")]) == 1
    captured = capsys.readouterr()
    rows = {line.split()[0]: line.split()[1:] for line in captured.out.splitlines()}
    assert rows["a_result"] == ["2", "2", "exact", "yes", "01,", "cell", "1"]
    assert rows["gone"][:3] == ["5.00", "±", "0.1"]
    assert "NO" in rows["gone"]
    assert "elsewhere" not in rows
    assert "gone: no notebook gave it" in captured.err
    report = json.loads((project / "out" / "verification.json").read_text())
    assert (report["agrees"], report["reproduced"], report["numbers"]) == (False, 1, 2)
    assert (project / "out" / "verification.html").exists()


def test_a_record_knows_its_cell(project):
    write_notebook(project)
    assert cli.main(["refresh", "--jobs", "1"]) == 0
    stored = records.read_results(project / "data" / "recorded_results.json")
    assert stored["a_result"].cell == 1


def test_an_error_in_a_notebook_fails_and_is_shown(project, capsys):
    write_notebook(project, extra="missing_name")
    assert cli.main(["reproduce", "--jobs", "1"]) == 1
    captured = capsys.readouterr()
    assert "01_a: failed" in captured.out
    assert "cell [1]: NameError: name 'missing_name' is not defined" in captured.err
    assert "a_result: no notebook gave it" in captured.err
    assert "Traceback" not in captured.err


def test_refresh_renews_notebook_and_numbers(project, capsys):
    write_notebook(project, extra="5")
    assert cli.main(["refresh", "--jobs", "1"]) == 0
    stored = json.loads((project / "data" / "recorded_results.json").read_text())["results"]
    assert stored["a_result"]["value"] == 7.0
    assert stored["a_result"]["notebook"] == "01_a"
    renewed = nbformat.read(project / "notebooks" / "01_a.ipynb", as_version=4)
    shown = renewed.cells[0].outputs[0]["data"]["text/plain"]
    assert shown == "a_result: 7 points; reproduced"
    assert renewed.metadata["language_info"] == {"name": "python"}
    assert "renewed" in capsys.readouterr().out


def test_unknown_notebooks_are_named(project, capsys):
    write_notebook(project)
    assert cli.main(["reproduce", "02_b"]) == 2
    assert "no notebook '02_b'; there are: 01_a" in capsys.readouterr().err


def test_an_installed_package_says_where_notebooks_are(capsys, monkeypatch):
    monkeypatch.setattr(reproduction, "notebooks", list)
    assert cli.main(["reproduce"]) == 2
    assert "come with a checkout" in capsys.readouterr().err


def test_numbers_of_notebooks_that_did_not_run_are_kept(project, monkeypatch):
    other = Record(3.0, notebook="02_b")
    gone = Record(4.0, notebook="03_deleted")
    old = {"a_result": Record(1.0, notebook="01_a"), "other": other, "gone": gone}
    monkeypatch.setattr(claims, "recorded_results", lambda: old)
    write_notebook(project)
    path = project / "notebooks" / "01_a.ipynb"
    monkeypatch.setattr(reproduction, "notebooks", lambda: [path, path.with_name("02_b.ipynb")])
    results = project / "results.json"
    records.write_results(results, {"renamed": Record(2.0)})
    copy = project / "copy.ipynb"
    copy.write_text(path.read_text())
    reproduction.adopt([Execution(path, copy, results, 1.0)])
    stored = records.read_results(project / "data" / "recorded_results.json")
    assert stored == {"other": other, "renamed": replace(Record(2.0), notebook="01_a")}


def _ran(project, notebook, results):
    """An execution that recorded numbers; the notebook and its copy differ."""
    for name, text in ((notebook, "before"), (f"{notebook}_copy", "after")):
        cells = [nbformat.v4.new_markdown_cell(text)]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), project / f"{name}.ipynb")
    path = project / f"{notebook}.json"
    records.write_results(path, results)
    return Execution(
        project / f"{notebook}.ipynb", project / f"{notebook}_copy.ipynb", path, seconds=1.0
    )


def test_one_key_in_two_notebooks_is_refused(project):
    executions = [_ran(project, name, {"a_result": Record(2.0)}) for name in ("01_a", "02_b")]
    with pytest.raises(ReproductionError, match="'a_result' is recorded in 01_a and in 02_b"):
        reproduction.adopt(executions)
    assert "before" in executions[0].notebook.read_text()


def test_a_key_of_a_notebook_that_did_not_run_is_refused(project, capsys, monkeypatch):
    write_notebook(project)
    path = project / "notebooks" / "01_a.ipynb"
    before = path.read_text()
    monkeypatch.setattr(reproduction, "notebooks", lambda: [path, path.with_name("02_b.ipynb")])
    recorded = {"a_result": Record(3.0, notebook="02_b")}
    monkeypatch.setattr(claims, "recorded_results", lambda: recorded)
    assert cli.main(["refresh", "01_a", "--jobs", "1"]) == 2
    assert "'a_result' is recorded in 02_b and in 01_a" in capsys.readouterr().err
    assert path.read_text() == before


RUN = """\
import sys, pathlib
from nps_research import cli, reproduction
folder = pathlib.Path(sys.argv[1])
reproduction.ROOT = folder
reproduction.notebooks = lambda: sorted((folder / "notebooks").glob("*.ipynb"))
sys.exit(cli.main(["refresh", "--jobs", "1"]))
"""
SLEEP = """\
import os, pathlib, time
pathlib.Path("started").write_text(str(os.getpid()))
time.sleep(100)
"""


def _until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "waited 30 s"
        time.sleep(0.05)


def _runs(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def _heed_interrupts():
    """Undo what a shell does to commands in the background: they ignore interrupts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_stopped_run_leaves_no_kernel(project, sent, code):
    for name in ("01_a", "02_b"):
        cells = [nbformat.v4.new_code_cell(SLEEP)]
        path = project / "notebooks" / f"{name}.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    started = project / "notebooks" / "started"
    run = subprocess.Popen(  # noqa: S603  (our own interpreter and code)
        [sys.executable, "-c", RUN, str(project)],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=_heed_interrupts,  # noqa: PLW1509  (no threads here)
    )
    _until(lambda: started.exists() and started.read_text())
    kernel = int(started.read_text())
    # A terminal sends an interrupt to the workers, too.
    os.killpg(run.pid, sent) if sent == signal.SIGINT else run.send_signal(sent)
    _, complaint = run.communicate(timeout=30)
    assert run.returncode == code
    assert ("nps-research: interrupted" in complaint) == (sent == signal.SIGINT)
    assert "cli/reruns.py" not in complaint
    assert not _runs(kernel)
    assert int(started.read_text()) == kernel
