"""What tests of several modules share."""

import pytest
from chromium import CHROMIUM, FLAGS


@pytest.fixture
def fresh_figures():
    """Draw in the style of the notebooks, without a screen, and close everything afterwards."""
    import matplotlib as mpl  # noqa: PLC0415  (slow to import)
    import matplotlib.pyplot as plt  # noqa: PLC0415  (slow to import)

    from nps_research.plots import use_style  # noqa: PLC0415  (slow to import)

    mpl.use("Agg")
    with mpl.rc_context():
        use_style()
        yield
    plt.close("all")


@pytest.fixture(scope="module")
def browser():
    """Run Chromium for the tests of one file: only one Playwright can be at work in a process."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  (may be missing)

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()
