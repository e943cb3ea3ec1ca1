"""Time `import nps_research`, and what it defers.

Every import runs in a fresh interpreter; the time of starting the interpreter itself is taken off.
"""

import statistics
import subprocess
import sys
import time

RUNS = 7


def seconds(code: str) -> float:
    """Median time of a fresh interpreter that runs `code`."""
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603  (our own code)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


bare = seconds("pass")
package = seconds("import nps_research") - bare
for peer in ("pandas", "pymc", "nutpie"):
    deferred = seconds(f"import {peer}") - bare
    print(f"import {peer}: {deferred:.3f} s, {deferred / package:.0f} times import nps_research")
print(f"import nps_research: {package:.3f} s")
