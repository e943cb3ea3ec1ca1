"""Build the book: ``PYTHONPATH=docs python -m book FOLDER``; a warning is an error.

The laid-out sources and what Sphinx remembers of them go beside the folder, so that a second build
does only what is new.
"""

from __future__ import annotations

import sys
from pathlib import Path

from sphinx.cmd.build import build_main

from book.notebooks import ROOT
from book.staging import lay_out


def main(folder: Path) -> int:
    """Build the book into a folder and return an exit code."""
    source, memory = (folder.with_name(f"{folder.name}-{part}") for part in ("source", "doctrees"))
    lay_out(source)
    strict = ["-W", "--keep-going", "-n"]
    places = ["-c", str(ROOT / "docs"), "-d", str(memory), str(source), str(folder)]
    return build_main(["-q", "-j", "2", "-b", "html", *strict, *places])


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
