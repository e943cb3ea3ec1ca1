"""What can be set in the explorer: who games how, what is paid for, and how many customers."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nps_research.market.mechanisms import MECHANISMS, Incentives
from nps_research.market.regimes import LevelTarget, PayPerPoint
from nps_research.market.shocks import is_whole
from nps_research.survey_files import unknown_name

if TYPE_CHECKING:
    from typing import Self

    from nps_research.market.regimes import Regime


class Number(NamedTuple):
    """Range of a number and its meaning, for sliders and for errors."""

    low: float
    high: float
    step: float
    meaning: str


STRENGTH, TARGET, CUSTOMERS, DRAW = "strength", "target", "customers", "draw"
NUMBERS = {
    STRENGTH: Number(0.0, 1.0, 0.1, "0 is no incentive at all, 1 is all that is set below"),
    TARGET: Number(-50.0, 90.0, 5.0, "NPS of a quarter, in points"),
    # Above this the slowest settings take longer than the eye waits: use Market and attribute.
    CUSTOMERS: Number(200, 1000, 100, "customers of the firm, a whole number"),
    DRAW: Number(0, 99, 1, "another draw of luck under the same rules, a whole number"),
}
WHOLE = (CUSTOMERS, DRAW)
NO_MECHANISM = Incentives.none()
# What agents may be paid for, in the words of the menu.
PAY = {
    "propensity": "nothing: game by nature",
    "point": "each point of the score",
    "target": "reaching the target",
}


@dataclass(frozen=True)
class Settings:
    """One position of all controls.

    Parameters
    ----------
    strength : float
        Overall strength of incentives, from 0 to 1. Multiplies all intensities and the pay; at 0
        there is no pay and no mechanism.
    incentives : Incentives
        Intensity of each mechanism at full strength.
    pay : {"propensity", "point", "target"}
        What agents are paid for: no regime, so that they game with their propensity, or
        `PayPerPoint`, or `LevelTarget`.
    target : float
        NPS of a quarter that is to be reached, from -50 to 90: for pay by target, and for agents
        who stop asking when they are there (withholding).
    customers : int
        Size of the firm, from 200 to 1,000, in the hands of ten agents: sets how many answers
        there are.
    draw : int
        Which luck, from 0 to 99: the same settings with the same draw give the same numbers.

    Raises
    ------
    ValueError
        If a setting is not in its range.

    Examples
    --------
    >>> half = Settings(0.5, Incentives(begging=0.8), pay="target")
    >>> half.at_work, half.regime.strength
    (Incentives(begging=0.4), 0.5)
    >>> Settings(0.0, Incentives.all(), pay="target").regime is None
    True
    """

    strength: float = 1.0
    incentives: Incentives = NO_MECHANISM
    pay: str = "propensity"
    target: float = 40.0
    customers: int = 1000
    draw: int = 0

    def __post_init__(self) -> None:
        if self.pay not in PAY:
            raise ValueError(unknown_name("kind of pay", self.pay, PAY))
        if not isinstance(self.incentives, Incentives):
            raise ValueError(
                f"incentives must be Incentives, such as Incentives(begging=1); "
                f"found {self.incentives!r}."
            )
        for name in NUMBERS:
            _check_number(name, getattr(self, name))

    @property
    def at_work(self) -> Incentives:
        """Intensities that come about: those of the mechanisms times the strength."""
        return scaled(self.incentives, self.strength)

    @property
    def active(self) -> tuple[str, ...]:
        """Names of the mechanisms whose intensity is not 0, whatever the strength."""
        return tuple(name for name in MECHANISMS if getattr(self.incentives, name))

    @property
    def regime(self) -> Regime | None:
        """What the agents are paid for; None without pay."""
        if not self.strength or self.pay == "propensity":
            return None
        if self.pay == "point":
            return PayPerPoint(strength=self.strength)
        return LevelTarget(target=self.target, strength=self.strength)

    def with_values(self, **values: Any) -> Self:
        """Return a copy with some settings changed, mechanisms by their names.

        Raises
        ------
        ValueError
            If there is no such setting, or a value is not in its range.

        Examples
        --------
        >>> Settings().with_values(gating=0.3, strength=0.7)
        Settings(strength=0.7, incentives=Incentives(gating=0.3), pay='propensity', target=40.0,
                 customers=1000, draw=0)
        """
        own = [each.name for each in fields(self)]
        for name in values:
            if name not in (*own, *MECHANISMS):
                raise ValueError(unknown_name("setting", name, [*own, *MECHANISMS]))
        intensities = {name: values.pop(name) for name in MECHANISMS if name in values}
        incentives = replace(values.pop("incentives", self.incentives), **intensities)
        return replace(self, incentives=incentives, **values)


def scaled(incentives: Incentives, strength: float) -> Incentives:
    """Return incentives with all intensities multiplied.

    Examples
    --------
    >>> scaled(Incentives(begging=0.5, gating=1.0), 0.5)
    Incentives(begging=0.25, gating=0.5)
    """
    return Incentives(**{name: strength * each for name, each in incentives.as_dict().items()})


def _check_number(name: str, value: Any) -> None:
    low, high, _, meaning = NUMBERS[name]
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not (number and low <= value <= high) or (name in WHOLE and not is_whole(value)):
        raise ValueError(f"{name} must be from {low:g} to {high:g} ({meaning}); found {value!r}.")
