"""What tests of several modules share."""

import pytest


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
