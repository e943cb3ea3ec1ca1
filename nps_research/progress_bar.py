"""How far a long calculation is, in one line for somebody who watches."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Seconds before an unasked line appears: what ends sooner needs none.
PATIENCE = 2.0


def progress[Item](
    results: Iterable[Item], total: int, label: str, *, progressbar: bool | None = None
) -> Iterator[Item]:
    """Go through results as they are finished, and say on stderr how many there are.

    The line is overwritten and in the end erased, and changes nothing in the results.

    Parameters
    ----------
    results : iterable
        Each is calculated when it is asked for.
    total : int
        How many.
    label : str
        What they are.
    progressbar : bool, optional
        Whether to show the line; by default `watched` decides.

    Yields
    ------
    Item
        The results, in their order.

    Examples
    --------
    >>> list(progress((n**2 for n in range(4)), 4, "squares", progressbar=False))
    [0, 1, 4, 9]
    """
    line = _Line(label, total, 0.0 if progressbar else PATIENCE) if watched(progressbar) else None
    try:
        for done, result in enumerate(results, start=1):
            if line:
                line.write(done)
            yield result
    finally:
        if line:
            line.erase()


def watched(progressbar: bool | None = None) -> bool:
    """Tell whether to show progress: as asked for, by default if somebody can watch.

    Somebody watches a terminal, or a notebook that is open in Jupyter, which names its session to
    the kernel. A notebook that is executed as a whole has no session, so that no line is stored in
    it; continuous integration, which sets the variable CI, is not watched either.

    Examples
    --------
    >>> watched(True), watched(False)
    (True, False)
    """
    if progressbar is not None:
        return progressbar
    if os.environ.get("CI"):
        return False
    in_open_notebook = "ipykernel" in sys.modules and "JPY_SESSION_NAME" in os.environ
    return in_open_notebook or sys.stderr.isatty()


class _Line:
    """A line on stderr that is written again and again."""

    def __init__(self, label: str, total: int, patience: float) -> None:
        self.label, self.total, self.patience = label, total, patience
        self.started = time.monotonic()
        self.width = 0

    def write(self, done: int) -> None:
        seconds = time.monotonic() - self.started
        if seconds < self.patience:
            return
        left = seconds * max(self.total - done, 0) / done
        text = f"{self.label}: {done:,} of {self.total:,}, {left:,.0f} s left"
        self._put(text.ljust(self.width))
        self.width = len(text)

    def erase(self) -> None:
        if self.width:
            self._put(" " * self.width + "\r")

    def _put(self, text: str) -> None:
        sys.stderr.write(f"\r{text}")
        sys.stderr.flush()
