"""The book as a reader meets it: built, served on this machine, and walked in a real browser."""

import functools
import os
import subprocess
import sys
import threading
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from book.api import read_contents
from book.lists import pages as listed
from book.notebooks import notebooks
from chromium import lacking

ROOT = Path(__file__).parents[1]
BOOK = ROOT / "build" / "book"
PAGES = [
    *("index.html", "glossary.html", "changelog.html", "contributing.html", "data/readme.html"),
    *(f"standards/{name}.html" for name in ("index", "ropensci", "barg", "joss", "aea")),
    *(name.replace(".md", ".html") for name in listed()),
    *(f"api/{page['name']}.html" for page in read_contents()),
    *(f"notebooks/{book.path.stem}.html" for book in notebooks()),
    *("api/index.html", "genindex.html", "search.html"),
]
PHONE, DESK = {"width": 400, "height": 850}, {"width": 1400, "height": 900}
SEARCH = "search.html?q=ratchet"
PATIENCE = 120_000  # milliseconds, for machines that have more to do
LACKING = lacking("sphinx", "playwright", "axe_playwright_python")
built = pytest.mark.skipif(not find_spec("sphinx"), reason="Sphinx is not installed: make setup")
driven = pytest.mark.skipif(bool(LACKING), reason=LACKING)

# What is alike on all pages takes axe most of its time: one page of each kind is checked with it.
THOROUGH = {"index.html", "api/metrics.html", "notebooks/03_ordinal_regression.html"}
ALIKE = [".sidebar-drawer", ".toc-drawer", ".highlight", ".sig", ".genindextable", "mjx-container"]
ALIKE += [".cell_output table", "th:has(mjx-container)"]  # a formula is no text to axe
# axe-core, Deque Systems: every rule, those of good practice too.
CHECK = """async ([context, options]) => {
    const found = await axe.run(context, {resultTypes: ["violations"], ...options});
    return found.violations.map((each) => `${each.id}: ${each.nodes[0].html.slice(0, 120)}`);
}"""
CONTRAST = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
MATH_IS_SET = "() => window.MathJax?.startup?.promise"
BROKEN_IMAGES = """() => [...document.images].filter((each) => !each.naturalWidth)
    .map((each) => each.src)"""
WITHOUT_TEXT = """() => [...document.querySelectorAll("article img")]
    .filter((each) => !each.alt.trim()).map((each) => each.src)"""


class Links(HTMLParser):
    """Targets in a page, and where the page points."""

    def __init__(self, text):
        super().__init__()
        self.targets, self.pointed = set(), []
        self.feed(text)

    def handle_starttag(self, _, attrs):
        given = dict(attrs)
        self.targets.update(filter(None, (given.get("id"), given.get("name"))))
        self.pointed.extend(filter(None, (given.get("href"), given.get("src"))))


@pytest.fixture(scope="session")
def book():
    """Build the book as `make book` does; a second build does only what is new."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "docs")}
    command = [sys.executable, "-m", "book", str(BOOK)]
    run = subprocess.run(  # noqa: S603  (our own interpreter and code)
        command, env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return BOOK


@pytest.fixture(scope="session")
def served(book):
    """Serve the book on this machine only."""
    handler = functools.partial(QuietHandler, directory=str(book))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def axe():
    import axe_playwright_python  # noqa: PLC0415  (may be missing)

    return (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text("utf-8")


@pytest.fixture
def tab(browser, served):
    """Return a window of a phone, with a list of everything that goes wrong in it."""
    page = browser.new_page(viewport=PHONE, color_scheme="light")
    page.set_default_timeout(PATIENCE)
    page.complaints = []
    page.on("console", lambda said: said.type == "error" and page.complaints.append(said.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("request", lambda request: page.complaints.extend(foreign(request.url, served)))
    yield page
    page.close()


@pytest.fixture
def opened(tab, served):
    def open_page(name):
        tab.goto(f"{served}/{name}", wait_until="load")
        tab.evaluate(MATH_IS_SET)
        return tab

    return open_page


def problems(page, name):
    """Return what axe finds by day, and what is hard to read at night.

    By night the colours of the theme are those of the thorough pages; outputs may bring their own.
    """
    everything = {"include": [["html"]], "exclude": []}
    article = {"include": [["html"]], "exclude": [[each] for each in ALIKE]}
    outputs = {"include": [[".cell_output"]], "exclude": article["exclude"]}
    found = page.evaluate(CHECK, [everything if name in THOROUGH else article, {}])
    page.emulate_media(color_scheme="dark")
    if name in THOROUGH or name.startswith("notebooks/"):
        part = everything if name in THOROUGH else outputs
        found += page.evaluate(CHECK, [part, CONTRAST])
    return found


def foreign(url, home):
    """Tell a request to another host."""
    return [] if url.startswith((f"{home}/", "data:", "blob:")) else [f"asked {url}"]


def broken(folder):
    """Yield the links within a folder of pages that lead nowhere."""
    pages = {path.resolve(): Links(path.read_text("utf-8")) for path in folder.rglob("*.html")}
    for path, links in pages.items():
        for pointed in links.pointed:
            parts = urlsplit(pointed)
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            missing = target in pages and parts.fragment not in {"", *pages[target].targets}
            if not parts.scheme and (missing or not target.exists()):
                yield f"{path.relative_to(folder.resolve())} points to {pointed}"


@built
def test_every_page_is_built(book):
    made = {path.relative_to(book).as_posix() for path in book.rglob("*.html")}
    assert made == set(PAGES)


@built
def test_no_link_or_image_is_broken(book):
    assert list(broken(book)) == []


@pytest.mark.parametrize(
    ("link", "count"),
    [("a.html#here", 0), ("a.html#there", 1), ("b.html", 1), ("#here", 0), ("https://x.org", 0)],
)
def test_broken_links_are_found(tmp_path, link, count):
    (tmp_path / "a.html").write_text(f'<p id="here"><a href="{link}">x</a></p>')
    assert len(list(broken(tmp_path))) == count


@driven
@pytest.mark.parametrize("name", PAGES)
def test_page_is_sound_on_a_phone_by_day_and_night(opened, axe, name):
    page = opened(SEARCH if name == "search.html" else name)
    page.evaluate(axe)
    assert problems(page, name) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert page.evaluate(BROKEN_IMAGES) == []
    assert page.evaluate(WITHOUT_TEXT) == []
    assert page.complaints == []


@driven
def test_search_finds_pages(opened):
    page = opened(SEARCH)
    page.wait_for_selector("#search-results ul.search li")
    links = page.eval_on_selector_all("#search-results li a", "all => all.map((a) => a.href)")
    assert any("11_target_regimes" in link for link in links)


@driven
def test_night_is_dark(opened):
    page = opened("index.html")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (light, dark) == ("rgb(255, 255, 255)", "rgb(19, 20, 22)")


@driven
def test_formulas_are_set(opened):
    page = opened("notebooks/03_ordinal_regression.html")
    assert page.locator("mjx-container").count() > 5


@driven
def test_wide_tables_scroll_and_can_be_reached_with_the_keyboard(opened):
    page = opened("notebooks/03_ordinal_regression.html")
    scrolling = page.locator(".output[tabindex='0']").count()
    assert scrolling > 0
    page.set_viewport_size(DESK)
    page.wait_for_timeout(100)
    assert page.locator(".output[tabindex='0']").count() < scrolling


@driven
def test_a_page_that_is_unsound_is_found(browser, axe):
    page = browser.new_page(viewport=PHONE)
    page.set_content("<main><h1 style='color:#ddd;width:900px'>pale</h1><img src='data:,'></main>")
    page.evaluate(axe)
    found = " ".join(problems(page, "index.html"))
    assert "color-contrast" in found
    assert "image-alt" in found
    assert page.evaluate("document.documentElement.scrollWidth") > PHONE["width"]
    page.close()


def test_requests_to_other_hosts_are_told_apart():
    assert foreign("http://127.0.0.1:80/a.css", "http://127.0.0.1:80") == []
    assert foreign("https://cdn.example.org/a.js", "http://127.0.0.1:80") != []
