"""Links: the latent distributions of ordinal families, in forms that stay finite in the tails.

Every link is a distribution function F. Nothing here subtracts a probability from one: the upper
tail of a link is the lower tail of its mirror image, 1 - F(x) = mirror(F)(-x). Functions take the
link as a number, so that one compiled program serves all of them.
"""

from __future__ import annotations

import math

from nps_research.ordinal.compilation import compiled

LINK_NAMES = ("logit", "probit", "cloglog", "loglog", "cauchit")
LOGIT, PROBIT, CLOGLOG, LOGLOG, CAUCHIT = range(5)

# Units of the default priors: standard deviations, and for cauchit, which has none, the width that
# has the same quartiles as a normal distribution of standard deviation 1.4826.
LATENT_SD = {
    "logit": math.pi / math.sqrt(3.0),
    "probit": 1.0,
    "cloglog": math.pi / math.sqrt(6.0),
    "loglog": math.pi / math.sqrt(6.0),
    "cauchit": 1.4826,
}

# Larger exponents are cut, which keeps products of a few of them finite: 1e304.
LARGEST_EXPONENT = 700.0
LOG_2 = math.log(2.0)
LOG_2PI = math.log(2.0 * math.pi)
SQRT_2 = math.sqrt(2.0)
# Below this point the asymptotic series of Mills' ratio is exact to double precision.
FAR_TAIL = -20.0
# Narrower intervals (relative to their distance from 0) use the midpoint of the normal density.
THIN = 1e-3


@compiled
def mirror(link: int) -> int:
    """Return the link of -X."""
    if link == CLOGLOG:
        return LOGLOG
    if link == LOGLOG:
        return CLOGLOG
    return link


@compiled
def capped_exp(x: float) -> float:
    """Return exp(x), at most exp(700)."""
    return math.exp(min(x, LARGEST_EXPONENT))


@compiled
def log1mexp(x: float) -> float:
    """Return log(1 - exp(x)) for x <= 0, accurate for every x.

    Switches at -log 2 (Maechler 2012, "Accurately Computing log(1 - exp(-|a|))").

    Examples
    --------
    >>> round(log1mexp(-1e-20), 4)
    -46.0517
    """
    if x > -LOG_2:
        return math.log(-math.expm1(x)) if x < 0.0 else -math.inf
    return math.log1p(-math.exp(x))


@compiled
def log_sigmoid(x: float) -> float:
    """Return log(1 / (1 + exp(-x)))."""
    if x < 0.0:
        return x - math.log1p(math.exp(x))
    return -math.log1p(math.exp(-x))


@compiled
def softplus(x: float) -> float:
    """Return log(1 + exp(x))."""
    return -log_sigmoid(-x)


@compiled
def sigmoid(x: float) -> float:
    """Return 1 / (1 + exp(-x))."""
    if x < 0.0:
        e = math.exp(x)
        return e / (1.0 + e)
    return 1.0 / (1.0 + math.exp(-x))


@compiled
def _far_log_mills(x: float) -> float:
    """Return log(Phi(x) / phi(x)) far to the left.

    The asymptotic series 1 - 1/x^2 + 3/x^4 - ... (Abramowitz and Stegun 1964, "Handbook of
    Mathematical Functions", 26.2.12).
    """
    term, total = 1.0, 1.0
    for i in range(1, 11):
        term *= -(2 * i - 1) / (x * x)
        total += term
    return math.log(total) - math.log(-x)


@compiled
def log_ndtr(x: float) -> float:
    """Return log Phi(x) of the standard normal distribution."""
    if x > 0.0:
        return math.log1p(-0.5 * math.erfc(x / SQRT_2))
    if x > FAR_TAIL:
        return math.log(0.5 * math.erfc(-x / SQRT_2))
    return _far_log_mills(x) - 0.5 * (x * x + LOG_2PI)


@compiled
def log_mills(x: float) -> float:
    """Return log(Phi(x) / phi(x)) of the standard normal distribution."""
    if x > FAR_TAIL:
        return log_ndtr(x) + 0.5 * (x * x + LOG_2PI)
    return _far_log_mills(x)


@compiled
def log_cdf(link: int, x: float) -> float:
    """Return log F(x).

    Examples
    --------
    >>> [round(log_cdf(link, -800.0), 3) for link in (LOGIT, PROBIT, CLOGLOG, CAUCHIT)]
    [-800.0, -320007.604, -800.0, -7.829]
    """
    if link == LOGIT:
        return log_sigmoid(x)
    if link == PROBIT:
        return log_ndtr(x)
    if link == CLOGLOG:
        t = capped_exp(x)
        return x - 0.5 * t if t < 1e-9 else log1mexp(-t)
    if link == LOGLOG:
        return -capped_exp(-x)
    if x > 1.0:
        return math.log1p(-math.atan(1.0 / x) / math.pi)
    return math.log(_angle_below(x) / math.pi)


@compiled
def slope_of_log_cdf(link: int, x: float) -> float:
    """Return the derivative of log F at x."""
    if link == LOGIT:
        return sigmoid(-x)
    if link == PROBIT:
        return math.exp(-log_mills(x))
    if link == CLOGLOG:
        t = capped_exp(x)
        return 1.0 - 0.5 * t if t < 1e-9 else t / math.expm1(t)
    if link == LOGLOG:
        return capped_exp(-x)
    return _cauchy_hazard(x, _angle_below(x))


@compiled
def log_sf(link: int, x: float) -> float:
    """Return log(1 - F(x))."""
    return log_cdf(mirror(link), -x)


@compiled
def slope_of_log_sf(link: int, x: float) -> float:
    """Return the derivative of log(1 - F) at x."""
    return -slope_of_log_cdf(mirror(link), -x)


@compiled
def log_pdf(link: int, x: float) -> float:
    """Return the log density of F at x."""
    if link == LOGIT:
        return log_sigmoid(x) + log_sigmoid(-x)
    if link == PROBIT:
        return -0.5 * (x * x + LOG_2PI)
    if link == CLOGLOG:
        return x - capped_exp(x)
    if link == LOGLOG:
        return -x - capped_exp(-x)
    return -math.log(math.pi) - math.log1p(x * x)


@compiled
def slope_of_log_pdf(link: int, x: float) -> float:
    """Return the derivative of the log density of F at x."""
    if link == LOGIT:
        return 1.0 - 2.0 * sigmoid(x)
    if link == PROBIT:
        return -x
    if link == CLOGLOG:
        return 1.0 - capped_exp(x)
    if link == LOGLOG:
        return capped_exp(-x) - 1.0
    return -2.0 * x / (1.0 + x * x)


@compiled
def log_interval(link: int, a: float, b: float) -> tuple[float, float, float]:
    """Return log(F(b) - F(a)) and its derivatives by a and by b, free of cancellation.

    Infinite bounds are allowed. Where b is not above a, the value is -inf and the slopes are 0.
    """
    if a == -math.inf:
        if b == math.inf:
            return 0.0, 0.0, 0.0
        return log_cdf(link, b), 0.0, slope_of_log_cdf(link, b)
    if b == math.inf:
        return log_sf(link, a), slope_of_log_sf(link, a), 0.0
    if not b > a:
        return -math.inf, 0.0, 0.0
    return _inner_interval(link, a, b)


@compiled
def _inner_interval(link: int, a: float, b: float) -> tuple[float, float, float]:
    if link == LOGIT:
        return _logit_interval(a, b)
    if link == PROBIT:
        return _probit_interval(a, b)
    if link == CLOGLOG:
        return _cloglog_interval(a, b)
    if link == LOGLOG:
        value, by_b, by_a = _cloglog_interval(-b, -a)
        return value, -by_a, -by_b
    return _cauchit_interval(a, b)


@compiled
def _logit_interval(a: float, b: float) -> tuple[float, float, float]:
    # The form of Stan's ordered_logistic: no difference of probabilities is taken.
    inner = 1.0 / math.expm1(b - a)
    value = log_sigmoid(b) + log_sigmoid(-a) + log1mexp(a - b)
    return value, -sigmoid(a) - inner, sigmoid(-b) + inner


@compiled
def _probit_interval(a: float, b: float) -> tuple[float, float, float]:
    if a + b > 0.0:
        # Mirror intervals right of the centre: both tails are then small and nothing cancels.
        value, by_b, by_a = _left_probit_interval(-b, -a)
        return value, -by_a, -by_b
    return _left_probit_interval(a, b)


@compiled
def _left_probit_interval(a: float, b: float) -> tuple[float, float, float]:
    width, middle = b - a, 0.5 * (a + b)
    if width * (1.0 + abs(middle)) < THIN:
        curvature = (middle * middle - 1.0) * width / 12.0
        value = math.log(width) - 0.5 * (middle * middle + LOG_2PI) + 0.5 * width * curvature
        drift = -0.5 * middle + middle * width * width / 24.0
        return value, drift - 1.0 / width - curvature, drift + 1.0 / width + curvature
    # log phi(a) - log phi(b), without the squares of large numbers.
    log_ratio = width * middle
    mills_a, mills_b = log_mills(a), log_mills(b)
    gap = log1mexp(min(log_ratio + mills_a - mills_b, 0.0))
    by_a = -math.exp(log_ratio - mills_b - gap)
    return log_ndtr(b) + gap, by_a, math.exp(-mills_b - gap)


@compiled
def _cloglog_interval(a: float, b: float) -> tuple[float, float, float]:
    # F(b) - F(a) = exp(-e^a) (1 - exp(-(e^b - e^a))), and the second factor is F(log(e^b - e^a)).
    width = b - a
    log_gap = b + log1mexp(-width)
    value = log_cdf(CLOGLOG, log_gap) - capped_exp(a)
    slope = slope_of_log_cdf(CLOGLOG, log_gap)
    return value, -capped_exp(a) - slope / math.expm1(width), -slope / math.expm1(-width)


@compiled
def _cauchit_interval(a: float, b: float) -> tuple[float, float, float]:
    # The angle between the two bounds, seen from (0, 1): a difference of arctangents. Both sides of
    # its tangent are divided by the sizes of a and b, whose product may be too large for a double.
    size_a, size_b = max(abs(a), 1.0), max(abs(b), 1.0)
    rise = (b - a) / size_a / size_b
    run = 1.0 / size_a / size_b + (a / size_a) * (b / size_b)
    angle = math.atan2(rise, run)
    value = math.log(angle / math.pi)
    if run < 0.0:
        value = math.log1p(-math.atan2(rise, -run) / math.pi)
    return value, -_cauchy_hazard(a, angle), _cauchy_hazard(b, angle)


@compiled
def _angle_below(x: float) -> float:
    """Return pi F(x) of the Cauchy distribution."""
    return math.atan(-1.0 / x) if x < -1.0 else 0.5 * math.pi + math.atan(x)


@compiled
def _cauchy_hazard(x: float, angle: float) -> float:
    """Return f(x) / p of the Cauchy distribution, where p = angle / pi."""
    if abs(x) < 1.0:
        return 1.0 / ((1.0 + x * x) * angle)
    # Squares of large numbers are avoided.
    return 1.0 / (x * angle) / (x + 1.0 / x)


@compiled
def quantile(link: int, log_odds: float) -> float:
    """Return the x with F(x) = 1 / (1 + exp(-log_odds)): exact in both tails."""
    if link == LOGIT:
        return log_odds
    if link == PROBIT:
        return math.copysign(_lower_normal_quantile(log_sigmoid(-abs(log_odds))), log_odds)
    if link == CLOGLOG:
        return _log_softplus(log_odds)
    if link == LOGLOG:
        return -_log_softplus(-log_odds)
    tail = math.pi * capped_sigmoid(-abs(log_odds))
    return math.copysign(1.0 / math.tan(tail), log_odds)


@compiled
def slope_of_quantile(link: int, log_odds: float, x: float) -> float:
    """Return the derivative of `quantile` by the log odds, where its value is `x`."""
    if link == LOGIT:
        return 1.0
    if link == PROBIT:
        # p (1 - p) / phi(x), with p = Phi(-|x|).
        return math.exp(log_mills(-abs(x)) + log_sigmoid(abs(log_odds)))
    if link == CLOGLOG:
        return math.exp(log_sigmoid(log_odds) - x)
    if link == LOGLOG:
        return math.exp(log_sigmoid(-log_odds) + x)
    p = capped_sigmoid(-abs(log_odds))
    sine = math.sin(math.pi * p)
    return math.pi * (p / sine) * ((1.0 - p) / sine)


@compiled
def capped_sigmoid(x: float) -> float:
    """Return the sigmoid, at least 1e-300: its reciprocal stays finite."""
    return max(sigmoid(x), 1e-300)


@compiled
def _log_softplus(x: float) -> float:
    if x < -37.0:
        return x
    return math.log(max(x, 0.0) + math.log1p(math.exp(-abs(x))))


@compiled
def _lower_normal_quantile(log_p: float) -> float:
    """Return x <= 0 with log Phi(x) = log_p, by Newton's method.

    log Phi is concave and the start is left of the solution, so the steps rise to it.
    """
    x = -math.sqrt(-2.0 * log_p)
    for _ in range(50):
        step = (log_p - log_ndtr(x)) * math.exp(log_mills(x))
        x += step
        if step < 1e-14 * (1.0 - x):
            break
    return min(x, 0.0)
