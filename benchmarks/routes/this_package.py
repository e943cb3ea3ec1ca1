"""Time nps_research, from rows or after a first fit."""

from __future__ import annotations

import warnings
from typing import Any

from protocol import Stopwatch, Task, gradient_microseconds, posterior_result, run


def fit(
    task: Task, stopwatch: Stopwatch, import_stage: str = "import", **options: Any
) -> dict[str, Any]:
    """Time reading the formula with the answers, sampling and summarising."""
    npsr = imported(stopwatch, import_stage)
    rows = task.rows()
    with stopwatch("model"):
        model = npsr.OrdinalModel(task.formula, rows)
    with stopwatch("sample"):
        fitted = model.fit(**sampling(task), **options)
    with stopwatch("summary"):
        summary = fitted.summary()
    return posterior_result(summary, task.term)


def first_fit(task: Task, stopwatch: Stopwatch) -> dict[str, Any]:
    """Time the same with imports, in which the first run on a machine compiles its code."""
    return fit(task, stopwatch, "compile")


def laplace(task: Task, stopwatch: Stopwatch) -> dict[str, Any]:
    """Time the same with Laplace's approximation."""
    return fit(task, stopwatch, method="laplace")


def refit(task: Task, stopwatch: Stopwatch) -> dict[str, Any]:
    """Time a fit to a bootstrap sample by a model that has been fitted once."""
    npsr = imported(stopwatch)
    rows = task.rows()
    fitted = npsr.OrdinalModel(task.formula, rows).fit(**sampling(task))
    resampled = rows.sample(frac=1.0, replace=True, random_state=task.seed)
    with stopwatch("sample"):
        refitted = fitted.refit(resampled)
    with stopwatch("summary"):
        summary = refitted.summary()
    return posterior_result(summary, task.term)


def maximum_likelihood(task: Task, stopwatch: Stopwatch) -> dict[str, Any]:
    """Time maximum likelihood from rows."""
    npsr = imported(stopwatch)
    rows = task.rows()
    with stopwatch("sample"):
        estimates = npsr.OrdinalModel(task.formula, rows).maximum_likelihood().estimates
    return {
        "estimate": float(estimates.loc[task.term, "estimate"]),
        "standard_error": float(estimates.loc[task.term, "se"]),
    }


def gradient(task: Task, _stopwatch: Stopwatch) -> dict[str, Any]:
    """Time one evaluation of the log density and its gradient in the sampler's coordinates."""
    import nps_research as npsr
    from nps_research.ordinal.nuts import nutpie_model

    posterior = npsr.OrdinalModel(task.formula, task.rows()).posterior
    compiled = nutpie_model(posterior.arrays, posterior.frame)
    return {"gradient_microseconds": gradient_microseconds(compiled)}


def imported(stopwatch: Stopwatch, stage: str = "import") -> Any:
    """Return the package, with what a fit imports."""
    with stopwatch(stage):
        import arviz_stats  # noqa: F401
        import nutpie  # noqa: F401

        import nps_research as npsr
        import nps_research.ordinal.fit
        import nps_research.ordinal.model
    return npsr


def sampling(task: Task) -> dict[str, Any]:
    """Return the options of the sampler."""
    tune = {} if task.tune is None else {"tune": task.tune}
    common = {"draws": task.draws, "chains": task.chains, "random_seed": task.seed}
    return common | tune | {"progressbar": False}


if __name__ == "__main__":
    # A smoke test is too short to converge; a run that counts shows its smallest ESS.
    warnings.simplefilter("ignore")
    actions: dict[str, Any] = {
        "fit": fit,
        "first_fit": first_fit,
        "laplace": laplace,
        "refit": refit,
        "maximum_likelihood": maximum_likelihood,
        "gradient": gradient,
    }
    run(actions, ["nps-research", "numba", "numpy"])
