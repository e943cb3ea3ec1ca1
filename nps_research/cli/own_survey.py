"""`nps-research run`: the questions of a notebook asked of one's own survey."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nps_research.cli.console import add_command, complain, say
from nps_research.own_data.editions import EDITIONS, run_edition
from nps_research.survey_files import SurveyError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from nps_research.cli.console import Commands

SETTINGS = ("score", "by", "weight", "scale", "churn", "left", "encoding", "decimal", "sheet")
NO_ANSWER = "no answer"
# Errors about surveys name the arguments of `read_survey`.
IN_OPTIONS = (
    "On the command line these are --missing 11='no answer', --scale LOWEST HIGHEST, --weight, "
    "--encoding, --decimal and --sheet."
)
EXAMPLES = f"""\
  nps-research run 02 --data export.csv --score "Likelihood to recommend"
  nps-research run 03 --data export.xlsx --score Q1 --by year region --weight weight \\
      --missing 11="no answer" 99=refused --output results
  nps-research run 06 --data users.csv --score recommend --scale 1 10 \\
      --churn status --left cancelled lapsed
  nps-research run 01 --data sfo_airport --score score --by year    a table that ships

notebooks that accept own data: {", ".join(EDITIONS)}

No row leaves this machine, and none is stored: the notebook reads the file each time that it runs,
and shows counts.
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    command = add_command(
        commands, "run", "ask the questions of a notebook of your own survey", EXAMPLES, _run
    )
    add = command.add_argument
    add("notebook", help="name or number of the notebook, such as 02")
    add("--data", required=True, metavar="FILE", help=".csv, .tsv, .parquet, .xlsx or .sav")
    add("--score", required=True, metavar="COLUMN", help="column with the answers")
    more: dict[str, Any] = {"nargs": "+", "action": "extend", "default": []}
    add("--by", **more, metavar="COLUMN", help="columns whose groups to compare")
    add("--weight", metavar="COLUMN", help="column with survey weights")
    add(
        "--missing",
        **more,
        metavar="CODE[=REASON]",
        help=f"codes of the score column that mark no answer (default reason: {NO_ANSWER})",
    )
    add(
        "--scale",
        nargs="+",
        type=int,
        default=[0, 10],
        metavar="N",
        help="lowest and highest score (default 0 10); for scales other than 0-10, 1-10, 1-7 and "
        "1-5 also the highest detractor and the lowest promoter",
    )
    add("--churn", metavar="COLUMN", help="column that says who left (needed by 06)")
    add("--left", **more, metavar="VALUE", help="its values that mean: left")
    add("--encoding", default="utf-8", help="of a text file (default utf-8)")
    add("--decimal", default=".", metavar="MARK", help="decimal mark (default .)")
    add("--sheet", metavar="NAME", help="sheet of a workbook (default the first)")
    add(
        "--output",
        type=Path,
        default=Path("nps-results"),
        metavar="FOLDER",
        help="for the executed notebook and its page (default nps-results)",
    )


def _run(options: argparse.Namespace) -> int:
    if len(options.scale) not in {2, 4}:
        raise ValueError(
            f"--scale takes 2 numbers, or 4 with the cuts; found {len(options.scale)}. Give the "
            "lowest and the highest score, as in --scale 1 10."
        )
    settings: dict[str, Any] = {name: getattr(options, name) for name in SETTINGS}
    settings |= {"data": options.data, "missing": _codes(options.missing)}
    try:
        notebook, page, error = run_edition(options.notebook, options.output, settings)
    except SurveyError as problem:
        raise SurveyError(f"{problem}\n{IN_OPTIONS}") from problem
    for path in (page, notebook):
        say(os.path.relpath(path))
    if error:
        complain(f"the notebook ended in an error:\n{error}")
        return 1
    return 0


def _codes(pairs: Sequence[str]) -> dict[str, str]:
    """Read ``code=reason`` pairs; a code without a reason marks no answer."""
    parts = [pair.partition("=") for pair in pairs]
    return {code: reason or NO_ANSWER for code, _, reason in parts}
