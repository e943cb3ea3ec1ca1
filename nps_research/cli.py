"""The command line: `nps-research reproduce` and `nps-research refresh`."""

from __future__ import annotations

import argparse
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

from nps_research import reproduction

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import FrameType

    from nps_research.reproduction import Execution

BUILD = reproduction.ROOT / "build"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    options = _parser().parse_args(arguments)
    before = signal.signal(signal.SIGTERM, _stop)
    try:
        return _carry_out(options)
    except reproduction.ReproductionError as error:
        print(f"nps-research: {error}", file=sys.stderr)
        return 2
    finally:
        signal.signal(signal.SIGTERM, before)


def _stop(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001  (the form of handlers)
    """End as after an interrupt, so that running notebooks and their kernels end too."""
    sys.exit(128 + number)


def _carry_out(options: argparse.Namespace) -> int:
    paths = _selected(options.notebooks)
    if options.command == "refresh":
        return _refresh(paths, options.jobs)
    executions = _run(paths, jobs=options.jobs)
    if any(execution.error for execution in executions):
        return 1
    return _report(executions, everything=len(paths) == len(reproduction.notebooks()))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nps-research",
        description="Reproduce the notebooks of nps_research and the numbers they record.",
        epilog="example: nps-research reproduce 02_nps_as_a_statistic",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, meaning in (
        ("reproduce", "run notebooks into build/ and compare every recorded number"),
        ("refresh", "run notebooks and renew the committed outputs and recorded numbers"),
    ):
        command = commands.add_parser(name, help=meaning, description=meaning)
        command.add_argument("notebooks", nargs="*", help="names; all when none is given")
        command.add_argument(
            "--jobs",
            type=int,
            default=2,
            choices=range(1, 9),
            metavar="N",
            help="notebooks at a time, 1 to 8 (default 2)",
        )
    return parser


def _selected(names: Sequence[str]) -> list[Path]:
    known = {path.stem: path for path in reproduction.notebooks()}
    if not known:
        raise reproduction.ReproductionError(
            "there are no notebooks beside the package. They come with a checkout of the project, "
            "not with an installed package."
        )
    wanted = [name.removesuffix(".ipynb").rsplit("/", maxsplit=1)[-1] for name in names]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise reproduction.ReproductionError(
            f"no notebook {unknown[0]!r}; there are: {', '.join(known)}"
        )
    return [known[name] for name in dict.fromkeys(wanted)] or list(known.values())


def _refresh(paths: Sequence[Path], jobs: int) -> int:
    """Renew in two passes: the overview shows what the other notebooks have just recorded."""
    overview = [path for path in paths if path.stem == reproduction.OVERVIEW]
    others = [path for path in paths if path not in overview]
    for batch in filter(None, (others, overview)):
        executions = _run(batch, jobs=jobs, refresh=True)
        if any(execution.error for execution in executions):
            return 1
        reproduction.adopt(executions)
    print(f"{len(paths)} notebooks and their recorded numbers renewed")
    return 0


def _run(paths: Sequence[Path], *, jobs: int, refresh: bool = False) -> list[Execution]:
    executions = []
    for execution in reproduction.run_all(paths, BUILD, jobs=jobs, refresh=refresh):
        state = "failed" if execution.error else "ran"
        print(f"{execution.notebook.stem}: {state} in {execution.seconds:.0f} s", flush=True)
        if execution.error:
            print(execution.error, file=sys.stderr)
        executions.append(execution)
    return executions


def _report(executions: Sequence[Execution], *, everything: bool) -> int:
    table = reproduction.compared(executions, everything=everything)
    for key, row in table[~table["agrees"]].iterrows():
        print(f"{key}: {row['reason']}", file=sys.stderr)
    agreed = int(table["agrees"].sum())
    print(
        f"{len(executions)} notebooks ran; {agreed} of {len(table)} recorded numbers were "
        f"reproduced; executed copies are in {BUILD.name}/notebooks"
    )
    return 0 if agreed == len(table) else 1


if __name__ == "__main__":
    sys.exit(main())
