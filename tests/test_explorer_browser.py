"""The explorer as its users meet it, in Chromium: the app in Voila, a notebook in JupyterLab."""

import contextlib
import functools
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import nbformat
import pytest
from chromium import lacking

from nps_research.explorer import presets
from nps_research.explorer.app import command, environment
from nps_research.explorer.controls import headline_of
from nps_research.explorer.outcome import outcome_of
from nps_research.explorer.presets import PRESETS

START = PRESETS[presets.START]
NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
PHONE, DESK = {"width": 400, "height": 850}, {"width": 1300, "height": 900}
PATIENCE = 120_000  # milliseconds, for machines that have more to do
LACKING = lacking("axe_playwright_python", "jupyterlab", "playwright", "voila")
pytestmark = pytest.mark.skipif(bool(LACKING), reason=LACKING)

# axe-core, Deque Systems: every rule, those of good practice too. The tables are those of pandas
# as Jupyter shows them: cells without headings, and too wide for a phone.
CHECK = """async (axe) => {
    const page = {include: [["html"]], exclude: [[".jp-RenderedHTML:has(table.dataframe)"]]};
    const found = await window.axe.run(page, {resultTypes: ["violations"]});
    return found.violations.map((each) => `${each.id}: ${each.nodes[0].html.slice(0, 120)}`);
}"""
HEADLINE = ".nps-headline p"
FIGURE = ".nps-explorer svg[role='img']"
SHOWN = "([place, text]) => document.querySelector(place).textContent === text"
FIGURE_TEXTS = "all => all.map((each) => each.getAttribute('aria-label'))"
NEW_TEXTS = f"""JSON.stringify(({FIGURE_TEXTS})([...document.querySelectorAll(place)]))
    !== JSON.stringify(before)"""
CELLS = """() => {
    const book = window.jupyterapp?.shell.currentWidget?.content;
    return [...(book?.model?.cells ?? [])].filter((each) => each.type === "code")
        .map((each) => ({count: each.executionCount, outputs: each.outputs.toJSON()}));
}"""
READY = """() => {
    const context = window.jupyterapp?.shell.currentWidget?.sessionContext;
    return context?.session?.kernel?.status === "idle" && document.querySelector(".jp-CodeCell");
}"""
DONE = f"""number => {{
    const cells = ({CELLS})();
    return cells.length === number && cells.every((each) => each.count !== null);
}}"""


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Return an environment whose Jupyter knows no settings of this machine's users."""
    folder = tmp_path_factory.mktemp("jupyter")
    kinds = ("CONFIG", "DATA", "RUNTIME")
    own = {f"JUPYTER_{kind}_DIR": str(folder / kind.lower()) for kind in kinds}
    return environment() | own | {"IPYTHONDIR": str(folder / "ipython"), "JUPYTER_TOKEN": ""}


@contextlib.contextmanager
def served(arguments, settings):
    """Run a server until it is no longer needed; yield once it says where it listens."""
    with subprocess.Popen(  # noqa: S603  (our own interpreter)
        arguments,
        env=settings,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as server:
        try:
            said = []
            for line in server.stdout:
                said.append(line)
                if "is running at" in line:
                    break
            else:
                pytest.fail(f"the server ended: {''.join(said)}")
            # Nobody reads the rest, and a full pipe would stop the server.
            threading.Thread(target=server.stdout.read, daemon=True).start()
            yield
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def watched(browser, home, size):
    """Return a window with a list of everything that goes wrong in it."""
    page = browser.new_page(viewport=size, color_scheme="light")
    page.set_default_timeout(PATIENCE)
    page.complaints = []
    page.on("console", lambda said: said.type == "error" and page.complaints.append(said.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("request", lambda request: page.complaints.extend(foreign(request.url, home)))
    return page


def foreign(url, home):
    """Tell a request to another host."""
    own = (f"{home}/", home.replace("http", "ws", 1), "data:", "blob:")
    return [] if url.startswith(own) else [f"asked {url}"]


@pytest.fixture(scope="module")
def app(browser, alone):
    """Return the window of a visitor of the app."""
    port = free_port()
    home = f"http://127.0.0.1:{port}"
    arguments = command(NOTEBOOKS / "13_explorer.ipynb", port=port, browser=False)
    with served(arguments, alone):
        page = watched(browser, home, DESK)
        page.goto(home)
        page.wait_for_selector(HEADLINE)
        yield page
        page.close()


def handle(page, name):
    return page.get_by_role("slider", name=name, exact=True)


def wait_for(page, settings):
    """Wait for the headline of some settings; return its recorded and its honest score."""
    page.wait_for_function(SHOWN, arg=[HEADLINE, said_of(settings)])
    return scores(page)


@functools.cache
def said_of(settings):
    """Return the headline, computed here and not by the app."""
    return re.sub("<.*?>", "", headline_of(outcome_of(settings)))


def scores(page):
    """Return the recorded and the honest score of the headline."""
    return [float(each) for each in re.findall(r"-?\d+\.\d", page.text_content(HEADLINE))]


def test_the_app_shows_text_figure_and_numbers_without_code(app):
    assert app.locator("h1").inner_text().startswith("Try it yourself")
    assert app.locator(FIGURE).count() == 4
    recorded, honest = scores(app)
    assert recorded > honest
    assert app.locator(".jp-CodeMirrorEditor").count() == 0


def test_neighbours_that_the_app_does_not_serve_are_named_without_a_link(app):
    assert "notebook 10" in app.locator("main, [role=main]").inner_text()
    assert app.locator("a[href$='.ipynb']").count() == 0


def test_an_arrow_key_moves_numbers_and_figure(app, record_property):
    texts = app.eval_on_selector_all(FIGURE, FIGURE_TEXTS)
    expected = START.with_values(strength=0.9)
    said_of(expected)  # not part of what is timed
    start = time.perf_counter()
    handle(app, "Strength of incentives").press("ArrowLeft")
    wait_for(app, expected)
    seconds = time.perf_counter() - start
    record_property("seconds_from_key_to_number", seconds)
    print(f"from the key to the new number: {1000 * seconds:.0f} ms")  # noqa: T201  (a figure)
    assert handle(app, "Strength of incentives").get_attribute("aria-valuenow") == "0.9"
    app.wait_for_function(f"([place, before]) => {NEW_TEXTS}", arg=[FIGURE, texts])


def test_a_held_key_ends_where_the_slider_ends(app):
    slider = handle(app, "Begging")
    for _ in range(10):
        slider.press("ArrowLeft")
    assert slider.get_attribute("aria-valuenow") == "0.0"
    wait_for(app, START.with_values(strength=0.9, begging=0.0))
    assert "Begging" not in app.eval_on_selector_all(FIGURE, FIGURE_TEXTS)[-1]


def test_without_strength_recorded_is_honest(app):
    handle(app, "Strength of incentives").press("Home")
    recorded, honest = wait_for(app, START.with_values(strength=0.0, begging=0.0))
    assert recorded == honest


def test_presets_and_reset_can_be_pressed(app):
    for button, settings in (("Begging only", PRESETS["Begging only"]), ("Reset", START)):
        app.get_by_role("button", name=button, exact=True).click()
        wait_for(app, settings)
        expected = f"{settings.incentives.gating:.1f}"
        assert handle(app, "Gating").get_attribute("aria-valuenow") == expected


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_the_app_fits_and_is_accessible(app, size):
    import axe_playwright_python  # noqa: PLC0415  (may be missing)

    app.set_viewport_size(size)
    axe = Path(axe_playwright_python.__file__).parent / "axe.min.js"
    app.evaluate(axe.read_text("utf-8"))
    assert app.evaluate(CHECK) == []
    right = "all => Math.max(...all.map((each) => each.getBoundingClientRect().right))"
    assert app.eval_on_selector_all(".nps-explorer *", right) <= size["width"]
    assert app.get_attribute(".nps-headline", "aria-live") == "polite"


def test_nothing_went_wrong_and_nobody_else_was_asked(app):
    assert app.complaints == []


@pytest.fixture
def desk(browser, alone, tmp_path):
    """Return a function that opens a copy of a notebook, without outputs, in JupyterLab."""
    folder, port = tmp_path / "notebooks", free_port()
    shutil.copytree(NOTEBOOKS, folder, ignore=shutil.ignore_patterns(".*"))
    home = f"http://127.0.0.1:{port}"
    options = ["--ip=127.0.0.1", f"--port={port}", "--no-browser", "--expose-app-in-browser"]
    options += [f"--ServerApp.root_dir={folder}", "--IdentityProvider.token="]
    options += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    options += ["--LabApp.news_url="] + ([] if os.geteuid() else ["--allow-root"])
    with served([sys.executable, "-m", "jupyterlab", *options], alone):
        page = watched(browser, home, DESK)

        def opened(name):
            emptied(folder / name)
            page.goto(f"{home}/lab/tree/{name}")
            page.wait_for_function(READY)
            return page

        yield opened
        page.close()


def emptied(path):
    """Remove the outputs of a notebook, so that whatever it shows was made now."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nbformat.write(notebook, path)


def test_run_all_cells_in_jupyterlab(desk):
    name = "00_start_here.ipynb"
    page = desk(name)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    book = nbformat.read(NOTEBOOKS / name, as_version=4)
    number = sum(cell.cell_type == "code" for cell in book.cells)
    page.wait_for_function(DONE, arg=number)
    outputs = [each for cell in page.evaluate(CELLS) for each in cell["outputs"]]
    kinds = {each["output_type"] for each in outputs}
    assert (
        {"execute_result", "display_data"} <= kinds <= {"execute_result", "display_data", "stream"}
    )
    assert not any(each.get("name") == "stderr" for each in outputs)
    assert page.locator(".jp-OutputArea-output img").count() > 0
    assert page.complaints == []


def test_requests_to_other_hosts_are_told_apart():
    assert foreign("http://127.0.0.1:80/a.css", "http://127.0.0.1:80") == []
    assert foreign("https://cdn.example.org/a.js", "http://127.0.0.1:80") != []
