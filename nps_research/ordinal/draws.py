"""From draws of parameters to draws of what a reader asks for: NPS, mean, boxes, probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import xarray as xr

from nps_research.ordinal import effects, functionals
from nps_research.ordinal.cell_draws import CellDraws
from nps_research.ordinal.labels import column_names, plain
from nps_research.ordinal.latent import SAMPLE_DIMS, with_new_levels
from nps_research.survey_files import unknown_name
from nps_research.views import View, viewed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from nps_research.ordinal.functionals import Functional

NAMED = ("nps", "mean_score", "top_box", "bottom_box", "score_probabilities", "no_answer_rate")


@viewed
class ScoreDraws(CellDraws):
    """Draws of the parameters of an ordinal model, and the functionals of its probabilities.

    A functional of a group is that of the group's own respondents: the model's probabilities,
    averaged over the cells in which the respondents of the group are, in their proportions.

    Effects that differ between cuts can cross in a cumulative model. A draw in which they do so
    for some respondents of a group is NaN there, with a `NegativeProbabilityWarning`.

    Parameters
    ----------
    parameters : xarray.Dataset
        Draws of the parameters, with the dims chain and draw.
    design : Design
        Cells of the count table, or of the table to predict for.
    family : Family
        How latent positions become probabilities.
    """

    def _view(self) -> View:
        sizes = self.parameters.sizes
        return View(
            f"{type(self).__name__}({self.family.name}, {self.family.link}) {self.design}",
            {"draws": f"{sizes['chain']} x {sizes['draw']:,} (chains x draws)"},
        )

    def score_probabilities(self, by: str | Sequence[str] | None = None) -> xr.DataArray:
        """Return the probability of every score.

        Parameters
        ----------
        by : str or sequence of str, optional
            Columns of the count table whose groups are kept apart. Without it, all respondents.

        Returns
        -------
        xarray.DataArray
            Dims chain, draw, the groups, score. A combination that nobody has is NaN.

        Raises
        ------
        ValueError
            If the count table has no such column, or one is named twice.
        """
        return self._over_groups(lambda p: p, by, ["score"]).rename("probability")

    def nps(self, by: str | Sequence[str] | None = None) -> xr.DataArray:
        """Return the Net Promoter Score in points (-100..100): dims chain, draw and the groups.

        See `score_probabilities` for `by` and errors.
        """
        return self.functional(100.0 * self.design.rating_scale.nps_values, by, "nps")

    def mean_score(self, by: str | Sequence[str] | None = None) -> xr.DataArray:
        """Return the mean score in points of the scale: dims chain, draw and the groups."""
        scores = self.design.rating_scale.scores.astype(float)
        return self.functional(scores, by, "mean_score")

    def top_box(self, by: str | Sequence[str] | None = None, k: int = 2) -> xr.DataArray:
        """Return the share of the `k` highest scores (0..1): dims chain, draw and the groups."""
        return self.functional(self.design.rating_scale.box_values(k, "top"), by, "top_box")

    def bottom_box(self, by: str | Sequence[str] | None = None, k: int = 2) -> xr.DataArray:
        """Return the share of the `k` lowest scores (0..1): dims chain, draw and the groups."""
        return self.functional(self.design.rating_scale.box_values(k, "bottom"), by, "bottom_box")

    def functional(
        self,
        f: Functional,
        by: str | Sequence[str] | None = None,
        name: str | None = None,
    ) -> xr.DataArray:
        """Return any number that follows from the probabilities of the scores of a group.

        Parameters
        ----------
        f : array_like or callable
            One value a score, lowest first, whose mean over the answers is taken. Or a function
            that takes probabilities (..., scores) to values (...), such as
            ``lambda p: p.max(axis=-1)``.
        by : str or sequence of str, optional
            As in `score_probabilities`.
        name : str, optional
            Name of the result.

        Returns
        -------
        xarray.DataArray
            Dims chain, draw and the groups.

        Raises
        ------
        ValueError
            If there is not one finite value a score, or the function returns another shape.
        """
        evaluate = functionals.evaluator(f, self.design.rating_scale.n_categories)
        return self._over_groups(evaluate, by, []).rename(name or functionals.functional_name(f))

    def probability_of_superiority(self, by: str, a: object, b: object) -> xr.DataArray:
        """Return how often an answer of group `a` exceeds, equals and is below one of group `b`.

        The answers are those of two people, drawn from the groups at random. With ties counted
        half, ``greater + equal / 2``, it is the probability behind the Mann-Whitney statistic
        (Agresti 2010, "Analysis of Ordinal Categorical Data").

        Parameters
        ----------
        by : str
            Column of the count table.
        a, b : scalar
            Two of its levels.

        Returns
        -------
        xarray.DataArray
            Dims chain, draw, order ("greater", "equal", "less").

        Raises
        ------
        ValueError
            If there is no such column or level.
        """
        shares = self.score_probabilities(by)
        first, second = (
            shares.isel({by: effects.level_position(shares, by, level)}).to_numpy()
            for level in (a, b)
        )
        orders = functionals.order_probabilities(first, second)
        coords = self._coords(SAMPLE_DIMS) | {"order": ["greater", "equal", "less"]}
        return xr.DataArray(orders, coords, list(coords), "probability_of_superiority")

    def contrast(
        self,
        of: str | Functional = "nps",
        *,
        by: str,
        reference: object = None,
        within: str | Sequence[str] | None = None,
    ) -> xr.DataArray:
        """Return differences of a functional between groups.

        Each group is taken with its own respondents, so that differences in their other predictors
        contribute; see `marginal_effect` for those that do not.

        Parameters
        ----------
        of : str, array_like or callable
            "nps", "mean_score", "top_box", "bottom_box", "score_probabilities", "no_answer_rate",
            or as in `functional`.
        by : str
            Column whose groups are compared.
        reference : optional
            Level that is subtracted from the others. Without it, all pairs: later minus earlier.
        within : str or sequence of str, optional
            Columns whose groups are kept apart.

        Returns
        -------
        xarray.DataArray
            Dims chain, draw, then `by` without the reference, or ``contrast`` with labels such as
            ``"2018 - 2017"``, then those of `within`.

        Raises
        ------
        ValueError
            If there is no such functional, column or level, or only one group.
        """
        return effects.differences(self._of(of, [by, *column_names(within)]), by, reference)

    def marginal_effect(
        self,
        column: str,
        of: str | Functional = "nps",
        values: Iterable[Any] | None = None,
        *,
        random_seed: int | None = None,
    ) -> xr.DataArray:
        """Return a functional of all respondents, had each of them the same value of a predictor.

        The other predictors stay as they are, and are averaged over (g-computation, Robins 1986,
        "A New Approach to Causal Inference in Mortality Studies"). `effects.differences` subtracts
        the values. This is a statement about the model. It is an effect of changing the predictor
        only if nothing outside the model drives both the predictor and the score, and if the other
        predictors do not depend on this one.

        Parameters
        ----------
        column : str
            A predictor.
        of : str, array_like or callable
            As in `contrast`.
        values : iterable, optional
            Values of the predictor. By default those that respondents have, or 20 equally spaced
            ones if a numeric predictor has more.
        random_seed : int, optional
            Makes the effects of groups repeatable that estimation has not seen.

        Returns
        -------
        xarray.DataArray
            Dims chain, draw, `column`.

        Raises
        ------
        ValueError
            If `column` is no predictor.
        """
        chosen = effects.effect_values(self.design, column, values)
        invited = isinstance(of, str) and of == "no_answer_rate"
        table = effects.everybody_at(self.design.cells, column, chosen, invited=invited)
        return self._along(column, chosen, table, of, random_seed)

    def conditional_effect(
        self,
        column: str,
        of: str | Functional = "nps",
        *,
        at: Mapping[str, Any] | None = None,
        values: Iterable[Any] | None = None,
        random_seed: int | None = None,
    ) -> xr.DataArray:
        """Return a functional of one kind of person, for every value of a predictor.

        Like `marginal_effect`, it is no causal claim by itself.

        Parameters
        ----------
        column : str
            A predictor.
        of : str, array_like or callable
            As in `contrast`.
        at : mapping of str to scalar, optional
            Values of other predictors. The rest are at the respondents' mean if the model uses
            them as numbers; groups and other levels are at the most common one.
        values, random_seed
            As in `marginal_effect`.

        Returns
        -------
        xarray.DataArray
            Dims chain, draw, `column`.

        Raises
        ------
        ValueError
            If `column`, or a name in `at`, is no predictor.
        """
        chosen = effects.effect_values(self.design, column, values)
        table = effects.typical_person(self.design, column, chosen, at or {})
        return self._along(column, chosen, table, of, random_seed)

    def at(self, table: pd.DataFrame, random_seed: int | None = None) -> ScoreDraws:
        """Return the draws for other people: predictions.

        Parameters
        ----------
        table : pandas.DataFrame
            The predictors, one row a kind of person; column `n` says how many, 1 without it. More
            columns may serve as `by`. No score is needed.
        random_seed : int, optional
            Groups that estimation has not seen get effects drawn from the population of groups,
            the same for all people of the group. The seed makes them repeatable.

        Returns
        -------
        ScoreDraws
            The same draws, for the people of `table`.

        Raises
        ------
        ValueError
            If a predictor is missing or has a level that is no group and was not seen.
        """
        parameters, design = with_new_levels(
            self.parameters, self.design.at(table), self.family, random_seed
        )
        return ScoreDraws(parameters, design, self.family)

    def poststratify(self, table: pd.DataFrame, random_seed: int | None = None) -> ScoreDraws:
        """Return the draws for a population of known composition.

        Every functional of the result is that of the population: each cell has the model's
        probabilities and the population's size (Gelman and Little 1997, "Poststratification into
        Many Categories Using Hierarchical Logistic Regression"). People who would give no score
        count like those of their cell who do.

        Parameters
        ----------
        table : pandas.DataFrame
            Population cells: the predictors and `n`, the number of people.
        random_seed : int, optional
            As in `at`.

        Raises
        ------
        ValueError
            If there is no column `n`; else as `at`.
        """
        if "n" not in table:
            raise ValueError(
                "a population table has the number of people of every cell in the column 'n'; "
                f"found the columns {', '.join(map(str, table.columns))}. Rename the column."
            )
        return self.at(table, random_seed)

    def _of(self, of: str | Functional, by: list[str]) -> xr.DataArray:
        if not isinstance(of, str):
            return self.functional(of, by)
        if of not in NAMED:
            raise ValueError(unknown_name("functional", of, NAMED))
        values: xr.DataArray = getattr(self, of)(by)
        return values

    def _along(
        self,
        column: str,
        values: list[Any],
        table: pd.DataFrame,
        of: str | Functional,
        random_seed: int | None,
    ) -> xr.DataArray:
        drawn = self.at(table, random_seed)._of(of, [column])
        places = pd.Index(drawn[column].to_numpy()).get_indexer(plain(pd.Index(values)))
        return drawn.isel({column: places})
