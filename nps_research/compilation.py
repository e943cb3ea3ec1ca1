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
    from collections.abc import Callable, Iterator, Sequence


class MachineCode:
    """The compiled functions of one package, kept in a folder of their version.

    numba compiles a function again when its own file changes, but not when that of a function
    which it calls does. So the version is that of all files together.

    Parameters
    ----------
    package : pathlib.Path
        Folder of the package.
    sources : sequence of str
        Modules whose functions are compiled, or whose constants they contain.

    Attributes
    ----------
    folder : pathlib.Path
        Where the machine code is kept; its name says the version.
    """

    def __init__(self, package: Path, sources: Sequence[str]) -> None:
        texts = [Path(__file__).read_bytes()]
        texts += [(package / f"{name}.py").read_bytes() for name in sources]
        version = hashlib.sha256(b"".join(texts)).hexdigest()[:16]
        self.folder = _writable_folder(package / "__pycache__") / f"machine_code_{version}"

    def compiled[Function: Callable[..., Any]](self, function: Function) -> Function:
        """Compile `function` on its first call, without the GIL and with IEEE division.

        Parameters
        ----------
        function : callable
            Of numbers and NumPy arrays.
        """
        return self._built(function)

    def fused[Function: Callable[..., Any]](self, function: Function) -> Function:
        """Compile `function` with products and sums in one step where the processor has it."""
        return self._built(function, fastmath={"contract"})

    def summed[Function: Callable[..., Any]](self, function: Function) -> Function:
        """Compile `function` with sums in the order that is fastest, the same at every call."""
        return self._built(function, fastmath={"reassoc"})

    def inlined[Function: Callable[..., Any]](self, function: Function) -> Function:
        """Compile `function` into each of its callers.

        For functions that take a structure of many arrays: to hand it over costs more than their
        work.
        """
        return self._built(function, inline="always")

    def compiled_for_c(self, signature: Any) -> Callable[[Callable[..., int]], Any]:
        """Compile a function at once, to be called by its address.

        Parameters
        ----------
        signature : numba.core.typing.Signature
            Types of the result and of the arguments.
        """

        def build(function: Callable[..., int]) -> Any:
            with self._kept():
                return numba.cfunc(signature, cache=True, error_model="numpy")(function)

        return build

    def _built[Function: Callable[..., Any]](self, function: Function, **options: Any) -> Function:
        with self._kept():
            build = numba.njit(cache=True, error_model="numpy", nogil=True, **options)
            return cast("Function", build(function))

    @contextmanager
    def _kept(self) -> Iterator[None]:
        """Make numba keep what is declared inside in the folder."""
        before = numba.config.CACHE_DIR
        numba.config.CACHE_DIR = str(self.folder)
        try:
            yield
        finally:
            numba.config.CACHE_DIR = before


def _writable_folder(preferred: Path) -> Path:
    if numba.config.CACHE_DIR:
        return Path(numba.config.CACHE_DIR)
    if os.access(preferred if preferred.exists() else preferred.parent, os.W_OK):
        return preferred
    home = Path.home()
    return (
        home if os.access(home, os.W_OK) else Path(tempfile.gettempdir())
    ) / ".cache/nps_research"
