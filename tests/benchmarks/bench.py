"""How fast, and why: `make bench`. Ratios of figures measured in one process, nothing is asserted.

An account-step is one account in one step, whatever had to be done about it. The market is a day of
calm and the day of the crash, 4 assets, five-minute steps: rates, feeds, health, liquidation and
venues are all on.
"""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from sim.engines.by_name import follower
from sim.engines.compilation import is_compiled
from sim.engines.compiled import Compiled
from sim.engines.exact import run
from sim.health.census import census
from sim.health.watchers import checking_everyone
from sim.market.paths import draw, observed
from sim.protocol.state import LT
from sim.protocol.vault_accounts import debt_assets, supplied_assets
from sim.simulation import step
from sim.world import World, build, on_path
from tests.benchmarks.market import LIVELY, calm_to_crash

PATHS = 16


@click.command()
@click.option("--runs", default=5, show_default=True, help="Repeats; medians are shown.")
@click.option("--quick", is_flag=True, help="1,000 accounts only, without the devnet.")
@click.option("--accounts", type=int, multiple=True, help="Other numbers of accounts.")
def main(runs: int, quick: bool, accounts: tuple[int, ...]) -> None:
    """Measure every engine on the same market and print ratios."""
    console = Console(highlight=False)
    console.print(_machine())
    if not is_compiled():
        console.print("Compiling the step, once per change of the code: under a minute.")
    for number in accounts or ((1_000,) if quick else (1_000, 10_000)):
        console.print(_account_steps(number, runs, console))
    if not quick:
        console.print(f"devnet (anvil), 60 accounts: {_devnet():,.0f} operations/s, all compared")


def _machine() -> str:
    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as file:
            model = next(line.split(":")[1].strip() for line in file if "model name" in line)
    except (OSError, StopIteration):
        pass
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "numba"))
    return f"{model}, {platform.system()}, Python {platform.python_version()}, {packages}"


def _account_steps(accounts: int, runs: int, console: Console) -> Table:
    scenario = calm_to_crash(accounts)
    with console.status(f"opening {accounts:,} accounts"):
        world = build(scenario)
        prices = draw(scenario, "mc", 0, PATHS)
        seen = observed(scenario, prices)
    everyone = world._replace(market=checking_everyone(world.market))
    steps = scenario.steps
    lazy = [Compiled(world) for _ in range(2)]
    eager = [Compiled(everyone) for _ in range(2)]
    half = steps // 2
    account_steps = accounts * steps

    def threads(engines: list[Compiled], n: int, paths: int) -> Callable[[], float]:
        def once() -> float:
            with ThreadPoolExecutor(n) as pool:
                list(pool.map(lambda e: e.outcomes(prices[:paths], seen[:paths]), engines[:n]))
            return n * paths * account_steps

        return once

    lively = [Compiled(build(calm_to_crash(accounts, **LIVELY)))]
    one = on_path(world, prices[0], seen[0])
    measures: dict[str, Callable[[], float]] = {
        "full step, lazy checks, 1 thread": threads(lazy, 1, PATHS),
        "full step, lazy checks, 2 threads": threads(lazy, 2, PATHS),
        "the same with borrowers who react and impact that stays": threads(lively, 1, PATHS),
        "full step, everyone checked, 1 thread": threads(eager, 1, 2),
        "full step, everyone checked, 2 threads": threads(eager, 2, 2),
        "NumPy health check alone, step by step": _matrix_check(world, prices[0]),
        "exact engine (Python integers), lazy checks": lambda: _exact(one, half),
        "exact health checks (all accounts, no step)": lambda: _exact_checks(one),
    }
    rates: dict[str, list[float]] = {name: [] for name in measures}
    for n in range(runs + 1):  # side by side, so that a slow moment of the machine hits all alike
        for name, measure in measures.items():
            with console.status(f"run {n} of {runs}: {name}"):
                rates[name].append(_rate(measure))
    table = Table(title=f"{accounts:,} accounts x 4 assets, {steps} steps")
    for heading in ("", "account-steps/s", "x NumPy"):
        table.add_column(heading, justify="left" if not heading else "right")
    numpy = rates["NumPy health check alone, step by step"]
    for name, found in rates.items():  # without the first one, which warms up
        ratios = [rate / base for rate, base in zip(found[1:], numpy[1:], strict=True)]
        rate, ratio = statistics.median(found[1:]), statistics.median(ratios)
        table.add_row(name, f"{rate / 1e6:,.2f} M", f"{ratio:.3g}")
    seconds = {}
    for name, days in (("calm", 1), ("both", 2)):
        part = calm_to_crash(accounts, duration_hours=24.0 * days)
        engine, tables = Compiled(build(part)), [draw(part, "mc", 0, PATHS)]
        tables.append(observed(part, tables[0]))
        measure = _paths(engine, tables)
        seconds[name] = PATHS / statistics.median(_rate(measure) for _ in range(runs))
    calm = seconds["calm"] / PATHS / half
    crash = (seconds["both"] - seconds["calm"]) / PATHS / (steps - half)
    table.caption = (
        f"what bounds it: {calm * 1e6:.1f} us a step in the calm half (rates, feeds, venues), "
        f"{crash * 1e6:.1f} us in the crash (liquidations and the accounts near them)"
    )
    return table


def _rate(measure: Callable[[], float]) -> float:
    """What `measure` returns, per second."""
    begin = time.perf_counter()
    return measure() / (time.perf_counter() - begin)


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
    fresh = on_path(world, world.market.price, world.market.observed)
    for k in range(1, last + 1):
        step(fresh.state, fresh.market, k)
        fresh.state.journal_length[0] = 0
    return float(len(fresh.state.account) * last)


def _exact_checks(world: World) -> float:
    for _ in range(10):
        census(world.state)
    return 10.0 * len(world.state.account)


def _paths(engine: Compiled, tables: list[Any]) -> Callable[[], float]:
    return lambda: float(len(engine.outcomes(*tables)))


def _devnet() -> float:
    """Operations per second on anvil, receipts and comparison of all state included."""
    world = build(calm_to_crash(60, duration_hours=30.0))
    with follower("devnet", world) as chain:
        assert chain is not None
        begin = time.perf_counter()
        for _ in run(world, chain):
            pass
        return chain.operations / (time.perf_counter() - begin)


if __name__ == "__main__":
    main()
