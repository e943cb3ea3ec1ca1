"""PyMC's OrderedLogistic on one row an answer, sampled with nutpie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from protocol import Stopwatch, Task, gradient_microseconds, posterior_result, run

if TYPE_CHECKING:
    import pymc as pm


def fit(task: Task, stopwatch: Stopwatch) -> dict[str, Any]:
    """Time building, compiling, sampling and summarising."""
    with stopwatch("import"):
        import arviz_stats
        import formulae  # noqa: F401  (imported by the model)
        import nutpie
        import pymc  # noqa: F401
    rows = task.rows()
    with stopwatch("model"):
        model = build(task, rows)
    with stopwatch("compile"):
        compiled = nutpie.compile_pymc_model(model)
    with stopwatch("sample"):
        idata = nutpie.sample(
            compiled,
            draws=task.draws,
            tune=task.tune,
            chains=task.chains,
            seed=task.seed,
            progress_bar=False,
        )
    with stopwatch("summary"):
        summary = arviz_stats.summary(
            idata, var_names=["cutpoints", "coefficients"], round_to="none"
        )
    return posterior_result(summary, f"coefficients[{task.term}]")


def gradient(task: Task, _stopwatch: Stopwatch) -> dict[str, Any]:
    """Time one evaluation of the log density and its gradient by the compiled model."""
    import nutpie

    compiled = nutpie.compile_pymc_model(build(task, task.rows()))
    return {"gradient_microseconds": gradient_microseconds(compiled)}


def build(task: Task, rows: Any) -> pm.Model:
    """Return the model: predictors centred, cutpoints where they are zero."""
    import numpy as np
    import pymc as pm
    from formulae import design_matrices
    from pymc.distributions.transforms import ordered

    design = design_matrices(task.formula, rows).common
    table = design.as_dataframe().drop(columns="Intercept")
    means = table.to_numpy().mean(axis=0)
    predictors = table.to_numpy() - means
    cuts = task.scores - 1
    with pm.Model(coords={"term": list(table.columns)}) as model:
        coefficients = pm.Normal("coefficients", 0.0, task.coefficient_sd, dims="term")
        centred = pm.StudentT(
            "centred",
            nu=3,
            mu=0.0,
            sigma=2.5,
            shape=cuts,
            transform=ordered,
            initval=np.linspace(-2.0, 2.0, cuts),
        )
        pm.Deterministic("cutpoints", centred + means @ coefficients)
        pm.OrderedLogistic(
            "score",
            eta=predictors @ coefficients,
            cutpoints=centred,
            compute_p=False,
            observed=rows["score"],
        )
    return model


if __name__ == "__main__":
    run({"fit": fit, "gradient": gradient}, ["pymc", "pytensor", "nutpie"])
