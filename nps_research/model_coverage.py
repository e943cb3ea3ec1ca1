"""How often the model's intervals of NPS contain the truth, beside intervals without a model.

The truth is fixed and samples are drawn from it, so this is frequentist coverage: unlike in
`calibration`, the truth need not be typical of the prior.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import special

from nps_research.counts import declared_scale
from nps_research.coverage import VALUES
from nps_research.diagnostics import interval_table
from nps_research.differences import nps_difference
from nps_research.intervals import interval
from nps_research.ordinal.compilation import FOLDER
from nps_research.ordinal.draws import ScoreDraws
from nps_research.ordinal.model import OrdinalModel
from nps_research.ordinal.priors import Priors
from nps_research.replication import replicated
from nps_research.scale import RatingScale
from nps_research.session import session_information
