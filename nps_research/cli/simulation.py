"""`nps-research simulate`: the count table of a simulated market, in a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from nps_research.cli.console import add_command, say
from nps_research.market.mechanisms import MECHANISMS, Incentives
from nps_research.market.regimes import (
    DeltaTarget,
    LevelTarget,
    NorthStar,
    PayForActions,
    PayPerPoint,
)
from nps_research.market.runs import COUNT_COLUMNS, SURVEYS
from nps_research.market.simulate import Market
from nps_research.provenance import versions

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from nps_research.cli.console import Commands

REGIMES = {
    "nothing": NorthStar,
    "point": PayPerPoint,
    "level": LevelTarget,
    "delta": DeltaTarget,
    "actions": PayForActions,
}
SIZES = {"customers": 4000, "agents": 40, "teams": 8, "months": 24}
BY = ("month", "team", "treated", "post")
MEANINGS = {
    "replicate": "which of the repetitions, from 0; all have the same seed and other shocks",
    "month": "month of the survey, from 0",
    "quarter": "quarter of the survey, from 0",
    "team": "team of the agent who looks after the customer, from 0",
    "agent": "that agent, from 0",
    "segment": "segment of the customer",
    "treated": "1 in teams that ever get incentives, else 0",
    "post": "1 from the rollout on (in other teams from the first rollout on), else 0",
    "score": "answer from 0 to 10, empty for no answer",
    "churned": "1 for customers who leave within the follow-up, else 0",
    "n": "number of customers in the row",
}
EXAMPLES = f"""\
  nps-research simulate --output quiet.csv
  nps-research simulate --output market.csv --incentive begging=1 gating=0.5 --seed 7
  nps-research simulate --output paid.parquet --pay point --replicates 20 --by quarter agent
  nps-research simulate --output large.csv --customers 20000 --set begging.shift=0.6

mechanisms: {", ".join(MECHANISMS[:6])},
            {", ".join(MECHANISMS[6:])}
numbers for --set: nps_research.market.defaults.defaults() lists them with their ranges

columns of the table, one row a combination that occurs:
{{columns}}

The file beside it, with .json for its suffix, says with what the table was made.
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    listed = "\n".join(f"  {name:10} {meaning}" for name, meaning in MEANINGS.items())
    command = add_command(
        commands,
        "simulate",
        "simulate a market and write its survey as a count table",
        EXAMPLES.format(columns=listed),
        _simulate,
    )
    add = command.add_argument
    add("--output", type=Path, required=True, metavar="FILE", help="a .csv or .parquet file")
    add("--seed", type=int, default=1, help="random seed (default 1)")
    add("--replicates", type=int, default=1, metavar="N", help="repetitions (default 1)")
    for name, size in SIZES.items():
        add(f"--{name}", type=int, default=size, metavar="N", help=f"default {size}")
    add(
        "--incentive",
        nargs="+",
        default=[],
        metavar="NAME=INTENSITY",
        help="mechanisms at work, each from 0 to 1 (default none)",
    )
    add("--pay", choices=REGIMES, help="what agents are paid for, if they are to optimise")
    add("--set", nargs="+", default=[], metavar="NUMBER=VALUE", help="other numbers of the market")
    add("--by", nargs="+", default=BY, choices=COUNT_COLUMNS, help=f"default {' '.join(BY)}")
    add(
        "--answers",
        choices=SURVEYS,
        default="recorded",
        help="what the firm recorded (default), what an honest shadow survey got, or what "
        "everyone asked would say to it",
    )
    add("--follow-up", type=int, default=1, metavar="MONTHS", help="for churned (default 1)")


def _simulate(options: argparse.Namespace) -> int:
    _check_output(options.output)
    if options.replicates < 1:
        raise ValueError(f"--replicates must be 1 or more; found {options.replicates}.")
    market = Market(**{name: getattr(options, name) for name in SIZES})
    market = market.with_values(_numbers(options.set))
    incentives = Incentives(**_known_mechanisms(_numbers(options.incentive)))
    regime = REGIMES[options.pay]() if options.pay else None
    tables = [
        market.simulate(incentives, regime=regime, random_seed=options.seed, replicate=replicate)
        .counts(options.by, answers=options.answers, follow_up=options.follow_up)
        .assign(replicate=replicate)
        for replicate in range(options.replicates)
    ]
    table = pd.concat(tables, ignore_index=True)
    table = table[["replicate", *table.columns.drop("replicate")]]
    _write(table, options.output)
    made: dict[str, str | None] = {
        "market": repr(market),
        "incentives": repr(incentives),
        "pay": options.pay,
    }
    _write_about(options, table, made)
    answered = int(table.loc[table["score"].notna(), "n"].sum())
    say(
        f"{options.output}: {len(table):,} rows, {table['n'].sum():,} customers asked, "
        f"{answered:,} answers; seed {options.seed}"
    )
    return 0


def _check_output(path: Path) -> None:
    if path.suffix not in {".csv", ".parquet"}:
        raise ValueError(f"--output must end in .csv or .parquet; found {path.name!r}.")
    if not path.parent.is_dir():
        raise ValueError(f"there is no folder {path.parent}. Make it, or choose another --output.")


def _numbers(pairs: Iterable[str]) -> dict[str, float]:
    """Read ``name=number`` pairs; whole numbers stay whole."""
    found: dict[str, float] = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        try:
            found[name] = int(value) if value.strip("-").isdigit() else float(value)
        except ValueError:
            raise ValueError(f"{pair!r} must be NAME=NUMBER, such as begging=0.5.") from None
    return found


def _known_mechanisms(intensities: dict[str, float]) -> dict[str, float]:
    Incentives.only(*intensities)
    return intensities


def _write(table: pd.DataFrame, path: Path) -> None:
    if path.suffix == ".csv":
        table.to_csv(path, index=False)
    else:
        table.to_parquet(path, index=False)


def _write_about(
    options: argparse.Namespace, table: pd.DataFrame, made: dict[str, str | None]
) -> None:
    about: dict[str, Any] = {
        **made,
        "random_seed": options.seed,
        "replicates": options.replicates,
        "answers": options.answers,
        "follow_up_months": options.follow_up,
        "columns": {name: MEANINGS[name] for name in table.columns},
        "versions": versions(),
    }
    options.output.with_suffix(".json").write_text(json.dumps(about, indent=1) + "\n", "utf-8")
