"""Docstrings of public names say what goes in and what comes out, and show it at work."""

import inspect
import re

import pytest
from book.api import documented, read_contents, resolve

import nps_research

PUBLIC = [name for name in nps_research.__all__ if not inspect.ismodule(resolve(name))]
IN_REFERENCE = sorted({n for page in read_contents() for n in documented(page["names"])})
FUNCTIONS = [name for name in IN_REFERENCE if inspect.isfunction(resolve(name))]


def sections(thing):
    found = re.findall(r"(?m)^(\w[\w ]*)\n-+$", inspect.getdoc(thing) or "")
    return dict.fromkeys(found)


def described(function):
    """Names that the section of parameters describes."""
    text = inspect.getdoc(function).partition("Parameters\n---")[2]
    lines = re.findall(r"(?m)^[*\w][^:\n]*(?= :|$)", text.partition("\n\nReturns\n")[0])
    return {name.lstrip("*\\") for line in lines for name in re.split(r",\s*", line)}


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_have_an_example(name):
    assert "Examples" in sections(resolve(name))
    assert ">>> " in inspect.getdoc(resolve(name))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_parameter_is_described(name):
    function = resolve(name)
    assert set(inspect.signature(function).parameters) - described(function) == set()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_results_are_described(name):
    nothing = inspect.signature(resolve(name)).return_annotation in (None, "None")
    assert nothing or {"Returns", "Yields"} & set(sections(resolve(name)))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_errors_are_described(name):
    function = resolve(name)
    raises = re.search(r"(?m)^\s+raise [A-Z]", inspect.getsource(function))
    assert "Raises" in sections(function) or not raises


@pytest.mark.parametrize("name", IN_REFERENCE)
def test_members_are_described(name):
    for member, value in vars(resolve(name)).items() if inspect.isclass(resolve(name)) else ():
        function = getattr(value, "fget", None) or getattr(value, "func", None) or value
        if inspect.isfunction(function) and not member.startswith("_"):
            assert inspect.getdoc(function), member
