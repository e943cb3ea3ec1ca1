"""Compilation of numerical functions to machine code, once a machine: numba keeps the result."""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numba

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Modules whose functions are compiled, or whose constants they contain.
SOURCES = (
    *("arrays", "compilation", "density", "families", "laplace", "links", "nuts", "optimum"),
    *("parts", "prior_density", "warp"),
)


def _machine_code_folder() -> Path:
    """Return a folder of this version of the compiled sources.

    numba compiles a function again when its own file changes, but not when that of a function
    which it calls does.
    """
    package = Path(__file__).parent
    texts = [(package / f"{name}.py").read_bytes() for name in SOURCES]
    version = hashlib.sha256(b"".join(texts)).hexdigest()[:16]
    return _writable_folder(package / "__pycache__") / f"machine_code_{version}"


def _writable_folder(preferred: Path) -> Path:
    if numba.config.CACHE_DIR:
        return Path(numba.config.CACHE_DIR)
    if os.access(preferred if preferred.exists() else preferred.parent, os.W_OK):
        return preferred
    home = Path.home()
    return (
        home if os.access(home, os.W_OK) else Path(tempfile.gettempdir())
    ) / ".cache/nps_research"


FOLDER = _machine_code_folder()


@contextmanager
def kept_machine_code() -> Iterator[None]:
    """Make numba keep what is declared inside in the folder of this version."""
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(FOLDER)
    try:
        yield
    finally:
        numba.config.CACHE_DIR = before


def compiled[Function: Callable[..., Any]](function: Function) -> Function:
    """Compile `function` on its first call, without the GIL and with IEEE division.

    Parameters
    ----------
    function : callable
        Of numbers and NumPy arrays.
    """
    with kept_machine_code():
        build = numba.njit(cache=True, error_model="numpy", nogil=True)
        return cast("Function", build(function))


def inlined[Function: Callable[..., Any]](function: Function) -> Function:
    """Compile `function` into each of its callers.

    For functions that take a structure of many arrays: to hand it over costs more than their work.
    """
    with kept_machine_code():
        build = numba.njit(cache=True, error_model="numpy", nogil=True, inline="always")
        return cast("Function", build(function))


def compiled_for_c(signature: Any) -> Callable[[Callable[..., int]], Any]:
    """Compile a function at once, to be called by its address.

    Parameters
    ----------
    signature : numba.core.typing.Signature
        Types of the result and of the arguments.
    """

    def build(function: Callable[..., int]) -> Any:
        with kept_machine_code():
            return numba.cfunc(signature, cache=True, error_model="numpy")(function)

    return build
