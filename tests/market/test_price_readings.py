"""What is said of a price file: columns, duplicates, rounds of a feed, dates and clocks."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from sim.market.price_files.reading import Request, read_prices
from sim.scenario import ScenarioError
from tests.market.test_price_shapes import CASES, THREE, candles, line, read, table


def test_columns_that_hold_no_prices_are_named() -> None:
    """Where every column is asked for: by their names alone one could be an asset."""
    text = "time,WETH,volume,WBTC\n2025-02-02,1,5,2\n"
    assert read(text, every=True).names == ("WETH", "WBTC")
    assert line(text, every=True).endswith("; not read: volume")
    assert read(text, column="volume").prices[0, 0] == 5


def test_duplicates_are_dropped_and_counted() -> None:
    """Rows that say the same; of a column that is not read they need not."""
    pages = candles([*THREE, THREE[2], THREE[1]])
    assert "; 2 duplicate rows dropped" in line(pages)
    assert len(read(pages).times) == 3
    other = "time,WETH,WBTC\n2025-02-02,1,2\n2025-02-02,1,3\n"
    assert "1 duplicate row dropped" in line(other, column="WETH")
    with pytest.raises(ScenarioError, match="comes twice, with another price on line 2"):
        read(other, column="WBTC")


def test_rounding_of_a_candle_is_tolerated_and_said() -> None:
    """An open .01 below the low: low gives way. A dollar below is another matter."""
    text = table(
        "time,open,high,low,close", [["2025-02-02", "3098.93", "3122.19", "3098.94", "3121"]]
    )
    assert "1 candle rounded beyond low or high" in line(text)
    assert read(text).prices.tolist() == [[3098.93, 3122.19, 3098.93, 3121]]
    assert "rounded" not in line(text.replace("3098.94", "3098.93"))
    with pytest.raises(ScenarioError, match="line 2: open or close lies outside low to high"):
        read(text.replace("3098.94", "3099.93"))


ROUNDS = """roundId,answer,startedAt,updatedAt
1,308542000000,1738454400,1738454400
2,305724000000,1738454700,1738454700
3,305000000000,1738541000,1738541000
4,0,0,0
"""


def test_feed_rounds() -> None:
    """Irregular by nature: a day and an hour between two is no gap. The round that has no answer
    yet is left out, and said; a round in the middle that has none is refused.
    """
    found = read(ROUNDS)
    assert found.are_rounds and found.prices[:, 0].tolist() == [3085.42, 3057.24, 3050.0]
    assert "the last round, not answered yet, left out" in line(ROUNDS)
    assert "answer (8 decimals by their size)" in line(ROUNDS)
    with pytest.raises(ScenarioError, match=r"line 4, updatedAt: .* a gap of more than 90000 s"):
        read(ROUNDS.replace("1738541000", "1738544701"))
    assert len(read(ROUNDS.replace("1738541000", "1738544700")).times) == 3
    with pytest.raises(ScenarioError, match="line 3, updatedAt: '0' is no time"):
        read(ROUNDS.replace("1738454700,1738454700", "0,0"))
    newest = [*ROUNDS.splitlines()[:1], *ROUNDS.splitlines()[:0:-1]]
    assert read("\n".join(newest)).prices.tolist() == found.prices.tolist()


def test_of_two_rounds_in_one_block_the_later_counts() -> None:
    """As happens; whichever way the file is sorted."""
    rows = ["7,100000000,1738454400", "8,200000000,1738454400", "9,300000000,1738458000"]
    for order in (rows, rows[::-1]):
        text = "\n".join(["roundId,answer,updatedAt", *order])
        assert read(text).prices[:, 0].tolist() == [2, 3]
        assert "; 1 round of the same second as the next left out" in line(text)


@pytest.mark.parametrize(
    ("answer", "decimals", "price", "said"),
    [
        ("1193900000000000000", None, 1.1939, "18 decimals by their size"),
        ("9999999900000000", None, 99_999_999, "8 decimals by their size"),
        ("1193900", 6, 1.1939, "6 decimals"),
        ("1.1939", None, 1.1939, "answer at"),
    ],
)
def test_decimals_of_answers(answer: str, decimals: int | None, price: float, said: str) -> None:
    text = f"answer,updatedAt\n{answer},1738454400\n"
    assert read(text, decimals=decimals).prices[0, 0] == price
    assert said in line(text, decimals=decimals)


@pytest.mark.parametrize(
    ("dates", "first", "said"),
    [
        (["02/04/2025", "02/03/2025", "02/02/2025"], "2025-02-02", "month first"),
        (["04/02/2025", "03/02/2025", "02/02/2025"], "2025-02-02", "day first"),
        (["01/01/2025", "01/02/2025", "01/03/2025"], "2025-01-01", "month first"),
        ([f"{day}/01/2025" for day in range(10, 16)], "2025-01-10", "day first"),
        # Only a late row tells: 13 is no month.
        ([f"{day:02}/01/2025" for day in range(1, 14)], "2025-01-01", "day first"),
        ([f"{month:02}/01/2024" for month in range(1, 13)], "2024-01-01", "day first"),
    ],
)
def test_the_order_of_day_and_month(dates: list[str], first: str, said: str) -> None:
    """By a number above 12, or by the even spacing: twelve firsts of months are 28 to 31 days apart
    and twelve days of January are one.
    """
    text = table("Date,Price", [[date, "5"] for date in dates])
    found = read(text)
    assert pd.Timestamp(found.times[0], unit="s") == pd.Timestamp(first)
    assert said in found.how


def test_clocks_that_are_set_back() -> None:
    """02:30 in Berlin comes twice on 26 October 2025 and never on 30 March."""
    summer = "time,X\n2025-07-01 02:00,1\n"
    assert read(summer, zone="Europe/Berlin").times[0] == pd.Timestamp("2025-07-01").timestamp()
    for day in ("2025-10-26", "2025-03-30"):
        text = f"time,X\n{day} 02:30,1\n"
        assert len(read(text).times) == 1
        with pytest.raises(ScenarioError, match="or not once in Europe/Berlin"):
            read(text, zone="Europe/Berlin")


def test_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    first = read("time,X\n2025-02-02,1\n", tmp_path)
    assert read("time,X\n2025-02-02,22\n", tmp_path).prices[0, 0] == 22 != first.prices[0, 0]
    assert not first.prices.flags.writeable


def test_rounds_of_a_deployed_feed(tmp_path: Path) -> None:
    """ETH/USD, April 2023 to January 2024: 11,106 rounds, five of them in the block of the next."""
    name = "chainlink_rounds_2022_2024.csv"
    kept = CASES.parents[1] / "data" / name
    if not kept.exists():
        pytest.skip(f"not available: ../shared/data/{name}")
    table = pd.read_csv(kept)
    one = table[table["feed"] == "ETH/USD"].drop(columns="feed")
    assert len(one) == 11_106
    file = tmp_path / "rounds.csv"
    one.to_csv(file, index=False)
    found = read_prices(file, Request())
    last = one.groupby("timestamp")["answer_raw"].last()
    assert found.prices[:, 0].tolist() == (last / 1e8).tolist() and len(last) == 11_101
    assert "5 rounds of the same second as the next left out" in found.how
