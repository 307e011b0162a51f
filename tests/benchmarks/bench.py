"""How fast, and why: `make bench`. Ratios of figures measured in one process, nothing is asserted.

    python -m tests.benchmarks.bench                              # a quarter of an hour
    python -m tests.benchmarks.bench --quick                      # a minute
    python -m tests.benchmarks.bench --markdown docs/performance.md

An account-step is one account in one step, whatever had to be done about it. The market is a day of
calm and the day of the crash, 4 assets, five-minute steps: rates, feeds, health, liquidation and
venues are all on.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

import click
import numpy as np
from rich.console import Console

from sim.engines.compilation import is_compiled
from sim.engines.compiled import Compiled
from sim.files.whole import replacing
from sim.health.census import census
from sim.health.watchers import checking_everyone
from sim.market.paths import draw, observed
from sim.protocol.state import LT
from sim.protocol.vault_accounts import debt_assets, supplied_assets
from sim.simulation import step
from sim.world import World, build, on_path
from tests.benchmarks import growth, mechanisms, whole
from tests.benchmarks.market import calm_to_crash, lively
from tests.benchmarks.page import page
from tests.benchmarks.shown import Shown, millions, rate, seconds

PATHS = 16
_ONE, _TWO = (f"full step, lazy checks, {n}" for n in ("1 thread", "2 threads"))
_NUMPY = "NumPy health check alone, step by step"
_PEER = "balabs-risk-kernel"


@click.command()
@click.option("--runs", default=5, show_default=True, help="Repeats; medians are shown.")
@click.option("--quick", is_flag=True, help="Small worlds, without the devnet: a minute.")
@click.option("--accounts", type=int, multiple=True, help="Other numbers of accounts.")
@click.option(
    "--markdown",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the page of the figures, too.",
)
def main(runs: int, quick: bool, accounts: tuple[int, ...], markdown: Path | None) -> None:
    """Measure every engine on the same market and print ratios."""
    console, machine = Console(highlight=False), _machine()
    console.print(machine)
    if not is_compiled():
        console.print("Compiling the step, once per change of the code: about a minute.")
    found = []
    for one in _tables(min(runs, 2) if quick else runs, quick, accounts, console):
        console.print("", one.table())
        found.append(one)
    console.print("", _peer())
    if markdown:
        with replacing(markdown) as draft:
            draft.write_text(page(machine, found, _peer(), quick))
        console.print(f"Written: {markdown}")


def _tables(runs: int, quick: bool, accounts: tuple[int, ...], console: Console) -> Iterator[Shown]:
    for number in accounts or ((1_000,) if quick else (1_000, 10_000)):
        yield _account_steps(number, runs, console)
    with console.status("how time grows"):
        yield from growth.tables(runs, quick)
    with console.status("mechanisms"):
        yield mechanisms.table(500 if quick else 1_000, runs)
    with console.status("whole commands"):
        yield from whole.tables(quick)


def _machine() -> str:
    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as file:
            model = next(line.split(":")[1].strip() for line in file if "model name" in line)
    except (OSError, StopIteration):
        pass
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "numba"))
    return f"{model}, {platform.system()}, Python {platform.python_version()}, {packages}"


def _peer() -> str:
    """Of the package that does nearest to this."""
    try:
        return f"{_PEER} {version(_PEER)} is here and not measured: it has no market to run."
    except PackageNotFoundError:
        return f"{_PEER} needs Python 3.13 and is not here: left out."


def _account_steps(accounts: int, runs: int, console: Console) -> Shown:
    scenario = calm_to_crash(accounts)
    with console.status(f"opening {accounts:,} accounts"):
        world = build(scenario)
        prices = draw(scenario, "mc", 0, PATHS)
        seen = observed(scenario, prices)
    everyone = world._replace(market=checking_everyone(world.market))
    steps = scenario.steps
    lazy = [Compiled(world) for _ in range(2)]
    eager = [Compiled(everyone) for _ in range(2)]
    moved = [Compiled(build(calm_to_crash(accounts, **lively(accounts))))]
    half = steps // 2

    def threads(engines: list[Compiled], n: int, paths: int) -> Callable[[], float]:
        def once() -> float:
            with ThreadPoolExecutor(n) as pool:
                list(pool.map(lambda e: e.outcomes(prices[:paths], seen[:paths]), engines[:n]))
            return n * paths * accounts * steps

        return once

    one = on_path(world, prices[0], seen[0])
    measures: dict[str, Callable[[], float]] = {
        _ONE: threads(lazy, 1, PATHS),
        _TWO: threads(lazy, 2, PATHS),
        "the same with borrowers who react and impact that stays": threads(moved, 1, PATHS),
        "full step, everyone checked, 1 thread": threads(eager, 1, 2),
        "full step, everyone checked, 2 threads": threads(eager, 2, 2),
        _NUMPY: _matrix_check(world, prices[0]),
        "exact engine (Python integers), lazy checks, calm": lambda: _exact(one, half),
        "exact health checks (all accounts, no step)": lambda: _exact_checks(one),
    }
    rates: dict[str, list[float]] = {name: [] for name in measures}
    for n in range(runs + 1):  # side by side, so that a slow moment of the machine hits all alike
        for name, measure in measures.items():
            with console.status(f"run {n} of {runs}: {name}"):
                rates[name].append(rate(measure))
    rates = {name: found[1:] for name, found in rates.items()}  # the first one warms up
    rows = [
        [name, millions(median(found)), f"{_ratio(found, rates[_NUMPY]):.3g}"]
        for name, found in rates.items()
    ]
    rows.append(["the second thread", f"{_ratio(rates[_TWO], rates[_ONE]):.2f} x", ""])
    calm, both = (_seconds_a_path(accounts, days, runs) for days in (1, 2))
    for name, each in (("calm", calm), ("crash", both - calm)):
        rows.append([f"the {name} half alone, 1 thread", millions(accounts * half / each), ""])
    bound = (
        f"{calm / half * 1e6:.1f} us a step in the calm half (feeds, the least that prices may "
        f"move), {(both - calm) / half * 1e6:.1f} us in the crash (liquidations, and the accounts "
        "near 1: each must be looked at, and where impact stays nothing of it can be skipped)"
    )
    title = f"{accounts:,} accounts x 4 assets, {steps} steps of calm, then crash"
    return Shown(title, ["", "account-steps/s", "x NumPy"], rows, bound)


def _ratio(found: list[float], base: list[float]) -> float:
    """The median over runs side by side."""
    return median(one / other for one, other in zip(found, base, strict=True))


def _seconds_a_path(accounts: int, days: int, runs: int) -> float:
    scenario = calm_to_crash(accounts, duration_hours=24.0 * days)
    engine, prices = Compiled(build(scenario)), draw(scenario, "mc", 0, PATHS)
    seen = observed(scenario, prices)
    engine.outcomes(prices[:1], seen[:1])
    return median(seconds(engine.outcomes, prices, seen) for _ in range(runs)) / PATHS


def _matrix_check(world: World, prices: Any) -> Callable[[], float]:
    """What a simulator in NumPy does at each step, and nothing else: the health factors of all
    accounts at new prices, and who is below 1.
    """
    s = world.state
    n, m = s.position.shape[:2]
    amounts = [
        [[f(s, a, i) / float(s.unit[i]) for i in range(m)] for a in range(n)]
        for f in (supplied_assets, debt_assets)
    ]
    collateral, debt = np.array(amounts)
    weighted = collateral * s.reserve[0, :, LT].astype(float) / 10_000

    def once() -> float:
        for price in prices:
            np.flatnonzero((weighted @ price) / (debt @ price) < 1)
        return float(n * len(prices))

    return once


def _exact(world: World, last: int) -> float:
    fresh = on_path(world, world.market.price, world.market.feeds.observed)
    for k in range(1, last + 1):
        step(fresh.state, fresh.market, k)
        fresh.state.journal_length[0] = 0
    return float(len(fresh.state.account) * last)


def _exact_checks(world: World) -> float:
    for _ in range(10):
        census(world.state)
    return 10.0 * len(world.state.account)


if __name__ == "__main__":
    main()
