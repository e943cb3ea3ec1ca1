"""Static rules for notebooks: what a rerun cannot see, or would let pass.

Every rule is a generator of problems, each a sentence that says where and what to do.
"""

import ast
import csv
import json
import re
from collections import Counter
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
RECORDS = ROOT / "data" / "recorded_results.json"
CLAIMS = ROOT / "data" / "claims.csv"

MOST_LINES = 15
MOST_BYTES = 1_500_000
TAGS = {"nbval-ignore-output", "raises-exception", "remove-input", "hide-input"}
RANDOM_CALLS = {"fit", "simulate", "sample"}
RECORDING_CALLS = {"record", "record_estimate", "record_posterior"}
# Settings: nothing to show.
SILENT_CALLS = {"use_style", "set_option", "print"}
SEEDS = {"random_seed", "random_state"}
CLOSING_SECTIONS = ["What could be wrong", "References", "Session"]
MAP = "00"

# Namespaces are names that look like addresses; nobody is sent there.
ADDRESS = re.compile(r"https?://(?!www\.w3\.org/)")
MACHINE_PATH = re.compile(r"(?<![\w.\-/<])~?/(?:\w[\w.\-]*/)+[\w.\-]+|\b[A-Z]:\\\w")
PROGRESS_BAR = re.compile(r"<progress\b|(?:Float|Int)Progress\(|\d%\||[█━▉▊▋▌]{2}|\r(?!\n)")
MAGIC = re.compile(r"^\s*(?:[%!]|\?{1,2}\w|\w[\w.]*\?{1,2}\s*$)")
COLOUR = re.compile(r"\x1b\[[\d;]*m")
LINK = re.compile(r"\]\(([^)#\s:]+)(?:#[^)]*)?\)")

RULES = {}


def rule(check):
    RULES[check.__name__] = check
    return check


@dataclass
class Cell:
    """A cell and its place as a reader sees it, counted from 1."""

    number: int
    node: nbformat.NotebookNode

    def __str__(self):
        return f"cell {self.number}"

    @property
    def source(self):
        return self.node.source

    @property
    def tags(self):
        return set(self.node.metadata.get("tags", []))

    @property
    def outputs(self):
        return self.node.get("outputs", [])

    @property
    def output_texts(self):
        """Every output as a reader gets it; pictures are left out."""
        for output in self.outputs:
            yield output.get("text", "")
            yield COLOUR.sub("", "\n".join(output.get("traceback", [])))
            for kind, content in output.get("data", {}).items():
                if not kind.startswith("image/") or kind == "image/svg+xml":
                    yield content if isinstance(content, str) else json.dumps(content)

    @cached_property
    def tree(self):
        """The parsed code; lines that are not Python are another rule's business."""
        lines = ("pass" if MAGIC.match(line) else line for line in self.source.splitlines())
        return ast.parse("\n".join(lines))

    @property
    def calls(self):
        return [node for node in ast.walk(self.tree) if isinstance(node, ast.Call)]


class Notebook:
    """A notebook file, read once."""

    def __init__(self, path):
        self.path = path
        nodes = nbformat.read(path, as_version=4).cells
        self.cells = [Cell(number, node) for number, node in enumerate(nodes, start=1)]

    @property
    def code(self):
        return [cell for cell in self.cells if cell.node.cell_type == "code"]

    @property
    def headings(self):
        """Cell, level and text of each heading."""
        for cell in self.cells:
            if cell.node.cell_type == "markdown":
                text = re.sub(r"^```.*?^```", "", cell.source, flags=re.MULTILINE | re.DOTALL)
                for marks, title in re.findall(r"^(#+) +(.+?) *$", text, re.MULTILINE):
                    yield cell, len(marks), title

    @property
    def record_calls(self):
        return [
            (cell, call)
            for cell in self.code
            for call in cell.calls
            if name(call) in RECORDING_CALLS
        ]


@cache
def read(path):
    return Notebook(path)


def name(call):
    """Last part of what is called: `fit` in `model.fit(...)`; empty for other expressions."""
    function = getattr(call, "func", None)
    return getattr(function, "attr", getattr(function, "id", ""))


def record_key(call):
    """The literal key of a record, or None."""
    given = [*call.args[:1], *(k.value for k in call.keywords if k.arg in {"claim", "key"})]
    value = given[0].value if given and isinstance(given[0], ast.Constant) else None
    return value if isinstance(value, str) else None


@rule
def name_gives_the_order(book):
    if not re.fullmatch(r"\d\d_[a-z0-9]+(?:_[a-z0-9]+)*", book.path.stem):
        yield f"{book.path.name}: name it NN_topic.ipynb, small letters, digits and underscores"


@rule
def cells_were_run_in_order(book):
    for expected, cell in enumerate(book.code, start=1):
        if cell.node.execution_count != expected:
            found = cell.node.execution_count
            yield f"{cell} has execution count {found}, not {expected}: restart and run all cells"


@rule
def errors_are_meant(book):
    for cell in book.code:
        failed = any(output.output_type == "error" for output in cell.outputs)
        meant = "raises-exception" in cell.tags
        if failed and not meant:
            yield f"{cell} stores an error: repair it; if it is the point, tag it raises-exception"
        if meant and (not failed or "nbval-ignore-output" in cell.tags):
            yield f"{cell} is tagged raises-exception, but no error is stored and compared: do both"


@rule
def nothing_goes_to_stderr(book):
    for cell in book.code:
        if any(output.get("name") == "stderr" for output in cell.outputs):
            yield f"{cell} stores a warning or log on stderr: remove its cause"


@rule
def title_is_one_question(book):
    titles = [(cell.number, text) for cell, level, text in book.headings if level == 1]
    if len(titles) != 1 or titles[0][0] != 1 or not titles[0][1].endswith("?"):
        yield f"found first-level headings {titles}: have exactly one, in cell 1, ending with ?"


@rule
def cells_are_short(book):
    for cell in book.code:
        if (lines := len(cell.source.splitlines())) > MOST_LINES:
            yield f"{cell} has {lines} lines: split it, or move code to the package ({MOST_LINES})"


@rule
def tags_are_known(book):
    for cell in book.cells:
        if unknown := sorted(cell.tags - TAGS):
            yield f"{cell} has tags {unknown}: use only {sorted(TAGS)}"
        if re.search(r"#\s*(NBVAL|PYTEST)_", cell.source):
            yield f"{cell} steers the comparison by a comment: use a tag, which readers do not see"


@rule
def outputs_show_no_machine_path(book):
    for cell in book.code:
        for text in cell.output_texts:
            if found := MACHINE_PATH.search(text):
                yield f"{cell} shows the path {found[0]}: print a name or a relative path"


@rule
def outputs_show_no_address(book):
    for cell in book.code:
        for text in cell.output_texts:
            if found := ADDRESS.search(text):
                yield f"{cell} shows a web address ({text[found.start() :][:40]}): cite it in prose"


@rule
def progress_bars_are_off(book):
    for cell in book.code:
        if any(PROGRESS_BAR.search(text) for text in cell.output_texts):
            yield f"{cell} stores a progress bar: switch it off"


@rule
def no_trailing_semicolons(book):
    for cell in book.code:
        if any(line.rstrip().endswith(";") for line in cell.source.splitlines()):
            yield f"{cell} ends a line with a semicolon: assign the value instead of hiding it"


@rule
def no_magics(book):
    for cell in book.code:
        for line in filter(MAGIC.match, cell.source.splitlines()):
            yield f"{cell} has the line {line.strip()!r}: write plain Python"


@rule
def nothing_is_defined(book):
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    for cell in book.code:
        for node in ast.walk(cell.tree):
            assigned = isinstance(getattr(node, "value", None), ast.Lambda)
            if isinstance(node, kinds) or (assigned and not isinstance(node, ast.keyword)):
                yield f"{cell} defines a function or class: move it to the package, with a test"


@rule
def randomness_is_seeded(book):
    for cell in book.code:
        for call in cell.calls:
            seeded = any(keyword.arg in SEEDS for keyword in call.keywords)
            if name(call) in RANDOM_CALLS and not seeded:
                yield f"{cell} calls {name(call)} without a seed: pass random_seed="
            if name(call) == "default_rng" and not (call.args or call.keywords):
                yield f"{cell} calls default_rng() without a seed: pass a number"
            if re.match(r"(?:(?:np|numpy)\.)?random\.(?!default_rng)", ast.unparse(call.func)):
                yield f"{cell} draws from a shared generator: use numpy.random.default_rng(seed)"


@rule
def file_is_small(book):
    if (size := book.path.stat().st_size) > MOST_BYTES:
        yield f"{book.path.name} has {size} bytes of at most {MOST_BYTES}: lower the figures' size"


@rule
def results_are_stored(book):
    for cell in book.code:
        compared = "nbval-ignore-output" not in cell.tags
        last = cell.tree.body[-1] if cell.tree.body else None
        silent = isinstance(last, ast.Expr) and name(last.value) in SILENT_CALLS
        shows = isinstance(last, ast.Expr) and not silent
        if compared and shows and not cell.outputs:
            yield f"{cell} ends with an expression without output: run it, or assign the value"


@rule
def closing_sections_are_there(book):
    wanted = CLOSING_SECTIONS[1:] if book.path.stem.startswith(MAP) else CLOSING_SECTIONS
    sections = [text for _, level, text in book.headings if level == 2]
    if sections[-len(wanted) :] != wanted:
        yield f"the last sections are {sections[-len(wanted) :]}: end with {wanted}, as ## headings"


@rule
def links_lead_somewhere(book):
    for cell in book.cells:
        if cell.node.cell_type == "markdown":
            for target in LINK.findall(cell.source):
                if not (book.path.parent / target).exists():
                    yield f"{cell} links to {target}, which does not exist: correct or remove it"


@rule
def neighbours_are_linked(book):
    series = sorted(path.name for path in book.path.parent.glob("[0-9][0-9]_*.ipynb"))
    linked = LINK.findall(book.cells[0].source)
    for before, after in pairwise(series):
        other = {before: after, after: before}.get(book.path.name)
        if other and other not in linked:
            yield f"cell 1 does not link to its neighbour: add [...]({other})"


@rule
def record_keys_are_literal(book):
    for cell, call in book.record_calls:
        if record_key(call) is None:
            yield f"{cell} records under a computed key: write it out, so that it can be searched"


def record_problems(books, records, claims):
    """Compare the recorded results with the notebooks that record and the claims they settle."""
    if not books:
        return
    if not records.exists():
        yield f"{records.name} does not exist: run make refresh"
        return
    stored = set(json.loads(records.read_text())["results"])
    keys = (record_key(call) for book in books for _, call in book.record_calls)
    used = Counter(key for key in keys if key)
    yield from (f"{key} is recorded {n} times: rename one" for key, n in used.items() if n > 1)
    yield from (f"{key} was never stored: run make refresh" for key in used.keys() - stored)
    yield from (f"{key} is stored, but no notebook records it" for key in stored - used.keys())
    yield from unsettled(claims, {book.path.stem for book in books}, stored)


def unsettled(claims, stems, stored):
    with claims.open(encoding="utf-8") as lines:
        for claim in csv.DictReader(lines):
            settled = any(re.match(rf"{claim['id']}(\.|$)", key) for key in stored)
            if claim["notebook"] in stems and not settled:
                yield f"{claim['id']} has no record: settle it in {claim['notebook']}.ipynb"


@pytest.mark.parametrize("check", RULES)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_rule(path, check):
    problems = list(RULES[check](read(path)))
    assert problems == [], f"{path.name}: " + "\n".join(problems)


def test_records_notebooks_and_claims_agree():
    problems = list(record_problems([read(path) for path in NOTEBOOKS], RECORDS, CLAIMS))
    assert problems == [], "\n".join(problems)


# A sound notebook, and for each rule the smallest change that breaks it.


def sound_notebook():
    new = nbformat.v4
    text = "# Does it rise?\n\n[next](01_b.ipynb#top)"
    figure = new.new_output("display_data", {"image/png": "/a/b/", "text/plain": "<Figure>"})
    code = [
        new.new_code_cell("import nps_research as npsr\n\ncounts = npsr.load_counts('x')"),
        new.new_code_cell("fit = npsr.OrdinalModel('score ~ 1', counts).fit(random_seed=1)"),
        new.new_code_cell("npsr.record('C01.rise', 3)", outputs=[figure]),
        new.new_code_cell("counts.assign(n=lambda table: table.n / 2)", outputs=[figure]),
    ]
    for count, cell in enumerate(code, start=1):
        cell.execution_count = count
    closing = "\n\n".join(f"## {title}" for title in CLOSING_SECTIONS)
    cells = [new.new_markdown_cell(text), *code, new.new_markdown_cell(closing)]
    return new.new_notebook(cells=cells)


def stream(text, stream_name="stdout"):
    return nbformat.v4.new_output("stream", text=text, name=stream_name)


def set_source(index, source):
    return lambda notebook: notebook.cells[index].update(source=source)


def set_outputs(index, *outputs):
    return lambda notebook: notebook.cells[index].update(outputs=list(outputs))


def set_tag(tag):
    return lambda notebook: notebook.cells[1].metadata.update(tags=[tag])


def failed_in(path):
    traceback = [f"\x1b[36mFile \x1b[32m{path}\x1b[0m"]
    return nbformat.v4.new_output("error", ename="E", evalue="", traceback=traceback)


BREAKS = [
    ("cells_were_run_in_order", lambda notebook: notebook.cells[2].update(execution_count=7)),
    ("cells_were_run_in_order", lambda notebook: notebook.cells[1].update(execution_count=None)),
    ("errors_are_meant", set_outputs(1, failed_in("here"))),
    ("errors_are_meant", set_tag("raises-exception")),
    ("nothing_goes_to_stderr", set_outputs(1, stream("careful", "stderr"))),
    ("title_is_one_question", set_source(0, "# It rises\n\n[next](01_b.ipynb)")),
    ("title_is_one_question", set_source(5, "# Why?\n\n## References\n\n## Session")),
    ("cells_are_short", set_source(1, "counts = 1\n" * 16)),
    ("tags_are_known", set_tag("nbval-skip")),
    ("tags_are_known", set_tag("nbval_ignore_output")),
    ("tags_are_known", set_source(1, "# NBVAL_SKIP\ncounts = 1")),
    ("outputs_show_no_machine_path", set_outputs(1, stream("read /" + "srv/me/x.csv"))),
    ("outputs_show_no_machine_path", set_outputs(1, stream("<a href='~/me/x.csv'>"))),
    ("outputs_show_no_machine_path", set_outputs(1, failed_in("/" + "srv/lib/x.py"))),
    ("outputs_show_no_address", set_outputs(1, stream("see https://example.org"))),
    ("progress_bars_are_off", set_outputs(1, stream(" 40%|████      | 4/10"))),
    ("no_trailing_semicolons", set_source(1, "axes = counts.plot();")),
    ("no_magics", set_source(1, "%matplotlib inline")),
    ("no_magics", set_source(1, "!ls")),
    ("no_magics", set_source(1, "counts?")),
    ("nothing_is_defined", set_source(1, "def f():\n    return 1")),
    ("nothing_is_defined", set_source(1, "f = lambda x: x")),
    ("randomness_is_seeded", set_source(1, "fit = model.fit(draws=10)")),
    ("randomness_is_seeded", set_source(1, "x = np.random.normal()")),
    ("randomness_is_seeded", set_source(1, "rng = np.random.default_rng()")),
    ("file_is_small", set_outputs(1, stream("x" * MOST_BYTES))),
    ("results_are_stored", set_outputs(4)),
    ("closing_sections_are_there", set_source(5, "## References\n\n## What could be wrong")),
    ("links_lead_somewhere", set_source(5, "[data](../nowhere.md)")),
    ("neighbours_are_linked", set_source(0, "# Does it rise?")),
    ("record_keys_are_literal", set_source(3, "npsr.record(f'C{i}', 3)")),
]


@pytest.fixture
def write(tmp_path):
    def write_notebook(change=None, stem="02_a"):
        notebook = sound_notebook()
        if change:
            change(notebook)
        nbformat.write(sound_notebook(), tmp_path / "01_b.ipynb")
        nbformat.write(notebook, tmp_path / f"{stem}.ipynb")
        return Notebook(tmp_path / f"{stem}.ipynb")

    return write_notebook


@pytest.mark.parametrize("check", RULES)
def test_sound_notebook_passes(write, check):
    assert list(RULES[check](write())) == []


@pytest.mark.parametrize(("check", "change"), BREAKS)
def test_broken_notebook_is_found(write, check, change):
    assert list(RULES[check](write(change)))


@pytest.mark.parametrize("stem", ["notebook", "2_a", "02-a", "02_A"])
def test_wrong_name_is_found(write, stem):
    assert list(name_gives_the_order(write(stem=stem)))


def test_every_rule_is_seen_to_fail():
    assert {check for check, _ in BREAKS} | {"name_gives_the_order"} == set(RULES)


@pytest.mark.parametrize(
    ("stored", "problem"),
    [
        (["C01.rise"], None),
        ([], "never stored"),
        (["C01.rise", "C02"], "C02 is stored, but no notebook"),
        (["C010.rise"], "C01 has no record"),
        (None, "does not exist"),
    ],
)
def test_records_are_compared(write, tmp_path, stored, problem):
    records, claims = tmp_path / "recorded.json", tmp_path / "claims.csv"
    claims.write_text("id,notebook\nC01,02_a\nC03,05_not_yet\n")
    if stored is not None:
        records.write_text(json.dumps({"results": {key: {} for key in stored}}))
    problems = list(record_problems([write()], records, claims))
    assert bool(problems) is bool(problem)
    assert problem is None or any(problem in found for found in problems)
