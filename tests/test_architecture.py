"""The package keeps its shape: imports go one way, start is light, names and sizes are sane."""

import ast
import functools
import graphlib
import importlib.metadata
import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import nps_research

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "nps_research"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

# Lowest first. A module may import its own layer and those below; nothing may form a cycle.
LAYERS = (
    {"views"},
    {"scale"},
    {"compilation", "progress_bar", "session"},
    {"survey_files"},
    {"value_labels"},
    {"survey_rules"},
    {"survey"},
    {"counts"},
    {"datasets"},
    {"bisection", "replication"},
    {"uniformity"},
    {"calibration_results"},
    {"dirichlet"},
    {"intervals"},
    {"answers"},
    {"metrics"},
    {"differences", "planning"},
    {"diagnostics", "importance"},
    {"ordinal"},
    {"agreement", "market", "inflation", "detection", "calibration"},
    {"churn"},
    {"comparison"},
    {"drivers", "people", "silence", "tracking"},
    {"model_coverage"},
    {"coverage"},
    {"records"},
    {"claims"},
    {"plots"},
    {"line_plots"},
    {"calibration_plots", "comparison_plots", "churn_plots", "market_plots", "ordinal_plots"},
    {"regime_plots", "revenue_plots", "tracking_plots"},
    {"detection_plots", "driver_plots", "inflation_plots", "silence_plots"},
    {"people_plots"},
    {"explorer"},
    {"ledger_view"},
    {"pages", "provenance"},
    {"notebook_figures"},
    {"notebook_pages", "reproduction"},
    {"own_data", "verification"},
    {"cli"},
)
# The same inside the packages, where the package itself comes last: its __init__ gathers names.
INNER_LAYERS = {
    "ordinal": (
        {"compilation"},
        {"links", "warp"},
        {"families"},
        {"arrays", "functionals", "labels", "storage", "structures"},
        {"cells"},
        {"formulas"},
        {"cuts", "terms"},
        {"preparation"},
        {"design"},
        {"priors", "tallies"},
        {"assembly", "prior_density"},
        {"parts"},
        {"logistic"},
        {"coordinates", "density"},
        {"marginal_likelihood", "optimum", "prior_simulation", "support"},
        {"frames"},
        {"geometry", "laplace", "maximum_likelihood", "nuts"},
        {"latent"},
        {"posterior"},
        {"effects", "log_prior"},
        {"cell_draws"},
        {"draws"},
        {"pymc_families"},
        {"pymc_sticks"},
        {"pymc_model"},
        {"archive"},
        {"leaving_out"},
        {"loo"},
        {"comparison", "criticism", "reliability", "sensitivity"},
        {"fit"},
        {"model"},
        {"parallelism"},
    ),
    "churn": (
        {"outcomes"},
        {"discrimination"},
        {"lifetimes"},
        {"borders", "dates", "layout", "survival"},
        {"hazard_draws"},
        {"holdout"},
        {"hazard"},
        {"resampling"},
        {"codings", "trajectories"},
        {"departures", "forecasts", "formula", "opinions", "orders", "recovery", "revenue"},
    ),
    "market": (
        {"compilation"},
        {"events", "shocks"},
        {"defaults"},
        {"parameters"},
        {"mechanisms", "regimes"},
        {"agents", "draws", "population"},
        {"contacts", "surveys"},
        {"months"},
        {"runs"},
        {"simulate"},
        {"bunching", "panels", "ranks", "stopping", "tallies"},
        {"sums"},
        {"estimands"},
        {"conduct", "fingerprints"},
        {"grids", "shapley"},
        {"comparisons", "statements"},
        {"attribution", "scenarios", "sensitivity"},
    ),
    "explorer": (
        {"marks", "settings"},
        {"presets", "years"},
        {"contributions"},
        {"labels", "outcome"},
        {"narration"},
        {"drawing"},
        {"app", "controls"},
    ),
    "inflation": (
        {"evidence", "latent", "market_counts", "priors", "requirements", "worlds"},
        {"quadrature", "reading"},
        {"curves", "parameters"},
        {"identification", "integrals"},
        {"gradient"},
        {"likelihood"},
        {"posterior", "quantities"},
        {"predictive"},
        {"fit"},
        {"model"},
        {"beliefs", "breakdown", "context", "meaning"},
        {"planning", "simulation"},
    ),
    "comparison": (
        {"firms", "measured_pairs", "shifts"},
        {"alarms", "association", "efficiency", "progress", "survey_waves"},
        {"explanations", "firm_studies"},
        {"detection"},
    ),
    "detection": (
        {"agent_answers", "density_jump", "evidence", "records", "simulated_agents", "two_groups"},
        {"round_scores"},
        {"agent_locations", "churn_gap", "heaping", "honest_change", "simulated_records"},
        {"share_change", "suspicion", "target_bunching", "ten_share", "verbatims", "withholding"},
        {"agent_outliers", "deletions", "fingerprint", "process_rates"},
        {"fingerprint_mixture"},
        {"trials"},
    ),
    "drivers": (
        {"contrasts", "correlations"},
        {"comparability", "relative_importance", "segments"},
        {"ceilings", "items", "perception", "roles"},
        {"priorities"},
    ),
    "people": (
        {"score_sums", "units"},
        {"promises", "ranking", "risk_adjustment", "unit_flags", "unit_simulation"},
        {"unit_variance"},
        {"aggregation", "observed_variance", "waterfall"},
    ),
    "silence": (
        {"population_cells"},
        {"nonresponse", "poststratification"},
        {"accounts", "churn_bounds", "comments"},
        {"account_churn", "account_revenue", "churn_ratio", "joint_response", "salience"},
        {"simulated_accounts", "survey_timing"},
    ),
    "own_data": (
        {"findings"},
        {"study"},
        {"numbers", "precision", "regression", "scores"},
        {"leaving"},
        {"editions"},
    ),
    "cli": (
        {"console"},
        {"listing", "own_survey", "reruns", "simulation"},
    ),
    "tracking": (
        {"arrows", "wave_times"},
        {"state_space"},
        {"nested_laplace", "wave_draws"},
        {"control_charts", "model"},
        {"run_lengths", "spikes", "worlds"},
        {"monitoring"},
    ),
}
# Not numba, without which there is no ordinal model: it takes half a second.
HEAVY = {
    *("arviz", "arviz_base", "arviz_plots", "arviz_stats", "matplotlib", "nbclient", "nbformat"),
    *("nutpie", "openpyxl", "pandera", "pyarrow", "pymc", "pyreadstat", "pytensor"),
    "seaborn",
}
# These are about a heavy package from end to end; whatever needs them imports them when needed.
WHOLLY_HEAVY = {
    "ordinal.pymc_families": {"pytensor"},
    "ordinal.pymc_model": {"pymc", "pytensor"},
    "ordinal.pymc_sticks": {"pymc", "pytensor"},
    "plots": {"matplotlib", "seaborn"},
}
VAGUE_NAMES = {"utils", "util", "helpers", "manager", "core", "common", "misc", "tools"}
MOST_LINES = 450
PUBLIC_NAMES = {
    *("RatingScale", "read_survey", "tabulate", "load_counts", "nps", "mean_score", "top_box"),
    *("bottom_box", "csat", "shares", "OrdinalModel", "record"),
}


class Imports(ast.NodeVisitor):
    """Absolute names of what a module imports; imports for type checking only are left out."""

    def __init__(self, package: str) -> None:
        self.package = package
        self.everywhere: set[str] = set()
        self.at_start: set[str] = set()
        self.depth = 0

    def add(self, names: list[str]) -> None:
        self.everywhere.update(names)
        if self.depth == 0:
            self.at_start.update(names)

    def visit_Import(self, node: ast.Import) -> None:
        self.add([alias.name for alias in node.names])

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        source = importlib.util.resolve_name("." * node.level + (node.module or ""), self.package)
        self.add([f"{source}.{alias.name}" for alias in node.names])

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.depth += 1
        self.generic_visit(node)
        self.depth -= 1

    def visit_If(self, node: ast.If) -> None:
        typing_only = "TYPE_CHECKING" in ast.unparse(node.test)
        for child in node.orelse if typing_only else [*node.body, *node.orelse]:
            self.visit(child)


def modules(package):
    """Path of each module by its name below the package; the package's own __init__ is left out."""
    names = {
        ".".join(path.relative_to(package).with_suffix("").parts).removesuffix(".__init__"): path
        for path in sorted(package.rglob("*.py"))
    }
    return {name: path for name, path in names.items() if name != "__init__"}


def imports(path, package=PACKAGE):
    parents = [package.name, *path.relative_to(package).parent.parts]
    visitor = Imports(".".join(parents))
    visitor.visit(ast.parse(path.read_text(encoding="utf-8")))
    return visitor


def inner_imports(path, package):
    """Modules of the package that a module imports; "" stands for the package itself."""
    known = modules(package)
    for name in imports(path, package).everywhere:
        if re.match(rf"{package.name}\b", name):
            parts = name.split(".")[1:]
            heads = (".".join(parts[:length]) for length in range(len(parts), -1, -1))
            yield next(head for head in heads if head in known or not head)


def position(layers, name):
    return next((level for level, layer in enumerate(layers) if name in layer), None)


def rank(module):
    """Place of a module in the order, comparable with other modules; None if it has none."""
    top, _, inner = module.partition(".")
    inner_layers = INNER_LAYERS.get(top, ())
    places = (
        position(LAYERS, top),
        position(inner_layers, inner) if inner else len(inner_layers),
    )
    return None if None in places else places


def allowed(importer, imported):
    if not imported:
        return importer == "cli"
    same_package = importer.partition(".")[0] == imported.partition(".")[0]
    own, other = rank(importer), rank(imported)
    return own >= other if same_package else own[0] >= other[0]


def upward_imports(package):
    placed = {name: path for name, path in modules(package).items() if rank(name)}
    return [
        f"{name} imports {other or 'the package itself'}"
        for name, path in placed.items()
        for other in sorted(set(inner_imports(path, package)))
        if (not other or rank(other)) and not allowed(name, other)
    ]


def cycle(package):
    graph = {name: set(inner_imports(path, package)) for name, path in modules(package).items()}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


@functools.cache
def owners():
    """Distributions that each importable package comes from; slow to find out."""
    return importlib.metadata.packages_distributions()


def modules_after_import(module):
    code = f"import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    run = subprocess.run(  # noqa: S603  (our own interpreter and code)
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return set(run.stdout.split())


@pytest.fixture
def small_package(tmp_path):
    def write(sources):
        for name, source in sources.items():
            path = tmp_path / "small" / f"{name}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source)
        return tmp_path / "small"

    return write


@pytest.mark.parametrize("module", modules(PACKAGE))
def test_every_module_has_a_place(module):
    assert rank(module) is not None, (
        f"nps_research.{module} has no place in the order of imports. Add it to LAYERS (or "
        "INNER_LAYERS) in tests/test_architecture.py, above everything that it imports."
    )


def test_no_upward_imports():
    found = upward_imports(PACKAGE)
    assert found == [], (
        f"{'; '.join(found)}. Imports go from high to low layers only (LAYERS in "
        "tests/test_architecture.py): move what both sides need into the lower module."
    )


def test_no_cycles():
    assert cycle(PACKAGE) == []


@pytest.mark.parametrize(
    ("module", "source", "expected"),
    [
        ("scale", "from small.metrics import nps", ["scale imports metrics"]),
        ("scale", "def f():\n    import small.plots", ["scale imports plots"]),
        ("scale", "from . import metrics", ["scale imports metrics"]),
        ("ordinal/links", "from .model import A", ["ordinal.links imports ordinal.model"]),
        ("ordinal/links", "from small.ordinal import A", ["ordinal.links imports ordinal"]),
        ("metrics", "from small import nps", ["metrics imports the package itself"]),
        ("cli", "import small", []),
        ("plots", "from small.ordinal.model import A", []),
        ("scale", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import small.cli", []),
    ],
)
def test_upward_imports_are_found(small_package, module, source, expected):
    others = dict.fromkeys(("metrics", "plots", "cli", "ordinal/__init__", "ordinal/model"), "")
    assert upward_imports(small_package(others | {module: source})) == expected


def test_cycles_are_found(small_package):
    package = small_package({"churn": "import small.market", "market": "from .churn import hazard"})
    assert set(cycle(package)) == {"churn", "market"}


def test_modules_without_a_place_are_found():
    assert rank("ordinal.surprise") is rank("surprise") is None


@pytest.mark.parametrize(("module", "path"), modules(PACKAGE).items())
def test_heavy_packages_are_imported_when_needed(module, path):
    tops = {name.partition(".")[0] for name in imports(path).at_start}
    heavy = HEAVY - WHOLLY_HEAVY.get(module, set())
    assert tops & heavy == set(), f"{module}: import inside the function that needs it"


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("nps_research", {*HEAVY, "pandas", "scipy"}),
        ("nps_research.metrics", HEAVY - {"pyarrow"}),  # pandas imports pyarrow itself
        ("nps_research.ordinal.model", HEAVY - {"pyarrow"}),
    ],
)
def test_import_is_light(module, absent):
    assert modules_after_import(module) & absent == set()


@pytest.mark.parametrize(("module", "path"), modules(PACKAGE).items())
def test_imported_packages_are_declared(module, path):
    tops = {name.partition(".")[0] for name in imports(path).everywhere} - {"nps_research"}
    used = {owner for top in tops - sys.stdlib_module_names for owner in owners().get(top, [top])}
    declared = {canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]}
    missing = {canonicalize_name(name) for name in used} - declared
    assert missing == set(), f"{module}: add to the dependencies in pyproject.toml, then make lock"


@pytest.mark.parametrize(("module", "path"), modules(PACKAGE).items())
def test_modules_are_nouns_of_a_size(module, path):
    assert set(module.split(".")) & VAGUE_NAMES == set(), "name the module after what it holds"
    assert len(path.read_text().splitlines()) <= MOST_LINES, f"{module} holds two ideas: split it"


def test_public_contract():
    assert sorted(PUBLIC_NAMES - set(nps_research.__all__)) == []


def test_public_names_are_listed():
    assert set(nps_research.__all__) <= set(dir(nps_research))


@pytest.mark.parametrize("name", sorted(getattr(nps_research, "__all__", PUBLIC_NAMES)))
def test_public_names_resolve(name):
    assert getattr(nps_research, name) is not None


def test_unknown_names_are_refused():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = nps_research.no_such_name
