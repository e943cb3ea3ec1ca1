"""The rules of the market that hold with and without incentives.

Units, ranges and sources of all numbers are in `defaults()`.
"""

from __future__ import annotations

from dataclasses import dataclass

from nps_research.market.defaults import Section, default_values

_customers = default_values("customers")


@dataclass(frozen=True)
class Customers(Section, section="customers"):
    """Who the customers are: segments, value, bargaining power, loyalty and use of the scale."""

    share_small_business: float = _customers["share_small_business"]
    share_enterprise: float = _customers["share_enterprise"]
    value_consumer: float = _customers["value_consumer"]
    value_small_business: float = _customers["value_small_business"]
    value_enterprise: float = _customers["value_enterprise"]
    value_spread: float = _customers["value_spread"]
    power_small_business: float = _customers["power_small_business"]
    power_enterprise: float = _customers["power_enterprise"]
    loyalty_consumer: float = _customers["loyalty_consumer"]
    loyalty_small_business: float = _customers["loyalty_small_business"]
    loyalty_enterprise: float = _customers["loyalty_enterprise"]
    shift_sd: float = _customers["shift_sd"]
    stretch_sd: float = _customers["stretch_sd"]

    def __post_init__(self) -> None:
        super().__post_init__()
        shares = self.share_small_business + self.share_enterprise
        if shares > 1.0:
            raise ValueError(
                f"customers.share_small_business and share_enterprise must be at most 1 together; "
                f"found {shares:g}."
            )


_staff = default_values("staff")


@dataclass(frozen=True)
class Staff(Section, section="staff"):
    """The agents: quality, propensity to game, effort, morale and turnover."""

    quality_sd: float = _staff["quality_sd"]
    gaming_shape: float = _staff["gaming_shape"]
    honest_share: float = _staff["honest_share"]
    effort: float = _staff["effort"]
    effort_elsewhere: float = _staff["effort_elsewhere"]
    successor_mean: float = _staff["successor_mean"]
    morale_return: float = _staff["morale_return"]
    quit_intercept: float = _staff["quit_intercept"]
    quit_morale: float = _staff["quit_morale"]
    replacement_cost: float = _staff["replacement_cost"]


_service = default_values("service")


@dataclass(frozen=True)
class Service(Section, section="service"):
    """What a contact does to experience, mood and loyalty."""

    contact: float = _service["contact"]
    baseline: float = _service["baseline"]
    difficulty: float = _service["difficulty"]
    easiest: float = _service["easiest"]
    handover: float = _service["handover"]
    noise: float = _service["noise"]
    mood: float = _service["mood"]
    mood_noise: float = _service["mood_noise"]
    loyalty: float = _service["loyalty"]


_loyalty = default_values("loyalty")


@dataclass(frozen=True)
class Loyalty(Section, section="loyalty"):
    """How loyalty moves, and what it does to churn and referrals."""

    reversion: float = _loyalty["reversion"]
    noise: float = _loyalty["noise"]
    churn_intercept: float = _loyalty["churn_intercept"]
    churn_slope: float = _loyalty["churn_slope"]
    referral_intercept: float = _loyalty["referral_intercept"]
    referral_slope: float = _loyalty["referral_slope"]


_survey = default_values("survey")


@dataclass(frozen=True)
class Survey(Section, section="survey"):
    """Who is sampled, who answers, and what is written beside the score."""

    gap: float = _survey["gap"]
    sampled: float = _survey["sampled"]
    after_contact: float = _survey["after_contact"]
    response_intercept: float = _survey["response_intercept"]
    response_loyalty: float = _survey["response_loyalty"]
    response_extremity: float = _survey["response_extremity"]
    noise: float = _survey["noise"]
    verbatim: float = _survey["verbatim"]
    sentiment: float = _survey["sentiment"]
    sentiment_noise: float = _survey["sentiment_noise"]
    sentiment_leak: float = _survey["sentiment_leak"]


_scale = default_values("scale")


@dataclass(frozen=True)
class Scale(Section, section="scale"):
    """The thresholds between scores, by the shares of honest answers that they give."""

    threshold_sd: float = _scale["threshold_sd"]
    threshold_mean: float = _scale["threshold_mean"]
    share_0: float = _scale["share_0"]
    share_1: float = _scale["share_1"]
    share_2: float = _scale["share_2"]
    share_3: float = _scale["share_3"]
    share_4: float = _scale["share_4"]
    share_5: float = _scale["share_5"]
    share_6: float = _scale["share_6"]
    share_7: float = _scale["share_7"]
    share_8: float = _scale["share_8"]
    share_9: float = _scale["share_9"]
    share_10: float = _scale["share_10"]


_recovery = default_values("recovery")


@dataclass(frozen=True)
class Recovery(Section, section="recovery"):
    """What the firm makes of the answers: call backs, thanks, learning."""

    close_the_loop: float = _recovery["close_the_loop"]
    effect: float = _recovery["effect"]
    thank_promoters: float = _recovery["thank_promoters"]
    thanks_effect: float = _recovery["thanks_effect"]
    morale: float = _recovery["morale"]
    learning: float = _recovery["learning"]
    executive_buy_in: float = _recovery["executive_buy_in"]
    months_to_maturity: float = _recovery["months_to_maturity"]


_agency = default_values("agency")


@dataclass(frozen=True)
class Agency(Section, section="agency"):
    """The agent who optimises: motives, costs, and beliefs about the score."""

    intrinsic: float = _agency["intrinsic"]
    cost_service: float = _agency["cost_service"]
    cost_gaming: float = _agency["cost_gaming"]
    cost_both: float = _agency["cost_both"]
    cost_restraint: float = _agency["cost_restraint"]
    score_service: float = _agency["score_service"]
    score_gaming: float = _agency["score_gaming"]
    scruple: float = _agency["scruple"]
    act_rate: float = _agency["act_rate"]
    item_sd: float = _agency["item_sd"]
    belief_noise: float = _agency["belief_noise"]
    first_score: float = _agency["first_score"]
    first_response: float = _agency["first_response"]
    memory: float = _agency["memory"]

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.cost_both**2 >= self.cost_service * self.cost_gaming:
            raise ValueError(
                f"agency.cost_both must be below the geometric mean of cost_service and "
                f"cost_gaming, or there is no best effort; found {self.cost_both:g}, mean "
                f"{(self.cost_service * self.cost_gaming) ** 0.5:g}."
            )


@dataclass(frozen=True)
class Parameters:
    """All rules of the market that hold with and without incentives."""

    customers: Customers = Customers()
    staff: Staff = Staff()
    service: Service = Service()
    loyalty: Loyalty = Loyalty()
    survey: Survey = Survey()
    scale: Scale = Scale()
    recovery: Recovery = Recovery()
    agency: Agency = Agency()
