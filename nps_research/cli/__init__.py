"""The command line: `nps-research` and its commands, one module each."""

from __future__ import annotations

import argparse
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

from nps_research.cli import listing, own_survey, reruns, simulation
from nps_research.cli.console import EXIT_CODES, complain

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

COMMANDS = (listing, reruns, own_survey, simulation)
EXAMPLES = """\
examples:
  nps-research list                          every notebook and its question
  nps-research reproduce                     all notebooks, all figures, all numbers
  nps-research verify 02 05                  the numbers of two notebooks, one by one
  nps-research run 02 --data export.csv --score "Likelihood to recommend" --by year
  nps-research simulate --output market.csv --incentive begging=1

`nps-research COMMAND --help` has more of each.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    options = _parser().parse_args(arguments)
    before = signal.signal(signal.SIGTERM, _stop)
    try:
        code: int = options.carry_out(options)
    except KeyboardInterrupt:
        complain("interrupted; what ran is stopped")
        return 128 + signal.SIGINT
    except (ValueError, OSError) as error:
        complain(str(error))
        return 2
    finally:
        signal.signal(signal.SIGTERM, before)
    return code


def _stop(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001  (the form of handlers)
    """End as after an interrupt, so that running notebooks and their kernels end too."""
    sys.exit(128 + number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nps-research",
        description="Reproduce the notebooks of nps_research, verify the numbers they record, "
        "ask their questions of your own survey, and simulate markets.",
        epilog=f"{EXAMPLES}\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in COMMANDS:
        module.add_to(commands)
    return parser
