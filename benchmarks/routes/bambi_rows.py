"""bambi's cumulative family on one row an answer, sampled with nutpie."""

from __future__ import annotations

from typing import Any

from protocol import Stopwatch, Task, posterior_result, run


def fit(task: Task, stopwatch: Stopwatch) -> dict[str, Any]:
    """Time building, compiling with sampling, and summarising."""
    with stopwatch("import"):
        import arviz_stats
        import bambi
        import nutpie  # noqa: F401  (imported by the sampling)
        import pandas as pd
    rows = task.rows()
    with stopwatch("model"):
        rows["score"] = pd.Categorical(rows["score"], range(task.scores), ordered=True)
        model = bambi.Model(
            task.formula, rows, family="cumulative", priors=priors(task), auto_scale=False
        )
        model.build()
    with stopwatch("sample"):
        idata = model.fit(
            draws=task.draws,
            tune=task.tune,
            chains=task.chains,
            random_seed=task.seed,
            progressbar=False,
            inference_method="nutpie",
        )
    with stopwatch("summary"):
        summary = arviz_stats.summary(idata, round_to="none")
    return posterior_result(summary, task.term)


def priors(task: Task) -> dict[str, Any]:
    """Return the priors of PyMC's route; thresholds need different centres to start from."""
    import bambi
    import numpy as np
    from pymc.distributions.transforms import ordered

    threshold = bambi.Prior(
        "StudentT",
        auto_scale=False,
        nu=3,
        mu=np.linspace(-2.0, 2.0, task.scores - 1),
        sigma=2.5,
        transform=ordered,
    )
    coefficient = bambi.Prior("Normal", auto_scale=False, mu=0.0, sigma=task.coefficient_sd)
    return {"common": coefficient, "threshold": threshold}


if __name__ == "__main__":
    run({"fit": fit}, ["bambi"])
