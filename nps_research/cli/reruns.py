"""`nps-research reproduce`, `verify` and `refresh`: the notebooks run again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nps_research import reproduction
from nps_research.cli.console import add_command, columns, complain, say
from nps_research.verification import RULE, verification, write_report

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from nps_research.cli.console import Commands
    from nps_research.reproduction import Execution
    from nps_research.verification import Verification

MOST_JOBS = 8
REPRODUCE = """\
  nps-research reproduce                  all notebooks, as many at a time as there are cores
  nps-research reproduce 02 05 --jobs 1   two of them, one after the other
"""
VERIFY = f"""\
  nps-research verify                     every recorded number beside its rerun
  nps-research verify 02                  those of one notebook
  NUMBA_CPU_NAME=generic nps-research verify   compiled for a plain processor

{RULE}
"""
REFRESH = """\
  nps-research refresh                    after a change that is meant to change numbers
"""


def add_to(commands: Commands) -> None:
    """Add the commands."""
    meanings = {
        "reproduce": ("run notebooks, save their figures and compare their numbers", REPRODUCE),
        "verify": ("run notebooks and show every recorded number beside its rerun", VERIFY),
        "refresh": ("run notebooks and renew the committed outputs and numbers", REFRESH),
    }
    work = {"reproduce": _reproduce, "verify": _verify, "refresh": _refresh}
    for name, (meaning, examples) in meanings.items():
        command = add_command(commands, name, meaning, examples, work[name])
        command.add_argument(
            "notebooks", nargs="*", help="names or numbers, such as 02; all when none is given"
        )
        cores = min(os.process_cpu_count() or 1, MOST_JOBS)
        command.add_argument(
            "--jobs",
            type=int,
            default=cores,
            choices=range(1, MOST_JOBS + 1),
            metavar="N",
            help=f"notebooks at a time, 1 to {MOST_JOBS} (default {cores}, the cores of this "
            "machine)",
        )
        command.add_argument(
            "--output",
            type=Path,
            default=reproduction.ROOT / "build",
            metavar="FOLDER",
            help="for executed copies, figures and reports (default build/ of the project)",
        )


def _reproduce(options: argparse.Namespace) -> int:
    found = _rerun(options, figures=True)
    say(columns([_row(found, execution) for execution in found.executions]))
    _say_what_differs(found)
    say(
        f"{len(found.executions)} notebooks ran; {found.reproduced} of {len(found.table)} recorded "
        "numbers were reproduced"
    )
    _say_where(options.output, "executed copies in notebooks/, figures in figures/")
    return 0 if found.agrees else 1


def _verify(options: argparse.Namespace) -> int:
    found = _rerun(options)
    say(columns(found.rows()))
    _say_what_differs(found)
    say(f"{found.reproduced} of {len(found.table)} numbers agree")
    _say_where(options.output, "executed copies in notebooks/")
    return 0 if found.agrees else 1


def _refresh(options: argparse.Namespace) -> int:
    """Renew in two passes: the overview shows what the other notebooks have just recorded."""
    paths = reproduction.selected(options.notebooks)
    overview = [path for path in paths if path.stem == reproduction.OVERVIEW]
    others = [path for path in paths if path not in overview]
    for batch in filter(None, (others, overview)):
        executions = _run(batch, options, refresh=True)
        if any(execution.error for execution in executions):
            return 1
        reproduction.adopt(executions)
    say(f"{len(paths)} notebooks and their recorded numbers renewed")
    return 0


def _rerun(options: argparse.Namespace, *, figures: bool = False) -> Verification:
    paths = reproduction.selected(options.notebooks)
    executions = _run(paths, options, figures=figures)
    executions.sort(key=lambda execution: execution.notebook)
    found = verification(executions, everything=len(paths) == len(reproduction.notebooks()))
    write_report(found, options.output)
    return found


def _run(paths: Sequence[Path], options: argparse.Namespace, **settings: Any) -> list[Execution]:
    """Run notebooks, and say of each that ends how it went and what still runs."""
    running: list[str] = []
    executions: list[Execution] = []

    def started(path: Path) -> None:
        running.append(path.stem)

    for execution in reproduction.run_all(
        paths, options.output, jobs=options.jobs, started=started, **settings
    ):
        executions.append(execution)
        running.remove(execution.notebook.stem)
        line = f"{execution.notebook.stem}: {execution.state} in {execution.seconds:.0f} s"
        others = f"; still running: {', '.join(running)}" if running else ""
        say(f"[{len(executions)}/{len(paths)}] {line}{others}")
        if execution.error:
            complain(f"{execution.notebook.stem} failed:\n{execution.error}")
    return executions


def _row(found: Verification, execution: Execution) -> dict[str, str]:
    return {
        "notebook": execution.notebook.stem,
        "state": execution.state,
        "seconds": f"{execution.seconds:.0f}",
        "figures": str(execution.figures),
        "numbers reproduced": found.agreement_of(execution.notebook.stem),
    }


def _say_what_differs(found: Verification) -> None:
    for key, row in found.table[~found.table["agrees"]].iterrows():
        complain(f"{key}: {row['reason']}")


def _say_where(folder: Path, content: str) -> None:
    here = os.path.relpath(folder)
    say(f"{here}/ has {content}, and the report: verification.html and verification.json")
