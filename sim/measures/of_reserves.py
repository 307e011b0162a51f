"""The measures of a reserve over many paths, in the order in which tables show them."""

from __future__ import annotations

import math

from sim.measures.intervals import Estimate, mean_of
from sim.measures.losses import expected_loss, expected_shortfall, value_at_risk
from sim.measures.measure import Measure
from sim.measures.reserves import coverage

LEVEL = 0.99
"""Of the coverage, and of the expected shortfall that is split."""

OF_RESERVES = (
    Measure(
        name="reserve_expected_loss",
        title="expected loss of an asset",
        short="expected loss",
        unit="USD",
        of_reserve=lambda own: expected_loss(own.lost, own.parts),
    ),
    Measure(
        name="reserve_var_99",
        title="loss of an asset, VaR 99%",
        short="VaR 99%",
        unit="USD",
        of_reserve=lambda own: value_at_risk(own.lost, 0.99, own.parts),
    ),
    Measure(
        name="reserve_es_95",
        title="loss of an asset, ES 95%",
        short="ES 95%",
        unit="USD",
        of_reserve=lambda own: expected_shortfall(own.lost, 0.95, own.parts),
    ),
    Measure(
        name="reserve_es_99",
        title="loss of an asset, ES 99%",
        short="ES 99%",
        unit="USD",
        of_reserve=lambda own: expected_shortfall(own.lost, 0.99, own.parts),
    ),
    Measure(
        name="reserve_part_of_es_99",
        title="part of ES 99%",
        unit="USD",
        meaning="its mean loss on the worst hundredth of the paths of all assets; the parts add up",
        of_reserve=lambda own: Estimate(own.part, math.nan, math.nan, math.nan),
    ),
    Measure(
        name="reserve_fees_and_fund",
        title="fees and fund",
        unit="USD",
        side="benefit",
        meaning="what they bore and have left, in the mean over paths",
        of_reserve=lambda own: mean_of(own.bearable, own.parts),
    ),
    Measure(
        name="reserve_coverage_99",
        title="coverage 99%",
        unit="times",
        side="benefit",
        meaning="how many times over fees and fund can bear the loss of their asset, or more, on "
        "99% of the paths; below 1, suppliers lose too",
        of_reserve=lambda own: coverage(own.lost, own.bearable, LEVEL, own.parts),
    ),
)
