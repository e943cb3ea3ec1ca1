"""The pages of the API reference, from docs/api.toml and the package itself."""

from __future__ import annotations

import inspect
import tomllib
from fnmatch import fnmatchcase
from functools import cache
from importlib import import_module
from typing import Any

import nps_research
from book.notebooks import ROOT

PACKAGE = nps_research.__name__
INDEX = """# API reference

Whatever the notebooks call. `import nps_research as npsr` gives the names without a dot before
them; the others are imported from their module. Everything loads when it is first used.

```{{toctree}}
:maxdepth: 1

{pages}
```
"""


def pages() -> dict[str, str]:
    """Return the text of each page by its file name."""
    contents = read_contents()
    index = INDEX.format(pages="\n".join(page["name"] for page in contents))
    return {"api/index.md": index} | {f"api/{each['name']}.rst": page(each) for each in contents}


@cache
def read_contents() -> list[dict[str, Any]]:
    """Return name, title, introduction and names of each page."""
    text = (ROOT / "docs" / "api.toml").read_text(encoding="utf-8")
    return list(tomllib.loads(text)["page"])


def page(content: dict[str, Any]) -> str:
    """Return one page: a table of the names, then each in full."""
    names = documented(content["names"])
    title = content["title"]
    lines = [title, "=" * len(title), "", content["about"], "", f".. currentmodule:: {PACKAGE}", ""]
    shown = [f"   {name}" for name in names if _has_docstring(resolve(name))]
    lines += [".. autosummary::", "   :nosignatures:", "", *shown, ""]
    return "\n".join([*lines, *(entry for name in names for entry in _entry(name))])


def documented(names: list[str]) -> list[str]:
    """Return the names with each pattern replaced by what it stands for."""
    return [name for pattern in names for name in (_matches(pattern) or [pattern])]


def resolve(name: str) -> Any:
    """Return what a name stands for: public, or in a module."""
    module, _, last = name.rpartition(".")
    return getattr(import_module(f"{PACKAGE}.{module}" if module else PACKAGE), last)


def _matches(pattern: str) -> list[str]:
    module, _, last = pattern.rpartition(".")
    if "*" not in last:
        return []
    members = vars(import_module(f"{PACKAGE}.{module}"))
    own = [
        name
        for name, member in members.items()
        if inspect.isfunction(member) and member.__module__ == f"{PACKAGE}.{module}"
    ]
    return [f"{module}.{name}" for name in own if fnmatchcase(name, last) and name[0] != "_"]


def _entry(name: str) -> list[str]:
    thing = resolve(name)
    path = f"{PACKAGE}.{name}"
    if inspect.isclass(thing):
        return [f".. autoclass:: {path}", "   :members:", ""]
    if _has_docstring(thing):
        return [f".. autofunction:: {path}", ""]
    value = ", ".join(map(str, [thing] if isinstance(thing, str) else thing))
    return [f".. py:data:: {path}", "", f"   {type(thing).__name__}: {value}", ""]


def _has_docstring(thing: object) -> bool:
    """Tell classes and functions from constants, which have the docstring of their type."""
    return inspect.isclass(thing) or inspect.isroutine(thing)
