"""The explorer as an app: a notebook without its code, served by Voila to a browser.

Run ``python -m nps_research.explorer.app notebooks/13_explorer.ipynb``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# Voila's own template asks another host for fonts; ours asks nobody.
JUPYTER_FILES = Path(__file__).with_name("jupyter")
TEMPLATE = "nps_research"
ADDRESS = "127.0.0.1"
PORT = 8866


def command(
    notebook: str | os.PathLike[str], *, port: int = PORT, browser: bool = True
) -> list[str]:
    """Return the command that serves a notebook on this machine only.

    Parameters
    ----------
    notebook : path-like
        Its code is run for every visitor and not shown.
    port : int
        Where the app listens.
    browser : bool
        Whether to open one.

    Raises
    ------
    ModuleNotFoundError
        If Voila is not installed; the message says how to install it.
    FileNotFoundError
        If there is no such notebook.

    Examples
    --------
    >>> command("nowhere.ipynb")
    Traceback (most recent call last):
    FileNotFoundError: there is no notebook nowhere.ipynb to serve.
    Pass the path of 13_explorer.ipynb.
    """
    if not find_spec("voila"):
        raise ModuleNotFoundError(
            "the app needs Voila, which is not installed: pip install 'nps-research[lab]'."
        )
    if not Path(notebook).is_file():
        raise FileNotFoundError(
            f"there is no notebook {notebook} to serve.\nPass the path of 13_explorer.ipynb."
        )
    options = [f"--Voila.ip={ADDRESS}", f"--port={port}", f"--template={TEMPLATE}", "--theme=light"]
    options += [] if browser else ["--no-browser"]
    return [sys.executable, "-m", "voila", str(notebook), *options]


def environment() -> dict[str, str]:
    """Return the environment in which Voila finds the template."""
    paths = [str(JUPYTER_FILES), *filter(None, [os.environ.get("JUPYTER_PATH", "")])]
    return os.environ | {"JUPYTER_PATH": os.pathsep.join(paths)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve a notebook until it is interrupted; return the status of Voila."""
    parser = argparse.ArgumentParser(
        prog="python -m nps_research.explorer.app", description=__doc__
    )
    parser.add_argument("notebook", help="path of 13_explorer.ipynb")
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--no-browser", action="store_true")
    given = parser.parse_args(arguments)
    served = command(given.notebook, port=given.port, browser=not given.no_browser)
    try:
        return subprocess.run(served, env=environment(), check=False).returncode  # noqa: S603
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
