"""How time grows: with accounts, paths, steps and assets."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median
from time import perf_counter

from sim.engines.compiled import Compiled
from sim.market.paths import draw, observed
from sim.scenario import Scenario, load
from sim.schema.book import MIN_ACCOUNT_DEBT_USD
from sim.world import build
from tests.benchmarks.market import calm_to_crash, crash_alone, with_assets
from tests.benchmarks.shown import Shown, seconds

_LONGEST_SECONDS = 60.0  # of one size: larger ones are not tried then


def tables(runs: int, quick: bool) -> Iterable[Shown]:
    """Each in turn, as it is measured."""
    accounts = (500, 1_000) if quick else (1_000, 3_000, 10_000, 30_000, 100_000)
    most = load("black-thursday").book.total_debt_usd / MIN_ACCOUNT_DEBT_USD
    for scaled in (True, False):
        whose = "debts grow with them" if scaled else "they share one debt"
        # One debt can be shared by so many only: no book may have smaller ones.
        sizes = accounts if scaled else sorted({min(n, int(most)) for n in accounts})
        scenarios = [(f"{n:,}", crash_alone(n, scaled)) for n in sizes]
        yield _growth(
            f"Accounts, Black Thursday of 576 steps: {whose}",
            "accounts",
            scenarios,
            runs,
            2,
            "accounts near 1 at a time: each is liquidated for itself, and sales for one move what "
            "the next is worth, so none of them can be skipped"
            if scaled
            else "the same; debts that do not pay their gas stay near 1 without being liquidated",
        )
    base = 500 if quick else 1_000
    steps = (300, 100) if quick else (1_200, 300, 75)
    yield _growth(
        "Steps, a day of calm and the crash",
        "steps",
        ((f"{172_800 // each:,}", calm_to_crash(base, step_seconds=each)) for each in steps),
        runs,
        4,
        "a step in which nothing happens reads feeds and looks at the least that prices may move",
    )
    assets = (2, 4) if quick else (2, 4, 8, 16)
    yield _growth(
        "Assets, a day of calm and the crash",
        "assets",
        ((f"{n}", with_assets(calm_to_crash(base), n)) for n in assets),
        runs,
        4,
        "feeds, rates and venues of each; pairs of collateral and debt grow with the square",
    )
    yield _paths(base, (16, 64) if quick else (16, 64, 256), runs)


def _growth(
    title: str,
    what: str,
    scenarios: Iterable[tuple[str, Scenario]],
    runs: int,
    paths: int,
    bound: str,
) -> Shown:
    rows: list[list[str]] = []
    first, spent = 0.0, 0.0
    for name, scenario in scenarios:
        if spent > _LONGEST_SECONDS:
            rows.append([name, "not measured", "", "", ""])
            continue
        begin = perf_counter()
        world = build(scenario)
        opened = perf_counter() - begin
        engine = Compiled(world)
        prices = draw(scenario, "mc", 0, paths)
        seen = observed(scenario, prices)
        each = seconds(engine.outcomes, prices[:1], seen[:1])
        if each < _LONGEST_SECONDS / 10:
            each = median(
                seconds(engine.outcomes, prices, seen) / paths for _ in range(min(runs, 3))
            )
        first = first or each
        work = len(world.state.account) * scenario.steps
        spent = perf_counter() - begin
        row = [name, f"{opened:,.2f} s", f"{each * 1e3:,.2f} ms", f"{each / first:,.1f}"]
        rows.append([*row, f"{work / each / 1e6:,.0f} M"])
    headings = [what, "open the world", "a path", "x the first", "account-steps/s"]
    return Shown(title, headings, rows, bound)


def _draw(scenario: Scenario, paths: int) -> None:
    observed(scenario, draw(scenario, "mc", 0, paths))


def _paths(accounts: int, numbers: tuple[int, ...], runs: int) -> Shown:
    scenario = calm_to_crash(accounts)
    engine, rows = Compiled(build(scenario)), []
    for paths in numbers:
        prices = draw(scenario, "mc", 0, paths)
        seen = observed(scenario, prices)
        drawn = median(seconds(_draw, scenario, paths) for _ in range(runs))
        played = median(seconds(engine.outcomes, prices, seen) for _ in range(runs))
        rows.append(
            [f"{paths}", f"{drawn / paths * 1e6:,.0f} us", f"{played / paths * 1e6:,.0f} us"]
        )
    bound = "normal and chi-square numbers of each path's own stream, and the copula of the two"
    return Shown(
        f"Paths of {scenario.steps} steps x 4 assets, {accounts:,} accounts",
        ["paths at once", "to draw one", "to run one"],
        rows,
        bound,
    )
