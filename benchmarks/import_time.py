"""Time `import nps_research`, and what it defers.

Every import runs in a fresh interpreter; the time of starting the interpreter itself is taken off.
"""

import subprocess
import sys

from timing import median_seconds

RUNS = 7


def seconds(code: str) -> float:
    """Median time of a fresh interpreter that runs `code`."""
    command = [sys.executable, "-c", code]
    return median_seconds(lambda: subprocess.run(command, check=True), RUNS)  # noqa: S603  (our own)


bare = seconds("pass")
package = seconds("import nps_research") - bare
for peer in ("pandas", "pymc", "nutpie"):
    deferred = seconds(f"import {peer}") - bare
    print(f"import {peer}: {deferred:.3f} s, {deferred / package:.0f} times import nps_research")
print(f"import nps_research: {package:.3f} s")
