"""Blocks cover all paths once, and the sampler gets a number of paths that it can work with."""

import pytest

from sim.sweeps.plan import Block, Pace, Plan, usual_block
from tests.sweep.storms import storms


@pytest.mark.parametrize(("paths", "block"), [(1, 64), (64, 64), (65, 64), (100, 7), (3, 1)])
def test_blocks_cover_every_path_once(paths: int, block: int) -> None:
    blocks = Plan(storms(), "mc", paths, block, 1, 8).blocks()
    covered = [path for one in blocks for path in range(one.first, one.first + one.size)]
    assert covered == list(range(paths))
    assert [one.number for one in blocks] == list(range(len(blocks)))
    assert all(one.first == one.number * block for one in blocks)


def test_a_larger_plan_keeps_the_boundaries() -> None:
    small, large = (Plan(storms(), "mc", paths, 16, 1, 8).blocks() for paths in (40, 100))
    assert large[:2] == small[:2]
    assert small[2] == Block(2, 32, 8) and large[2] == Block(2, 32, 16)


@pytest.mark.parametrize(
    ("paths", "books", "path_seconds", "world_seconds", "block"),
    [
        (1_000_000, 200, 0.004, 0.1, 500),  # two seconds
        (1_000_000, 200, 0.0001, 0.1, 5_000),  # all of a book
        (1_000_000, 1, 0.0001, 0.1, 8_192),
        (1_000_000, 20, 1.0, 30.0, 30),  # as long as its world
        (1_024, 1, 0.004, 0.1, 16),  # work for all
        (1_024, 200, 0.004, 0.1, 6),
        (100, 20, 5.0, 0.0, 1),
    ],
)
def test_blocks_take_about_two_seconds(
    paths: int, books: int, path_seconds: float, world_seconds: float, block: int
) -> None:
    assert usual_block(paths, books, Pace(path_seconds, world_seconds)) == block


def test_a_block_names_its_paths() -> None:
    assert str(Block(2, 2_000, 1_000)) == "paths 2,000 to 2,999"


@pytest.mark.parametrize(
    ("sampler", "paths", "block", "words"),
    [
        ("mc", 0, 64, "1 or more"),
        ("mc", 10, 0, "1 or more"),
        ("sobol", 1_000, 64, "992 or 1,008"),
        ("sobol", 5, 64, ": 16 would do"),
    ],
)
def test_plans_that_cannot_be_run(sampler: str, paths: int, block: int, words: str) -> None:
    problem = Plan(storms(), sampler, paths, block, 1, 8).problem()  # type: ignore[arg-type]
    assert problem is not None and words in problem


def test_plans_that_can_be_run() -> None:
    assert Plan(storms(), "mc", 1, 1, 1, 8).problem() is None
    assert Plan(storms(), "sobol", 48, 64, 1, 8).problem() is None


def test_advises_a_power_of_two_per_replicate() -> None:
    advice = Plan(storms(), "sobol", 2_000, 64, 1, 8).advice()
    assert advice is not None and "1,024 or 2,048" in advice
    assert Plan(storms(), "sobol", 2_048, 64, 1, 8).advice() is None
    assert Plan(storms(), "mc", 2_000, 64, 1, 8).advice() is None
