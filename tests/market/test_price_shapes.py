"""Price files in the shapes that people have: each says the same series, and reads equal.

The writers below share nothing with the reader; what a file says is known before it is written.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sim.market.price_files.reading import Reading, Request, read_prices
from sim.scenario import ScenarioError

CASES = Path(__file__).parents[3] / "shared" / "cases" / "prices"
BERLIN = ZoneInfo("Europe/Berlin")


class Bar(NamedTuple):
    """A candle in cents, and when it begins, a whole second."""

    at: datetime
    open: int
    high: int
    low: int
    close: int

    def texts(self) -> list[str]:
        return [usd(cents) for cents in self[1:]]


Bars = list[Bar]
COLUMNS = ("open", "high", "low", "close")


def usd(cents: int) -> str:
    """Always with both cents, so never with a comma alone."""
    return f"{cents // 100}.{cents % 100:02}"


def thousands(cents: int) -> str:
    return f"{cents // 100:,}.{cents % 100:02}"


def european(cents: int) -> str:
    return thousands(cents).translate(str.maketrans(",.", ".,"))


def iso(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def epoch(at: datetime, scale: int = 1) -> int:
    return int(at.timestamp()) * scale


def table(header: str, rows: list[list[str]], separator: str = ",", end: str = "\n") -> str:
    lines = [header] if header else []
    return end.join([*lines, *(separator.join(row) for row in rows), ""])


def candles(bars: Bars) -> str:
    return table("time,open,high,low,close", [[iso(b.at), *b.texts()] for b in bars])


def klines(bars: Bars, scale: int) -> str:
    """Twelve columns without a header."""
    others = ["6919.1886", str(epoch(bars[-1].at, scale)), "1.5", "6919", "3.5", "1.1", "0"]
    return table(
        "",
        [[str(epoch(b.at, scale)), *(f"{t}000000" for t in b.texts()), *others] for b in bars],
    )


def epoch_candles(bars: Bars, scale: int) -> str:
    rows = [[str(epoch(b.at, scale)), *b.texts(), "7.5"] for b in bars]
    return table("timestamp,open,high,low,close,volume", rows)


def semicolons_newest_first(bars: Bars) -> str:
    """BOM, quoted times, four of them, volume and market capitalisation."""
    rows = [
        [
            f'"{b.at:%Y-%m-%dT%H:%M:%S}.000Z"',
            f'"{b.at + timedelta(minutes=59, seconds=59):%Y-%m-%dT%H:%M:%S}.999Z"',
            '"2781"',
            *b.texts(),
            "4797.05",
            "314038800000.0",
            f'"{b.at + timedelta(minutes=59, seconds=59):%Y-%m-%dT%H:%M:%S}.999Z"',
        ]
        for b in reversed(bars)
    ]
    header = "timeOpen;timeClose;name;open;high;low;close;volume;marketCap;timestamp"
    return "\ufeff" + table(header, rows, ";")


def quoted_thousands(bars: Bars) -> str:
    """Price is the close; newest first."""
    rows = [
        [iso(b.at), *(thousands(c) for c in (b.close, b.open, b.high, b.low)), "1.22K", "-1.04%"]
        for b in reversed(bars)
    ]
    header = '\ufeff"Date","Price","Open","High","Low","Vol.","Change %"'
    return table(header, [[f'"{cell}"' for cell in row] for row in rows])


def decimal_commas(bars: Bars) -> str:
    rows = [[iso(b.at), *map(european, b[1:])] for b in bars]
    return table("time;open;high;low;close", rows, ";", "\r\n")


def pandas_index(bars: Bars) -> str:
    frame = pd.DataFrame(
        [[b.at, *map(float, b.texts())] for b in bars], columns=["timestamp", *COLUMNS]
    )
    return frame.to_csv()


def pandas_times(bars: Bars) -> str:
    """The index is the time, and has no name."""
    frame = pd.DataFrame([map(float, b.texts()) for b in bars], [b.at for b in bars], COLUMNS)
    return frame.to_csv()


def three_headers(bars: Bars) -> str:
    rows = [[f"{b.at:%Y-%m-%d %H:%M:%S}+00:00", *b.texts(), "7"] for b in bars]
    order = "Price,Open,High,Low,Close,Volume\nTicker" + ",ETH-USD" * 5 + "\nDatetime,,,,,"
    return table(order, rows)


def line_above(bars: Bars) -> str:
    rows = [
        [str(epoch(b.at, 1_000)), f"{b.at:%Y-%m-%d %H:%M:%S}", "ETH/USD", *b.texts(), "1", "2"]
        for b in reversed(bars)
    ]
    header = "https://www.example.com\nunix,date,symbol,open,high,low,close,Volume ETH,Volume USD"
    return table(header, rows)


def tabs_date_and_time(bars: Bars) -> str:
    rows = [[f"{b.at:%Y.%m.%d}", f"{b.at:%H:%M:%S}", *b.texts(), "5", "1"] for b in bars]
    return table("<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<SPREAD>", rows, "\t")


def offsets(bars: Bars) -> str:
    away = timezone(timedelta(hours=5, minutes=30))
    rows = [[f"{b.at.astimezone(away):%Y-%m-%d %H:%M:%S}.000+05:30", *b.texts()] for b in bars]
    return table("Open time,Open,High,Low,Close", rows)


def utc_word(bars: Bars) -> str:
    rows = [[f"{b.at:%Y-%m-%d %H:%M:%S} UTC", *b.texts()] for b in bars]
    return table("time|open|high|low|close", rows, "|")


def scientific(bars: Bars) -> str:
    rows = [[f"{epoch(b.at)}", *(f"{cents}e-2" for cents in b[1:])] for b in bars]
    return table("ts,o,h,l,c", rows)


def json_candles(bars: Bars) -> str:
    return json.dumps([[epoch(b.at, 1_000), *map(float, b.texts())] for b in bars])


def json_objects(bars: Bars) -> str:
    return json.dumps(
        {"data": [{"time": iso(b.at), **dict(zip(COLUMNS, b.texts(), strict=True))} for b in bars]}
    )


def naive_in_berlin(bars: Bars) -> str:
    rows = [[f"{b.at.astimezone(BERLIN):%Y-%m-%d %H:%M:%S}", *b.texts()] for b in bars]
    return table("time,open,high,low,close", rows)


def shuffled_pages(bars: Bars) -> str:
    """Pages that overlap by a row, the later one first."""
    half = len(bars) // 2
    return candles([*bars[half:], *bars[: half + 1]])


SHAPES: dict[str, Callable[[Bars], str]] = {
    "documented": candles,
    "klines in us": lambda bars: klines(bars, 1_000_000),
    "klines in ms": lambda bars: klines(bars, 1_000),
    "epoch s": lambda bars: epoch_candles(bars, 1),
    "epoch ns": lambda bars: epoch_candles(bars, 1_000_000_000),
    "semicolons, newest first": semicolons_newest_first,
    "quoted thousands": quoted_thousands,
    "decimal commas": decimal_commas,
    "pandas index": pandas_index,
    "pandas times": pandas_times,
    "three header lines": three_headers,
    "a line above": line_above,
    "tabs, date and time": tabs_date_and_time,
    "offsets and fractions": offsets,
    "UTC as a word": utc_word,
    "scientific": scientific,
    "JSON candles": json_candles,
    "JSON objects": json_objects,
    "a zone that is stated": naive_in_berlin,
    "pages that overlap": shuffled_pages,
}


def read(text: str | bytes, folder: Path | None = None, **wanted: object) -> Reading:
    """What a file of this text says, anywhere or in `folder`."""
    with TemporaryDirectory() as made:
        file = (folder or Path(made)) / "prices.csv"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_prices(file, Request(**wanted))  # type: ignore[arg-type]


@st.composite
def series(draw: st.DrawFn) -> Bars:
    """3 to 12 candles of a winter, some minutes apart, of a cent to ten million dollars."""
    minutes = draw(st.integers(1, 1_440))
    start = datetime(2025, 1, 1, tzinfo=timezone.utc) + timedelta(
        minutes=draw(st.integers(0, 50_000))
    )
    cents = st.integers(1, 10**9)
    quotes = draw(st.lists(st.tuples(cents, cents, cents, cents), min_size=3, max_size=12))
    return [
        Bar(start + timedelta(minutes=n * minutes), quote[0], max(quote), min(quote), quote[3])
        for n, quote in enumerate(quotes)
    ]


NOON = datetime(2025, 2, 2, 12, tzinfo=timezone.utc)
THREE = [Bar(NOON + timedelta(hours=n), 308542, 311068, 307922, 310000 - n) for n in range(3)]


@pytest.mark.parametrize("shape", SHAPES)
@given(bars=series())
@example(bars=THREE)
@settings(max_examples=10)
def test_the_same_series_in_every_shape_reads_equal(shape: str, bars: Bars) -> None:
    """The times to a microsecond, the prices as the nearest doubles of what is written."""
    zone = "Europe/Berlin" if shape == "a zone that is stated" else None
    found = read(SHAPES[shape](bars), zone=zone)
    assert found.names == COLUMNS
    assert found.times.tolist() == pytest.approx([b.at.timestamp() for b in bars], abs=1e-6)
    assert found.prices.tolist() == [[cents / 100 for cents in b[1:]] for b in bars]


SINGLE: dict[str, str] = {
    "price is the only price": "snapped_at,price,market_cap,total_volume\n"
    "2025-02-02 00:00:00 UTC,3085.42,370250400000.0,21348602.89\n"
    "2025-02-02 01:00:00 UTC,3057.24,366868800000.0,14445401.52\n",
    "JSON pairs": "[[1738454400000, 3085.42], [1738458000000, 3057.24]]",
    "JSON prices": '{"prices": [[1738454400000, 3085.42], [1738458000000, 3057.24]], '
    '"market_caps": [[1738454400000, 1]], "total_volumes": []}',
    "two columns without a header": "1738454400,3085.42\n1738458000,3057.24\n",
    "dollar signs": "date,price\n2025-02-02,$3085.42\n2025-02-02 01:00,$3057.24\n",
    "dollars and thousands": 'date,price\n2025-02-02,"$3,085.42"\n2025-02-02 01:00,"$3,057.24"',
    "AM and PM": "time,WETH\n02/02/2025 12:00 AM,3085.42\n02/02/2025 01:00 AM,3057.24\n",
    "months in words": 'time,WETH\n"Feb 02, 2025 00:00",3085.42\n"Feb 02, 2025 01:00",3057.24\n',
    "GMT and an offset": "02.02.2025 01:00:00.000 GMT+0100,3085.42\n"
    "02.02.2025 02:00:00.000 GMT+0100,3057.24\n",
    "feed rounds": "roundId,answer,startedAt,updatedAt,answeredInRound\n"
    "7,308542000000,1738454400,1738454400,7\n8,305724000000,1738457990,1738458000,8\n",
    "feed rounds of another name": "answer,updated_at,decimals\n"
    "3085420000,2025-02-02 00:00:00.000 UTC,6\n3057240000,2025-02-02 01:00:00.000 UTC,6\n",
    "events of a feed": "contract_address,evt_tx_hash,evt_block_number,current,roundId,updatedAt\n"
    "0xab,0xcd,7,308542000000,18446744073709551617,1738454400\n"
    "0xab,0xce,9,305724000000,18446744073709551618,1738458000\n",
    "answers with their point": "updatedAt,answer\n1738454400,3085.42\n1738458000,3057.24\n",
    "spaces and decimal commas": "time;X\n2025-02-02;3 085,42\n2025-02-02 01:00;3\u202f057,24\n",
    "apostrophes": "time,X\n2025-02-02,3'085.42\n2025-02-02 01:00,3'057.24\n",
    "hours of one digit": "time,X\n2025-02-02 0:00,3085.42\n2025-02-02 1:00,3057.24\n",
    "dates of one digit": "time,X\n2/2/2025 0:00,3085.42\n2/2/2025 1:00,3057.24\n",
    "JSON columns": '{"s": "ok", "t": [1738454400, 1738458000], "c": [3085.42, 3057.24]}',
    "JSON among other things": '{"error": [], "Result": {"X": [[1738454400, "3085.42"], '
    '[1738458000, "3057.24"]], "last": 1738458000}}',
    "a header behind a hash": "# from somewhere, 2025\n# close,time\n3085.42,2025-02-02\n"
    "3057.24,2025-02-02 01:00\n",
    "a line of the separator": "sep=;\ntime;X\n2025-02-02;3085,42\n2025-02-02 01:00;3057,24",
    "UTF-16": "\ufeffdate\tprice\n2025-02-02\t3085,42\n2025-02-02 01:00\t3057,24\n",
}


@pytest.mark.parametrize("shape", SINGLE)
def test_single_prices(shape: str) -> None:
    text = SINGLE[shape]
    found = read(text.encode("utf-16-le") if shape == "UTF-16" else text)
    assert found.times.tolist() == [1_738_454_400, 1_738_458_000]
    assert found.prices[:, 0].tolist() == [3085.42, 3057.24]


def line(text: str, **wanted: object) -> str:
    return read(text, **wanted).line("prices.csv")


def test_what_was_understood_is_one_line() -> None:
    """Columns, unit and zone, rows, spacing, span, and what was done."""
    assert line(klines(THREE, 1_000_000)) == (
        "prices.csv: open, high, low, close at time (epoch us, UTC); 3 rows 1 h apart, "
        "2025-02-02T12:00:00Z to 2025-02-02T14:00:00Z"
    )
    assert line(semicolons_newest_first(THREE)).endswith("at timeOpen (zone as written)" + SPAN)
    assert line(candles(THREE)).endswith("(zone as written)" + SPAN.removesuffix("; newest first"))
    assert "(no zone, so UTC)" in line("time,X\n2025-02-02 12:00,1\n")
    assert "(Europe/Berlin)" in line("time,X\n2025-02-02 12:00,1\n", zone="Europe/Berlin")
    assert "X (commas between thousands) at" in line('time,X\n2025-02-02,"1,000.5"\n')
    assert "X (apostrophes between thousands) at" in line("time,X\n2025-02-02,1'000.5\n")
    assert "X (spaces between thousands) at" in line("time,X\n2025-02-02,1\u202f000.5\n")
    assert "(epoch ms and us, UTC)" in line("1735689600000,5\n1735693200000000,5\n")


SPAN = "; 3 rows 1 h apart, 2025-02-02T12:00:00Z to 2025-02-02T14:00:00Z; newest first"


KEPT: dict[str, str | None] = {
    "f0_documented.csv": None,
    "f10_scientific.csv": None,
    "f11_pandas_index.csv": None,
    "f13_zero_bars.csv": "line 37, open: '0' is no price; 1 more like it, to line 38",
    "f14_open_below_low.csv": None,
    "f1_binance_us_noheader.csv": None,
    "f1d_epoch_s.csv": None,
    "f2_gap_then_14s.csv": "line 32, timestamp: 2025-02-03T10:00:14Z is 18014 s after",
    "f4_coingecko.csv": None,
    "f5_coinmarketcap.csv": None,
    "f6_investing.csv": None,
    "f6b_thousands_quoted.csv": None,
    "f8_offset_fraction.csv": None,
    "f9_duplicate_identical.csv": None,
}


@pytest.mark.parametrize("name", KEPT)
def test_files_as_they_are(name: str) -> None:
    """All of the same hours: the close at 2025-02-02T05:00Z is that of the documented form."""
    file = CASES / name
    if not file.exists():
        pytest.skip(f"not available: ../shared/cases/prices/{name}")
    if refusal := KEPT[name]:
        with pytest.raises(ScenarioError) as caught:
            read_prices(file, Request())
        assert refusal in str(caught.value)
        return
    found = read_prices(file, Request())
    known = pd.read_csv(CASES / "f0_documented.csv", index_col=0)["close"]
    if name == "f6_investing.csv":  # three days
        assert found.prices[:, 3].tolist() == [3085.42, 2837.12, 2666.37]
        assert [pd.Timestamp(t, unit="s").day for t in found.times] == [2, 3, 4]
        return
    (at,) = (found.times // 1 == pd.Timestamp("2025-02-02T05:00Z").timestamp()).nonzero()[0]
    expected = known["2025-02-02T05:00:00Z"]
    if name == "f10_scientific.csv":  # another asset, 1e-5
        assert found.prices.max() < 1e-4
        expected = pd.read_csv(file, index_col=0)["PEPE"]["2025-02-02T05:00:00Z"]
    assert found.prices[at, -1] == expected
    assert len(found.times) == (73 if name == "f4_coingecko.csv" else 72)
