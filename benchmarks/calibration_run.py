"""Calibrate every kind of model, and simulate the coverage of its NPS: the long, recorded run.

Finished replicates are kept in --folder: an interrupted run goes on where it was. The results go to
data/calibration.json.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import results
from calibration_templates import TEMPLATES

from nps_research.calibration import Sampling, sbc
from nps_research.model_coverage import one_group_coverage, two_group_coverage
from nps_research.session import session_information
from nps_research.uniformity import holm

if TYPE_CHECKING:
    from nps_research.calibration_results import SbcResult

ROOT = Path(__file__).parents[1]
SEED = 20_240_601
SIZES = (5, 10, 20, 50, 100, 200, 500, 1000)
# Samples of one group: they need no sampling, so there are many.
ONE_GROUP = 2000
# Ranks that share a bin in the file.
IN_A_BIN = 5
# Shares of the scores 0 to 10, in percent.
TRUTHS = {
    "even": (9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 10),
    "many promoters": (1, 0.5, 0.5, 1, 1, 3, 3, 8, 17, 20, 45),
    "nearly all promoters": (0.2, 0.1, 0.1, 0.1, 0.1, 0.2, 0.2, 0.5, 1.5, 7, 90),
    "J-shaped": (12, 2, 2, 2, 2, 6, 4, 7, 12, 13, 38),
}


def calibrated(name: str, options: argparse.Namespace) -> SbcResult:
    """Run all replicates of one model."""
    template = TEMPLATES[name]
    result = sbc(
        template.model(),
        options.replicates,
        random_seed=_seed(name),
        by=template.by,
        sampling=Sampling(thin=template.thin),
        n_jobs=options.jobs,
        folder=options.folder / _slug(name),
    )
    print(f"{name}: {result!r}", flush=True)
    return result


def sbc_rows(found: dict[str, SbcResult]) -> list[dict[str, Any]]:
    """Return one row a model and quantity, with p values corrected for all of them."""
    tables = [
        result.uniformity.join(result.recovery()).assign(
            model=name,
            diverging=result.n_diverging,
            failed=result.n_failed,
            rank_counts=_binned(result.rank_counts),
        )
        for name, result in found.items()
    ]
    table = pd.concat(tables)
    table["p_corrected"] = holm(table["p"])
    return _rows(table.reset_index())


def coverage_rows(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return one row a truth, quantity, method and number of answers."""
    parts = {}
    for name, percent in TRUTHS.items():
        shares = [each / sum(percent) for each in percent]
        parts[name, "one group"] = one_group_coverage(
            shares, SIZES, replicates=ONE_GROUP, random_seed=_seed(name)
        )
        parts[name, "two groups"] = two_group_coverage(
            shares,
            SIZES,
            replicates=options.coverage,
            random_seed=_seed(name),
            n_jobs=options.jobs,
            folder=options.folder / _slug(f"coverage {name}"),
        )
    return _rows(pd.concat(parts, names=["truth", "design"]).reset_index())


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", choices=TEMPLATES, default=list(TEMPLATES))
    parser.add_argument("--replicates", type=int, default=1000, help="of every model")
    parser.add_argument("--coverage", type=int, default=400, help="pairs of samples; 0: none")
    parser.add_argument("--jobs", type=int, default=2, help="processes at once")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "calibration")
    parser.add_argument("--out", type=Path, default=ROOT / "data" / "calibration.json")
    return parser.parse_args()


def main() -> None:
    """Run everything and write the results."""
    options = arguments()
    rows = sbc_rows({name: calibrated(name, options) for name in options.models})
    worst = min(rows, key=lambda row: row["p_corrected"])
    print(f"smallest corrected p: {worst['p_corrected']} ({worst['model']}: {worst['quantity']})")
    content = {
        "setting": results.setting(session_information()["version"].to_dict()),
        "replicates": {
            "sbc": options.replicates,
            "one group": ONE_GROUP,
            "two groups": options.coverage,
        },
        "truths": TRUTHS,
        "sbc": rows,
        "coverage": coverage_rows(options) if options.coverage else [],
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(results.one_line_a_row(content))
    print(f"written to {options.out}")


def _seed(name: str) -> int:
    return results.seed_of(SEED, name)


def _slug(name: str) -> str:
    return re.sub(r"\W+", "-", name)


def _binned(counts: pd.DataFrame) -> list[list[int]]:
    shape = (len(counts), -1, IN_A_BIN)
    return counts.to_numpy().reshape(shape).sum(axis=2).tolist()


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {name: _rounded(value) for name, value in row.items()} for row in table.to_dict("records")
    ]


def _rounded(value: Any) -> Any:
    return results.rounded(value) if isinstance(value, float) else value


if __name__ == "__main__":
    main()
