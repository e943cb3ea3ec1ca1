"""What the command line says, and where: results to standard output, complaints to the other."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    type Commands = argparse._SubParsersAction[argparse.ArgumentParser]

EXIT_CODES = """\
exit codes:
  0    done, and everything agrees
  1    a notebook failed, or a number did not come back
  2    the command or its data cannot be right; nothing was changed
  130  interrupted (143: terminated)
"""


def say(text: str) -> None:
    """Write a line of results."""
    print(text, flush=True)  # noqa: T201  (this is where the command line prints)


def complain(text: str) -> None:
    """Write what is wrong."""
    print(f"nps-research: {text}", file=sys.stderr, flush=True)  # noqa: T201  (as in `say`)


def columns(rows: Sequence[Mapping[str, str]]) -> str:
    """Return rows as text in columns, headed by their names.

    Examples
    --------
    >>> print(columns([{"notebook": "01_the_data", "state": "ran"}]))
    notebook     state
    01_the_data  ran
    """
    if not rows:
        return ""
    lines = [[*rows[0]], *([*row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = (
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        for line in lines
    )
    return "\n".join(line.rstrip() for line in padded)


def add_command(
    commands: Commands, name: str, meaning: str, examples: str, carry_out: Any
) -> argparse.ArgumentParser:
    """Add a command whose help ends in examples and exit codes."""
    command = commands.add_parser(
        name,
        help=meaning,
        description=f"{meaning[0].upper()}{meaning[1:]}.",
        epilog=f"examples:\n{examples}\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(carry_out=carry_out)
    return command
