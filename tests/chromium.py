"""The browser of the tests that look at pages as people do, and why it may be missing."""

import os
import shutil
from importlib.util import find_spec

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--disable-dev-shm-usage"]  # shared memory is small in containers
FLAGS += [] if os.geteuid() else ["--no-sandbox"]  # Chromium refuses to sandbox root


def lacking(*packages):
    """Return what is not installed, in words; empty if nothing lacks."""
    names = [name for name in packages if not find_spec(name)]
    names += [] if CHROMIUM else ["Chromium (apt-get install chromium)"]
    return f"not installed: {', '.join(names)}" if names else ""
