"""Coefficients that hold for some cuts only: category-specific ones, and those of the NPS cuts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nps_research.ordinal.formulas import component_names
from nps_research.survey_files import unknown_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nps_research.ordinal.cells import Array, Integers
    from nps_research.ordinal.formulas import Formula
    from nps_research.scale import RatingScale


@dataclass(frozen=True, eq=False)
class CutTerms:
    """Coefficients of columns for some of the cuts.

    Attributes
    ----------
    labels : list of str
        Such as ``"x[6|7]"``.
    columns : numpy.ndarray of int64, shape (cut terms,)
        Column that each coefficient multiplies.
    loadings : numpy.ndarray, shape (cut terms, cutpoints)
        How much of it shifts each cut.
    """

    labels: list[str]
    columns: Integers
    loadings: Array


def cut_terms(specific: Sequence[str], nps: Sequence[str], rating_scale: RatingScale) -> CutTerms:
    """List the coefficients of columns that shift cuts.

    Parameters
    ----------
    specific : sequence of str
        Columns with one coefficient a cut.
    nps : sequence of str
        Columns, after those of `specific`, with one coefficient for all cuts from the lowest
        passive up, and one for all from the lowest promoter up.
    rating_scale : RatingScale
        Decides on the cuts.

    Returns
    -------
    CutTerms

    Examples
    --------
    >>> from nps_research.scale import RatingScale
    >>> found = cut_terms(["x"], ["y"], RatingScale(1, 4, 2, 4))
    >>> found.labels
    ['x[1|2]', 'x[2|3]', 'x[3|4]', 'y[2|3]', 'y[3|4]']
    >>> found.columns, found.loadings[3:]
    (array([0, 0, 0, 1, 1]), array([[0., 1., 1.], [0., 0., 1.]]))
    """
    cuts = rating_scale.cutpoint_labels
    first = nps_cut_positions(rating_scale)
    upwards = np.arange(len(cuts)) >= np.array(first)[:, None]
    loadings = [np.eye(len(cuts))] * len(specific) + [upwards] * len(nps)
    labels = [f"{name}[{cut}]" for name in specific for cut in cuts]
    labels += [f"{name}[{cuts[k]}]" for name in nps for k in first]
    sizes = [len(each) for each in loadings]
    return CutTerms(
        labels=labels,
        columns=np.repeat(np.arange(len(sizes)), sizes),
        loadings=np.concatenate([np.zeros((0, len(cuts))), *loadings]),
    )


def nps_cut_positions(rating_scale: RatingScale) -> tuple[int, int]:
    """Return the positions of the cuts below the lowest passive and the lowest promoter."""
    highest_detractor, lowest_promoter = rating_scale.cuts
    return highest_detractor - rating_scale.minimum, lowest_promoter - 1 - rating_scale.minimum


def refuse_impossible_cuts(
    location: Formula, specific: Formula | None, nps: Formula | None, rating_scale: RatingScale
) -> None:
    """Refuse terms of these formulas that the formula of the score does not allow."""
    held = {component_names(term): term.name for term in location.terms}
    for term in specific.terms if specific else ():
        if component_names(term) in held:
            raise ValueError(
                f"category_specific gives {term.name!r} a coefficient for every cut, so it cannot "
                f"be in the main formula as well; found it in {location.text!r}. Leave it out of "
                "one of them, or use nps_cuts."
            )
    for term in nps.terms if nps else ():
        if component_names(term) not in held:
            raise ValueError(
                f"nps_cuts adds to terms of the main formula: "
                f"{unknown_name('term', term.name, held.values())} Add it to {location.text!r}."
            )
    if nps and nps.terms:
        _refuse_scale_without_nps_cuts(rating_scale)


def _refuse_scale_without_nps_cuts(rating_scale: RatingScale) -> None:
    passive, promoter = nps_cut_positions(rating_scale)
    label = rating_scale.cutpoint_labels[passive]
    if passive == promoter:
        raise ValueError(
            f"nps_cuts needs two cuts, and {rating_scale} has no passives: detractors and "
            f"promoters meet at the one cut {label}. Use category_specific instead."
        )
    if passive == 0:
        raise ValueError(
            f"nps_cuts needs a cut below the one into passive, and {rating_scale} has none: all "
            f"cuts from {label} up are all there are, which the main formula shifts already. "
            "Use category_specific instead."
        )
