"""The measures of many paths, in the order in which tables show them.

A loss is bad debt and shortfall at the end of a path, without what was lost before it.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from sim.measures.intervals import Floats
from sim.measures.measure import EVERYWHERE, AtStart, Measure, OfPaths, Paths, Place

_SEARCH: Final[frozenset[Place]] = frozenset({"settings"})
_SWEEP: Final[frozenset[Place]] = frozenset({"losses"})
_BOTH: Final[frozenset[Place]] = frozenset({"losses", "settings"})
_PAIRED: Final[frozenset[Place]] = EVERYWHERE | {"paired"}


def loss(paths: Paths) -> Floats:
    """(paths,): USD."""
    return paths.sum("loss")


def repaid(paths: Paths) -> Floats:
    """(paths,): debt that liquidators repaid, USD."""
    return paths.sum("repaid")


def peak(paths: Paths) -> Floats:
    """(paths,): the largest bad debt so far and shortfall after any step, USD of that time."""
    return paths.sum("peak_loss")


OF_PATHS = (
    Measure(
        name="borrowing_power",
        title="borrowing power",
        unit="USD",
        side="benefit",
        meaning="what could be borrowed against all collateral at the start",
        at_start=AtStart(lambda opened: opened.power),
    ),
    Measure(
        name="borrowed",
        title="borrowed",
        unit="USD",
        side="benefit",
        meaning="what is borrowed at the start",
        at_start=AtStart(lambda opened: opened.borrowed),
    ),
    Measure(
        name="borrow_usage",
        title="borrow usage",
        unit="share",
        side="benefit",
        meaning="borrowed / borrowing power",
        at_start=AtStart(lambda opened: opened.borrowed, over=lambda opened: opened.power),
    ),
    Measure(
        name="revenue",
        title="protocol revenue",
        unit="USD",
        side="benefit",
        meaning="mean of what fees on interest and on liquidations take in during a run",
        of_paths=OfPaths(lambda paths: paths.sum("revenue")),
        places=_SEARCH,
    ),
    Measure(
        name="net_revenue",
        title="revenue less loss",
        unit="USD",
        side="benefit",
        meaning="mean of the revenue of a run less its loss (bad debt and shortfall at the end)",
        of_paths=OfPaths(lambda paths: paths.sum("revenue") - np.maximum(loss(paths), 0.0)),
        places=_SEARCH,
    ),
    Measure(
        name="p_loss",
        title="chance of a loss",
        unit="share",
        meaning="share of the paths that end with bad debt or shortfall",
        of_paths=OfPaths(loss, "chance"),
        places=_BOTH,
    ),
    Measure(
        name="expected_loss",
        title="expected loss",
        unit="USD",
        meaning="mean of losses: bad debt and shortfall at the end",
        of_paths=OfPaths(loss),
        places=_PAIRED,
    ),
    Measure(
        name="loss_given_loss",
        title="expected loss given a loss",
        short="expected if any",
        unit="USD",
        meaning="mean of the losses of the paths that lose",
        of_paths=OfPaths(loss, "mean if any"),
        places=_SWEEP,
    ),
    Measure(
        name="var_95",
        title="loss, VaR 95%",
        short="VaR 95%",
        unit="USD",
        meaning="the loss that one path in twenty exceeds",
        of_paths=OfPaths(loss, "VaR", 0.95),
        places=_SWEEP,
    ),
    Measure(
        name="var_99",
        title="loss, VaR 99%",
        short="VaR 99%",
        unit="USD",
        meaning="the loss that one path in a hundred exceeds",
        of_paths=OfPaths(loss, "VaR", 0.99),
        places=_SWEEP,
    ),
    Measure(
        name="var_99_9",
        title="loss, VaR 99.9%",
        short="VaR 99.9%",
        unit="USD",
        meaning="the loss that one path in a thousand exceeds",
        of_paths=OfPaths(loss, "VaR", 0.999),
        places=_SWEEP,
    ),
    Measure(
        name="es_95",
        title="loss, ES 95%",
        short="ES 95%",
        unit="USD",
        meaning="mean of the worst twentieth of losses",
        of_paths=OfPaths(loss, "ES", 0.95),
        places=_SWEEP,
    ),
    Measure(
        name="es_99",
        title="loss, ES 99%",
        short="ES 99%",
        unit="USD",
        meaning="mean of the worst hundredth of losses: bad debt and shortfall at the end",
        of_paths=OfPaths(loss, "ES", 0.99),
        places=_PAIRED,
    ),
    Measure(
        name="es_99_9",
        title="loss, ES 99.9%",
        short="ES 99.9%",
        unit="USD",
        meaning="mean of the worst thousandth of losses",
        of_paths=OfPaths(loss, "ES", 0.999),
        places=_SWEEP,
    ),
    Measure(
        name="lar_95",
        title="liquidations at risk, 95%",
        short="LaR 95%",
        unit="USD",
        meaning="debt repaid by liquidators that one path in twenty exceeds",
        of_paths=OfPaths(repaid, "VaR", 0.95),
        places=_BOTH,
    ),
    Measure(
        name="peak_loss",
        title="expected peak loss",
        short="expected peak",
        unit="USD",
        meaning="mean of the largest bad debt so far and shortfall after any step, at the prices "
        "of that step: a rebound forgives what was missing then",
        of_paths=OfPaths(peak),
    ),
    Measure(
        name="peak_es_99",
        title="peak loss, ES 99%",
        short="ES 99% of peak",
        unit="USD",
        meaning="mean of the worst hundredth of the peaks",
        of_paths=OfPaths(peak, "ES", 0.99),
        places=_SWEEP,
    ),
    Measure(
        name="peak_shortfall",
        title="expected peak shortfall",
        short="of shortfall",
        unit="USD",
        meaning="mean of the largest shortfall after any step",
        of_paths=OfPaths(lambda paths: paths.sum("peak_shortfall")),
        places=_SWEEP,
    ),
    Measure(
        name="expected_repaid",
        title="expected repayment by liquidators",
        unit="USD",
        meaning="mean of the debt that liquidators repay",
        of_paths=OfPaths(repaid),
        places=frozenset({"grid"}),
        usual=True,
    ),
    Measure(
        name="borrower_loss",
        title="borrowers' loss to liquidation",
        unit="USD",
        meaning="mean of the collateral that liquidators took beyond what they repaid, "
        "at reference prices; the protocol's part of the bonus is in the revenue",
        of_paths=OfPaths(lambda paths: paths.sum("seized", less="repaid")),
        places=_SEARCH,
        usual=True,
    ),
    Measure(
        name="haircut",
        title="supplier haircut",
        unit="USD",
        meaning="mean of what suppliers bear, and of losses that nobody has borne at the end",
        of_paths=OfPaths(lambda paths: paths.sum("by_suppliers", "still_open")),
        places=_SEARCH,
    ),
    Measure(
        name="hours_without_cash",
        title="hours without withdrawals",
        unit="hours",
        meaning="mean of the time in which suppliers of some asset find no cash",
        of_paths=OfPaths(
            lambda paths: paths.sum("steps_without_cash") * (paths.step_seconds / 3600)
        ),
        places=_SEARCH,
    ),
)
