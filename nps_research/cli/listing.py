"""`nps-research list`: every notebook, its question, its time, and whether it takes own data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nps_research import reproduction
from nps_research.cli.console import add_command, columns, say
from nps_research.own_data.editions import EDITIONS

if TYPE_CHECKING:
    import argparse

    from nps_research.cli.console import Commands

EXAMPLES = """\
  nps-research list
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    add_command(commands, "list", "list the notebooks and their questions", EXAMPLES, _list)


def _list(options: argparse.Namespace) -> int:  # noqa: ARG001  (the form of commands)
    paths = EDITIONS | {path.stem: path for path in reproduction.notebooks()}
    rows = [
        {
            "notebook": stem,
            "own data": "yes" if stem in EDITIONS else "",
            "runs in": reproduction.described(path).time,
            "question": reproduction.described(path).question,
        }
        for stem, path in sorted(paths.items())
    ]
    say(columns(rows))
    say('\n"own data: yes" means: nps-research run NOTEBOOK --data FILE --score COLUMN')
    return 0
