"""Everything that a public function gives shows itself, alike as text and as HTML."""

import ast
import functools
import inspect
import re
import sys
import types
import typing
from fnmatch import fnmatch
from html import escape
from html.parser import HTMLParser

import pandas as pd
import pytest
from book.api import documented, read_contents, resolve
from shown_results import ODD, RESULTS

import nps_research
from nps_research.diagnostics import LaplaceReport, draws_view
from nps_research.views import WIDTH, View

PACKAGE = nps_research.__name__


@functools.cache
def names_of(module):
    """Names that annotations of a module can use: also those imported for type checking only."""
    space = dict(vars(module)) | {"ClassVar": typing.ClassVar}
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for statement in node.body:
                _run(statement, space)
    return space


def _run(statement, space):
    """Run an import or an alias; what only another module imports for its types comes from it."""
    if isinstance(statement, ast.ImportFrom) and statement.module.startswith(PACKAGE):
        module = sys.modules.get(statement.module) or __import__(statement.module, fromlist=["_"])
        known = names_of(module)
        space |= {alias.asname or alias.name: known[alias.name] for alias in statement.names}
    elif not ast.unparse(statement).startswith("from _typeshed"):
        code = compile(ast.Module([statement], []), "annotations", "exec")
        exec(code, space)  # noqa: S102  (our own source)


def classes_in(hint):
    if isinstance(hint, typing.TypeAliasType):
        hint = hint.__value__
    if inspect.isclass(hint) and not isinstance(hint, types.GenericAlias):
        yield hint
    for argument in typing.get_args(hint):
        yield from classes_in(argument)


def given_by(function):
    hints = typing.get_type_hints(function, names_of(sys.modules[function.__module__]))
    yield from classes_in(hints.get("return"))


def members_of(cls):
    """Classes that public methods, properties and fields of a class give."""
    for parent in cls.__mro__:
        if is_ours(parent):
            space = names_of(sys.modules[parent.__module__])
            for name, hint in inspect.get_annotations(parent).items():
                if not name.startswith("_"):
                    # NamedTuples keep references, dataclasses texts.
                    text = getattr(hint, "__forward_arg__", hint)
                    evaluated = eval(text, space) if isinstance(text, str) else hint  # noqa: S307  (our own source)
                    yield from classes_in(evaluated)
    for name in dir(cls):
        member = inspect.getattr_static(cls, name)
        function = getattr(member, "fget", None) or getattr(member, "func", None) or member
        function = getattr(function, "__func__", function)
        if not name.startswith("_") and inspect.isfunction(function) and is_ours(function):
            yield from given_by(function)


def is_ours(thing):
    return getattr(thing, "__module__", "").partition(".")[0] == PACKAGE


@functools.cache
def inventory():
    """Classes of the package that users can get in hand."""
    names = {
        *nps_research.__all__,
        *(n for page in read_contents() for n in documented(page["names"])),
    }
    public = [resolve(name) for name in sorted(names)]
    todo = [each for each in public if inspect.isclass(each)]
    todo += [cls for each in public if inspect.isfunction(each) for cls in given_by(each)]
    found = set()
    while todo:
        cls = todo.pop()
        if is_ours(cls) and cls not in found and not issubclass(cls, BaseException):
            found.add(cls)
            todo += members_of(cls)
    return found


SETTINGS = "made by the user: its text is the call that makes it again"
ENGINE = "a part of a model that methods hand on, not in the reference"
# Classes that users can get in hand, and that have no view.
WITHOUT_VIEW = {
    "calibration.Sampling": SETTINGS,
    "churn.borders.BorderPriors": SETTINGS,
    "comparison.firms.FirmWorld": SETTINGS,
    "comparison.shifts.Shift": SETTINGS,
    "comparison.survey_waves.SurveyWaves": SETTINGS,
    "drivers.perception.TimePaths": SETTINGS,
    "drivers.roles.Roles": SETTINGS,
    "explorer.controls.Explorer": "widgets",
    "explorer.drawing.Panel": "a part of a drawing, which shows it",
    "explorer.settings.Settings": SETTINGS,
    "explorer.years.Firm": SETTINGS,
    "inflation.planning.RolloutPlan": SETTINGS,
    "inflation.worlds.*": SETTINGS,
    "intervals.Interval": "arrays, which metrics make into tables",
    "intervals.IntervalOptions": "a dict",
    "market.grids.World": SETTINGS,
    "market.mechanisms.*": SETTINGS,
    "market.parameters.*": SETTINGS,
    "market.regimes.*": SETTINGS,
    "market.simulate.Market": SETTINGS,
    "market.stopping.Window": SETTINGS,
    "model_coverage.TwoGroups": SETTINGS,
    "ordinal.arrays.Arrays": ENGINE,
    "ordinal.cells.*": ENGINE,
    "ordinal.design.Design": ENGINE,
    "ordinal.families.Family": ENGINE,
    "ordinal.frames.Frame": ENGINE,
    "ordinal.optimum.Maximum": ENGINE,
    "ordinal.posterior.Posterior": ENGINE,
    "ordinal.priors.*": SETTINGS,
    "ordinal.terms.*": ENGINE,
    "people.promises.PromiseRules": SETTINGS,
    "people.unit_simulation.CaseMix": SETTINGS,
    "scale.RatingScale": SETTINGS,
    "silence.simulated_accounts.AccountWorld": SETTINGS,
    "tracking.arrows.Arrow": ENGINE,
    "tracking.control_charts.*": SETTINGS,
    "tracking.nested_laplace.Mixture": ENGINE,
    "tracking.state_space.Waves": ENGINE,
    "tracking.worlds.World": SETTINGS,
    "views.View": "the view itself",
}
# Pages and pictures, which have tests of their own.
DOCUMENTS = {"Drawing", "LedgerView"}
# Lines of a text: with a table of six rows, and a warning of three lines.
MOST_LINES = 14


class Page(HTMLParser):
    """What a browser would show, and which elements are open."""

    VOID = ("br",)

    def __init__(self, html):
        super().__init__()
        self.open, self.words, self.tags = [], [], set()
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, _):
        self.tags.add(tag)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words += data.split()


def dotted(cls):
    return f"{cls.__module__}.{cls.__name__}".removeprefix(f"{PACKAGE}.")


def unseen():
    return {dotted(cls) for cls in inventory() if not hasattr(cls, "_repr_html_")}


def test_whatever_a_public_function_gives_has_a_view():
    missing = {name for name in unseen() if not any(fnmatch(name, each) for each in WITHOUT_VIEW)}
    assert missing == set(), "decorate them with nps_research.views.viewed"


def test_every_exception_is_needed():
    unused = {each for each in WITHOUT_VIEW if not any(fnmatch(name, each) for name in unseen())}
    assert unused == set()


def test_every_class_with_a_view_is_looked_at_below():
    shown = {cls.__name__ for cls in inventory() if hasattr(cls, "_repr_html_")}
    assert shown == set(RESULTS) | DOCUMENTS


@pytest.fixture(params=RESULTS)
def result(request):
    found = RESULTS[request.param]()
    assert type(found).__name__ == request.param
    return found


def test_text_is_short_and_readable(result):
    lines = repr(result).splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert len(lines) <= (30 if isinstance(result, pd.DataFrame) else MOST_LINES)
    assert not re.search(r"array\(|0x|Series|DataFrame\(|dtype", repr(result))


def test_html_is_sound_and_shows_the_words_of_the_text(result):
    page = Page(result._repr_html_())
    assert page.open == []
    if not isinstance(result, pd.DataFrame):
        # A long table is cut by dots, of which a text has as many as the column is wide.
        words = {word.strip(".:") for word in page.words}
        assert {word.strip(".:") for word in repr(result).split()} - words - {""} == set()


def test_names_from_the_data_are_escaped(result):
    html = result._repr_html_()
    assert (escape(ODD) in html) == (ODD in repr(result))
    assert "b" not in Page(html).tags


def test_odd_names_come_in_every_kind_of_view():
    assert ODD in View(ODD).text()
    parts = View(ODD, {ODD: ODD}, [ODD], pd.DataFrame({ODD: [ODD]}, [ODD]).rename_axis(ODD)).html()
    assert parts.count(escape(ODD)) == 8
    assert ODD not in parts


@pytest.mark.parametrize("name", ["OrdinalFit", "HazardFit", "WaveFit", "JointResponseFit"])
def test_warnings_come_second_and_say_what_to_do(name):
    text = " ".join(repr(RESULTS[name]()).split())
    assert re.search(r"WARNING: NOT .* Do not report these draws: (raise|use) .* intervals: ", text)


def test_reliable_draws_have_no_warning():
    view = draws_view("fit", LaplaceReport(0.1, 900.0, 1000), random_seed=3)
    assert "WARNING" not in view.text()
    assert view.text().splitlines()[1:3] == [
        "intervals: 95 % equal-tailed credible intervals",
        "seed: 3",
    ]


def test_numbers_have_the_digits_that_their_errors_leave():
    numbers = {"mean": [1.23456], "lower": [0.5], "upper": [2.0], "mcse_mean": [0.012]}
    view = draws_view(
        "x", LaplaceReport(0.1, 900.0, 10), random_seed=1, numbers=pd.DataFrame(numbers, ["a"])
    )
    assert view.text().splitlines()[-1].split() == ["a", "1.235", "0.500", "2.000"]


def test_completion_offers_public_names_only():
    assert dir(nps_research) == sorted([*nps_research.__all__, "__version__"])


def test_completion_offers_documented_names(result):
    if not isinstance(result, pd.DataFrame):
        own = [name for name in dir(type(result)) if not name.startswith("_")]
        members = {name: inspect.getattr_static(type(result), name) for name in own}
        known = {
            name: member
            for name, member in members.items()
            if inspect.isfunction(member) or isinstance(member, property)
        }
        assert [name for name, member in known.items() if not inspect.getdoc(member)] == []
