"""Whether reported scores of teams are round more often than the lattice of their answers allows.

A score that is reported by those whom it judges can be rounded up, or invented. Round numbers are
then too frequent (Kobak, Shpilkin and Pshenichnikov 2016, "Integer Percentages as Electoral
Falsification Fingerprints"). How frequent they are without that depends on each team's number of
answers: with 20 of them every possible score is a multiple of 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nps_research.counts import refuse_unknown_columns
from nps_research.market.bunching import POINTS
from nps_research.survey_files import numbers, refuse_rows
from nps_research.views import viewed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    type Array = NDArray[np.float64]

# Values differ from whole multiples by rounding in the last digits.
ROUNDING = 1e-9
INNOCENT = (
    "Round scores also come from reports that are rounded for everybody, and from teams whose "
    "customers hardly ever are passive, whose possible scores lie further apart."
)


@viewed
@dataclass(frozen=True)
class RoundScores:
    """Reported scores at multiples of a number.

    Attributes
    ----------
    teams : int
        Teams whose score tells something: both round and other scores are possible near it.
    found : int
        Round ones among them.
    expected : float
        Round ones if all possible scores near the reported one were equally likely.
    p_value : float
        Probability of as many round ones as found (Poisson binomial, half of the probability of
        the observed number counted).
    impossible : int
        Reported scores that no outcome of so many answers gives, of all teams. Weighted scores are
        not of this kind.
    multiple, decimals : float, int
        What counts as round, and the decimals to which scores are reported.
    """

    teams: int
    found: int
    expected: float
    p_value: float
    impossible: int
    multiple: float
    decimals: int
    innocent: str = INNOCENT

    @property
    def text(self) -> str:
        """What was found, in words."""
        return (
            f"{self.found} of {self.teams} reported scores are multiples of {self.multiple:g}; the "
            f"numbers of answers lead one to expect {self.expected:.1f}. As many have probability "
            f"{self.p_value:.3f} if nobody prefers round numbers. {self.impossible} reported "
            f"scores cannot come from so many unweighted answers. {self.innocent}"
        )


def round_scores(
    reported: pd.DataFrame, *, multiple: float = 10.0, decimals: int = 0
) -> RoundScores:
    """Test whether teams report round scores too often for their numbers of answers.

    Parameters
    ----------
    reported : pandas.DataFrame
        One row a team and report: `nps`, the reported score in points, and `n`, the number of
        answers it is said to come from.
    multiple : float
        Round scores are multiples of it, in points.
    decimals : int
        To which the scores are reported.

    Returns
    -------
    RoundScores

    Raises
    ------
    ValueError
        If a column is missing, a score is not within -100 and 100, or a number of answers is below
        1.

    Notes
    -----
    Scores are compared with the possible ones that are nearer than half of `multiple` to the same
    round number, all taken as equally likely: they lie alike on both sides of it, so that to first
    order no model is needed of how scores spread. Scores just between two round numbers are left
    out.

    Examples
    --------
    >>> table = pd.DataFrame({"nps": [40, 30, 21, 50, 10, 38], "n": [33, 47, 61, 39, 52, 20]})
    >>> found = round_scores(table)
    >>> found.found, round(found.expected, 2), found.impossible
    (2, 0.6, 3)
    """
    score, n = _checked(reported)
    nearest = np.floor(score / multiple + 0.5) * multiple
    chances = np.array(
        [_chance(centre, each, multiple, decimals) for centre, each in zip(nearest, n, strict=True)]
    )
    between = np.abs(score - nearest) > multiple / 2 - ROUNDING
    telling = (chances > 0) & (chances < 1) & ~between
    is_round = np.abs(np.round(score, decimals) - nearest) < ROUNDING
    found = int(is_round[telling].sum())
    number = np.ones(1)
    for chance in chances[telling]:
        number = np.convolve(number, [1 - chance, chance])
    return RoundScores(
        teams=int(telling.sum()),
        found=found,
        expected=float(chances[telling].sum()),
        p_value=float(number[found + 1 :].sum() + number[found] / 2),
        impossible=_impossible(score, n, decimals),
        multiple=multiple,
        decimals=decimals,
    )


def _checked(reported: pd.DataFrame) -> tuple[Array, NDArray[np.int64]]:
    refuse_unknown_columns(["nps", "n"], reported.columns)
    score, n = numbers(reported["nps"]), numbers(reported["n"])
    rule = "a score must be a number from -100 to 100"
    fix = "Give it in points, and leave out teams without a score."
    refuse_rows(reported["nps"], ~(score.abs() <= POINTS), rule, fix, verb="are")
    fix = "Give the number of answers from which the score was computed."
    refuse_rows(
        reported["n"], ~((n >= 1) & (n % 1 == 0)), "n must be 1 or more answers", fix, verb="are"
    )
    return score.to_numpy(), n.to_numpy(dtype=np.int64)


def _possible(n: int) -> Array:
    return np.asarray(np.round(POINTS * np.arange(-n, n + 1) / n, 9))


def _impossible(score: Array, n: NDArray[np.int64], decimals: int) -> int:
    """Return how many scores are further from a possible one than rounding brings them."""
    reach = 0.5 * 10.0**-decimals + ROUNDING
    return sum(
        bool(np.abs(_possible(each) - value).min() > reach)
        for value, each in zip(score, n, strict=True)
    )


def _chance(centre: float, n: int, multiple: float, decimals: int) -> float:
    """Return the share of round scores among the possible ones near a round number."""
    possible = np.round(_possible(n), decimals)
    near = possible[np.abs(possible - centre) < multiple / 2 - ROUNDING]
    return float(np.mean(np.abs(near - centre) < ROUNDING)) if len(near) else 0.0
