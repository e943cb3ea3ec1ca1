"""Where numbers come from: versions, processor, and hashes of code, data and notebooks."""

from __future__ import annotations

import hashlib
import os
import platform
import re
from importlib.metadata import requires, version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

CPU_LIST = Path("/proc/cpuinfo")


def versions() -> dict[str, str]:
    """Return the versions of Python, of the package and of everything that it declares.

    Examples
    --------
    >>> list(versions())[:3]
    ['Python', 'nps-research', 'arviz']
    """
    declared = [line for line in requires("nps-research") or [] if "extra ==" not in line]
    names = sorted(re.split(r"[^\w.\-]", line, maxsplit=1)[0] for line in declared)
    found = {name: version(name) for name in ("nps-research", *names)}
    return {"Python": platform.python_version(), **found}


def machine() -> dict[str, str]:
    """Return the processor, its cores, the target that numba compiles for, and the system.

    Examples
    --------
    >>> list(machine())
    ['processor', 'cores', 'compiled for', 'system']
    """
    return {
        "processor": processor(),
        "cores": str(os.process_cpu_count()),
        "compiled for": os.environ.get("NUMBA_CPU_NAME", "") or "this processor",
        "system": f"{platform.system()} {platform.release()} ({platform.machine()})",
    }


def processor() -> str:
    """Return the name of the processor, as far as the system tells it."""
    listed = CPU_LIST.read_text(encoding="utf-8") if CPU_LIST.exists() else ""
    named = re.search(r"^model name\s*:\s*(.+)$", listed, re.MULTILINE)
    return named[1] if named else platform.processor() or platform.machine()


def hashes(paths: Iterable[Path]) -> dict[str, str]:
    """Return the SHA-256 of files by their names.

    Examples
    --------
    >>> from nps_research.datasets import data_path, registry
    >>> name = "sfo_airport_counts.csv"
    >>> hashes([data_path(name)])[name] == registry()["sfo_airport"].sha256
    True
    """
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def code_hash(package: Path = Path(__file__).parent) -> str:
    """Return one SHA-256 of all source files of the package, names included."""
    content = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        content.update(path.relative_to(package).as_posix().encode())
        content.update(path.read_bytes())
    return content.hexdigest()
