"""The files of the project agree: versions, licences, commands, and no trace of one machine."""

import importlib.metadata
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from nbval.plugin import get_sanitize_patterns
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import nps_research

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text())
LOCK = (ROOT / "requirements.lock").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()

# conda-forge splits these: the part named here has the contents of the package on PyPI.
PYPI_NAMES = {"matplotlib-base": "matplotlib", "seaborn-base": "seaborn"}

# Where a path begins on one machine only; a relative path or an address has a character before.
MACHINE_PATH = re.compile(r"(?<![\w.~\-])/(?:work|root|home|Users|tmp|opt)/\w|\b[A-Z]:\\\\?Users")

SANITIZE = get_sanitize_patterns((ROOT / "tests" / "nbval_sanitize.cfg").read_text())


def direct_dependencies(without=""):
    extras = {key: each for key, each in PROJECT["optional-dependencies"].items() if key != without}
    lines = [*PROJECT["dependencies"], *(line for extra in extras.values() for line in extra)]
    return {canonicalize_name(Requirement(line).name): Requirement(line) for line in lines}


def locked_versions():
    return dict(re.findall(r"^([\w.\-]+)==([^\s;]+)", LOCK, flags=re.MULTILINE))


def conda_pins():
    pins = [line.split("==") for line in ENVIRONMENT["dependencies"] if "==" in line]
    return {PYPI_NAMES.get(name, name): version for name, version in pins}


def committed_texts():
    ignored = {line.strip("/") for line in (ROOT / ".gitignore").read_text().split()} | {".git"}
    kept = [top for top in ROOT.iterdir() if top.name not in ignored]
    paths = [path for top in kept for path in (top, *top.rglob("*")) if path.is_file()]
    for path in paths:
        if ignored.isdisjoint(path.relative_to(ROOT).parts):
            yield path.relative_to(ROOT), path.read_text(encoding="utf-8", errors="replace")


@pytest.mark.parametrize(("name", "requirement"), direct_dependencies().items())
def test_every_direct_dependency_is_locked(name, requirement):
    assert name in locked_versions(), f"{name} is not in requirements.lock: run make lock"
    assert requirement.specifier.contains(locked_versions()[name])


@pytest.mark.parametrize("name", direct_dependencies(without="book"))
def test_every_direct_dependency_is_in_the_conda_environment(name):
    """All but what builds the book, of which conda-forge has only a part."""
    pin = locked_versions().get(name)
    assert name in conda_pins(), f"add {name}=={pin} to environment.yml, by its conda-forge name"


@pytest.mark.parametrize(("name", "version"), conda_pins().items())
def test_conda_and_lock_agree(name, version):
    locked = locked_versions().get(name)
    assert version == locked, f"environment.yml has {name} {version}, requirements.lock {locked}"


def test_one_python_version():
    version = (ROOT / ".python-version").read_text().strip()
    assert f"python={version}" in ENVIRONMENT["dependencies"]
    assert PROJECT["requires-python"] == f">={version}"
    assert f"--python-version {version}" in MAKEFILE


def test_conda_environment_installs_the_package():
    assert "conda-forge" in ENVIRONMENT["channels"]
    assert {"pip": ["-e ."]} in ENVIRONMENT["dependencies"]


@pytest.mark.parametrize(
    "trace", ["http://", "https://", "--index-url", "--find-links", "file:", " @ "]
)
def test_lock_names_no_index(trace):
    assert trace not in LOCK, "run make lock: it leaves the addresses of indexes out"


def test_lock_has_hashes_for_every_requirement():
    blocks = re.split(r"\n(?=[\w.\-]+==)", LOCK)[1:]
    assert len(blocks) == len(locked_versions())
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_no_machine_path_is_committed():
    found = [
        f"{path}:{number}: {line.strip()[:80]}"
        for path, text in committed_texts()
        for number, line in enumerate(text.splitlines(), start=1)
        if MACHINE_PATH.search(line)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see " + "/home" + "/me/x.csv", True),
        ('"' + "/root" + '/x.py"', True),
        ("https://example.org/home/page", False),
        ("../home/x, notebooks/work/x", False),
    ],
)
def test_machine_paths_are_recognised(text, expected):
    assert bool(MACHINE_PATH.search(text)) is expected


@pytest.mark.parametrize("command", ["make reproduce", "make test"])
def test_readme_names_the_two_commands(command):
    assert command in (ROOT / "README.md").read_text(), f"README.md must name `{command}`"


@pytest.mark.parametrize(
    "document", ["README.md", "CONTRIBUTING.md", ".ci/run", ".github/workflows/ci.yml"]
)
def test_documents_name_commands_that_exist(document):
    text = (ROOT / document).read_text()
    named = set(re.findall(r"(?:`|run: |^ *)make ([a-z]+)(?=`|\s*$|\s+#)", text, re.MULTILINE))
    targets = set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))
    assert named <= targets


def test_citation_is_complete_and_current():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors", "abstract", "keywords"} <= set(citation)
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]
    assert citation["authors"] == PROJECT["authors"]


def test_installed_version_is_the_declared_one():
    assert importlib.metadata.version("nps-research") == PROJECT["version"]


def test_package_knows_its_version():
    assert nps_research.__version__ == PROJECT["version"]


def test_licence_is_the_whole_apache_licence():
    text = (ROOT / "LICENSE").read_text()
    headings = re.findall(r"^ {3}(\d)\. ", text, re.MULTILINE)
    assert headings == list("123456789")
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_commit_hooks_call_what_make_calls():
    repositories = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    hooks = [hook for repository in repositories for hook in repository["hooks"]]
    programs = [hook["entry"].split(" --quiet")[0] for hook in hooks]
    assert [repository["repo"] for repository in repositories] == ["local"]
    assert [p for p in programs if p.replace(".venv/bin", "$(BIN)") not in MAKEFILE] == []


@pytest.mark.parametrize(
    ("output", "compared"),
    [
        ("<object at 0x7f3a2b9c>", "<object at ADDRESS>"),
        ("sampled in 3.2 s", "sampled in DURATION"),
        ("Python 3.13.7", "Python 3.13"),
        ("NPS rose in 2 waves by 3.2 points", "NPS rose in 2 waves by 3.2 points"),
        ("churned in 12 months", "churned in 12 months"),
    ],
)
def test_comparison_forgives_only_what_nobody_reads(output, compared):
    for pattern, replacement in SANITIZE:
        output = re.sub(pattern, replacement, output)
    assert output == compared
    assert len(SANITIZE) == 3
