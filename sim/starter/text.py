"""The text of a new scenario."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from math import floor, log10
from pathlib import Path
from typing import Any, NamedTuple

from sim.market.history import recorded
from sim.scenario import extends, load
from sim.schema.bases import is_path
from sim.schema.beside import beside
from sim.schema.price_file import PriceFile
from sim.starter.flow import flow, number
from sim.starter.holdings import Held, held
from sim.starter.prices import Priced, priced

_START = datetime(2026, 1, 1, tzinfo=timezone.utc)
_HOURS, _STEP_SECONDS = 24.0, 300
_FALL = ((1 / 12, 1.0), (1 / 3, 0.6), (1.0, 0.8))
"""Of the assets that move: (share of the time that has passed, share of the price)."""
_KNOWN = "lending-market"
"""Where prices are from of which a base has none."""
_MARGIN = 1.25
"""Supplied by those who never borrow, as a multiple of what is owed."""
_PLACEHOLDER = "placeholder"
_SHOWN = 10
"""Names of what is left out."""
_HINT = "# {:<57} {}"


class Wanted(NamedTuple):
    """What to make a scenario of."""

    name: str
    extends: str
    """A base, a scenario or the path of one."""
    book: Path | None = None
    columns: Mapping[str, str] = {}
    """What the file of the book calls its columns."""
    units: str = "tokens"
    prices: Sequence[tuple[str | None, Path]] = ()
    """Files, each with its asset; None: its columns name assets."""
    schema: str | None = None
    """Path or URL of the JSON schema, for editors."""


class Starter(NamedTuple):
    """A new scenario."""

    text: str
    lines: tuple[str, ...]
    """What was understood of the user's files."""


def starter(wanted: Wanted, file: Path) -> Starter:
    """The text of the scenario that `file` is to become. Raises `ScenarioError`."""
    base = extends(wanted.extends, file)
    step = int(base.get("step_seconds", _STEP_SECONDS))
    there: dict[str, Any] = base.get("assets") or {}
    prices = None
    if wanted.prices:
        spelt = {symbol.lower(): symbol for symbol in there}
        prices = priced(wanted.prices, spelt, step)
    block = _book_block(wanted)
    known = there | (prices.levels if prices else {})
    book = held(block, known) if block else None
    draft = _Draft(wanted, base, file, prices, book, block)
    return Starter("\n".join([*draft.lines(), ""]), prices.lines if prices else ())


def _book_block(wanted: Wanted) -> dict[str, Any]:
    """The block of a book from a file, the file by its absolute path; empty for a drawn one."""
    if wanted.book is None:
        return {}
    block: dict[str, Any] = {"file": str(wanted.book.absolute())}
    if wanted.columns:
        block["columns"] = dict(wanted.columns)
    if wanted.units != "tokens":
        block["units"] = wanted.units
    return block


class _Draft:
    """What is known, block by block as it is written."""

    def __init__(
        self,
        wanted: Wanted,
        base: dict[str, Any],
        file: Path,
        prices: Priced | None,
        book: Held | None,
        block: dict[str, Any],
    ) -> None:
        self.wanted, self.base, self.folder = wanted, base, file.absolute().parent
        self.prices, self.book, self.block = prices, book, block
        self.there: dict[str, Any] = base.get("assets") or {}
        self.start = prices.start if prices else base.get("start", _START)
        self.hours = prices.hours if prices else float(base.get("duration_hours", _HOURS))
        files = prices.levels if prices else {}
        owned = book.all if book else ()
        levels = {symbol: asset.price_usd for symbol, asset in load(_KNOWN).assets.items()}
        known = {symbol: level for symbol, level in levels.items() if isinstance(level, float)}
        asked = {*files, *owned, base.get("native_asset")}
        if not owned:  # a drawn book needs several kinds of collateral
            asked |= known.keys()
        kept = [one for one in self.there if self._level_of_base(one) is not None or one in asked]
        self.new = [one for one in dict.fromkeys((*files, *owned)) if one not in self.there]
        self.symbols = list(dict.fromkeys([*kept, *self.new]))
        self.guesses = {
            symbol: known.get(symbol, 1.0)
            for symbol in self.symbols
            if symbol not in files and self._level_of_base(symbol) is None
        }
        if prices:  # waypoints of the base are of another time
            self.guesses |= {
                symbol: float(level[0]["value"])
                for symbol in self.symbols
                if symbol not in files and isinstance(level := self._level_of_base(symbol), list)
            }
        own = [self._level_of_base(symbol) for symbol in self.there]
        self.falls = not prices and all(level is None or _is_number(level) for level in own)

    def _level_of_base(self, symbol: str) -> Any:
        return (self.there.get(symbol) or {}).get("price_usd")

    def _moves(self, symbol: str) -> bool:
        """Whether an asset's price moves in the base's sweeps, or is not one dollar."""
        paths = self.base.get("paths")
        if paths and symbol in self.there:
            return bool(paths.get("volatility_per_sqrt_year", {}).get(symbol))
        return symbol in self.new or abs(self._price(symbol) - 1) > 0.05

    def _price(self, symbol: str) -> float:
        """USD at the start, or the highest of the levels that the base names."""
        if self.prices and symbol in self.prices.at_start:
            return self.prices.at_start[symbol]
        if symbol in self.guesses:
            return self.guesses[symbol]
        level = self._level_of_base(symbol)
        if isinstance(level, dict):
            return float(recorded(PriceFile.model_validate(level))[1].max())
        return float(level if _is_number(level) else max(point["value"] for point in level))

    # --- the file ---------------------------------------------------------------------------------

    def lines(self) -> Iterator[str]:
        wanted, name = self.wanted, f"{self.wanted.name}.yaml"
        if wanted.schema:
            yield f"# yaml-language-server: $schema={wanted.schema}"
        yield _HINT.format(f"ape run crash {name} --engine exact", "what is lost, and who pays")
        yield _HINT.format(f"ape run sweep {name} --paths 500", "how likely which loss is")
        yield _HINT.format("ape run schema protocol.liquidation", "what may stand in a block")
        yield "#"
        yield f"# What this file says nothing of is as in {wanted.extends}; null takes it away."
        yield f"# Lines that say {_PLACEHOLDER} are there to be replaced."
        yield ""
        yield f"name: {wanted.name}"
        yield f"extends: {flow(self._extended())}"
        yield f"title: {flow(wanted.name.replace('-', ' '))} # {_PLACEHOLDER}, as the next two"
        yield f"story: {flow(self._story())}"
        yield 'sources: ["placeholders of ape run new"]'
        for block in (
            self._times,
            self._assets,
            self._feeds,
            self._venues,
            self._protocol,
            self._suppliers,
            self._book,
        ):
            if written := list(block()):
                yield ""
                yield from written

    def _extended(self) -> str:
        """The name of the base, or its path as it is seen from here."""
        name = self.wanted.extends
        return self._seen(str(beside(name, self.folder))) if is_path(name) else name

    def _story(self) -> str:
        happens = "What moves falls by 40%, and half of that comes back."
        if not self.falls:
            happens = f"As in {self.wanted.extends}."
        if self.prices:
            happens = "Prices are recorded ones."
        return f"{happens} {'The book is recorded.' if self.book else 'The book is drawn.'}"

    def _times(self) -> Iterator[str]:
        base = self.base
        if self.prices:
            yield f"# The files of prices know {self.prices.known[0]} to {self.prices.known[1]}."
        if self.prices or self.falls or "start" not in base:
            given = "" if self.prices or "start" in base else f" # {_PLACEHOLDER}, as the next"
            yield f"start: {_iso(self.start)}{given}"
            yield f"duration_hours: {number(self.hours)}"
        for field, value in (("step_seconds", _STEP_SECONDS), ("seed", 1), ("gas_price_gwei", 10)):
            if field not in base:
                yield f"{field}: {value} # {_PLACEHOLDER}"
        if self.prices:
            yield from self._without_events()

    def _without_events(self) -> Iterator[str]:
        """Of an event that is extended, what happened at its time is not in another."""
        base, of_then = self.base, f"# those of {self.wanted.extends} are of its time"
        if isinstance(base.get("gas_price_gwei"), list):
            yield f"gas_price_gwei: 10 # {_PLACEHOLDER}; {of_then[2:]}"
        for field in ("attack", "blocks"):
            if base.get(field):
                yield f"{field}: null {of_then}"
        if bridges := base.get("bridges"):
            yield f"bridges: {of_then}"
            for symbol, bridge in bridges.items():
                happened = filter(bridge.get, ("outages", "reorganisation", "forgery"))
                gone: dict[str, Any] = {f: [] if f == "outages" else None for f in happened}
                yield f"  {flow(symbol)}: {flow(gone)}"

    def _assets(self) -> Iterator[str]:
        changed = any(symbol in self.guesses or self._falls(symbol) for symbol in self.symbols)
        changed = changed or bool(self.prices or (self.book and self.book.addresses))
        if self.symbols == list(self.there) and not changed:
            return
        yield "assets: # all that there are; {}: as in the base"
        for symbol in self.symbols:
            yield from self._asset(symbol)

    def _asset(self, symbol: str) -> Iterator[str]:
        fields, guessed = [], []
        if symbol in self.new:
            fields += ["kind: volatile", f"decimals: {self._decimals(symbol)}"]
            is_known = self.book and symbol in self.book.decimals
            guessed += ["kind", *([] if is_known else ["decimals"])]
        if self.book and symbol in self.book.addresses:
            fields.append(f'address: "{self.book.addresses[symbol]}"')
        if self.prices and symbol in self.prices.levels:
            level = self.prices.levels[symbol]
            fields.append(f"price_usd: {flow({**level, 'file': self._seen(level['file'])})}")
        elif symbol in self.guesses and not self._falls(symbol):
            fields.append(f"price_usd: {number(self.guesses[symbol])}")
            guessed += ["price"]
        said = f" # {_PLACEHOLDER}: {', '.join(guessed)}" if guessed else ""
        if not self._falls(symbol):
            yield f"  {flow(symbol)}: {{{', '.join(fields)}}}{said}"
            return
        yield f"  {flow(symbol)}:"
        yield from (f"    {field} # {_PLACEHOLDER}" for field in fields)
        yield f"    price_usd: # {_PLACEHOLDER}"
        yield from self._fall(self._price(symbol))

    def _falls(self, symbol: str) -> bool:
        """Whether its price here is a made-up fall."""
        return self.falls and self._moves(symbol)

    def _fall(self, price: float) -> Iterator[str]:
        for passed, share in _FALL:
            at = self.start + timedelta(hours=self.hours * passed)
            yield f"      - {{at: {_iso(at)}, value: {price * share:.6g}}}"

    def _feeds(self) -> Iterator[str]:
        feeds = self.base.get("feeds") or {}
        rows = []
        if self.prices and feeds.get("faults"):
            rows.append(f"faults: [] # those of {self.wanted.extends} are of its time")
        if self.book and self.guesses.keys() & {*self.book.all}:
            # At made-up prices many are under water: positions that open as bad debt from before.
            why = f"{_PLACEHOLDER}: who owes more than he has can be opened"
            rows += [f"{flow(one)}: {{min_price_usd: 1.0e-8}} # {why}" for one in self.book.owed]
        if rows:
            yield "feeds:"
            yield from (f"  {row}" for row in rows)

    def _venues(self) -> Iterator[str]:
        """A list replaces: with a venue of a new asset, those of the base are written again."""
        there = self.base.get("venues")
        kept = [dict(one) for one in there or () if {*one["assets"]} <= {*self.symbols}]
        # Of another time than that of the user's prices.
        dated = [one.pop("depth_over_time", None) for one in kept if self.prices]
        quotes = [one["assets"][1] for one in kept]
        quotes += [one for one in self.symbols if not self._moves(one)]
        if not quotes or not (self.new or any(dated) or there is None):
            return
        quote = Counter(quotes).most_common(1)[0][0]
        untraded = [one for one in (self.new if kept else self.symbols) if one != quote]
        yield "venues: # where seized collateral is sold"
        for venue in kept:
            yield f"  - {flow(venue)} # as in {self.wanted.extends}"
        for symbol in untraded:
            pair = f"assets: [{flow(symbol)}, {flow(quote)}], depth_usd_per_side: 1.0e+6"
            yield f"  - {{{pair}, fee_bps: 30}} # {_PLACEHOLDER}"

    def _protocol(self) -> Iterator[str]:
        reserves = (self.base.get("protocol") or {}).get("reserves") or {}
        rows = []
        for symbol in self.symbols:
            terms = reserves.get(symbol) or {}
            if symbol in self.new:
                rows.append(f"{flow(symbol)}: {{ltv_bps: 5000, lt_bps: 6500}} # {_PLACEHOLDER}")
            elif symbol == self.base.get("native_asset") and {"ltv_bps", "lt_bps"} <= terms.keys():
                limits = f"ltv_bps: {terms['ltv_bps']}, lt_bps: {terms['lt_bps']}"
                rows.append(f"{flow(symbol)}: {{{limits}}} # as in {self.wanted.extends}")
        if not rows:
            return
        yield "protocol:"
        yield "  # liquidation: {engine: target-health, delay_seconds: 0}"
        yield "  reserves: # what may be borrowed against an asset, and when it is liquidated"
        yield from (f"    {row}" for row in rows)

    def _suppliers(self) -> Iterator[str]:
        there = self.base.get("suppliers") or {}
        wanted: dict[str, float] = {}
        if self.book:
            for symbol, amount in self.book.owed.items():
                tokens = amount / 10 ** self._decimals(symbol) if self._in_units else amount
                wanted[symbol] = _two_digits(_MARGIN * tokens * self._price(symbol))
        elif not there:
            wanted = {one: 0.0 if self._moves(one) else 1.0e8 for one in self.symbols}
        missing = [one for one in self.symbols if one not in {*there, *wanted, *self.new}]
        wanted |= {one: 0.0 for one in missing}
        if wanted:
            why = ": a quarter more than is owed" if self.book else ""
            yield f"suppliers: # {_PLACEHOLDER}, USD of those who never borrow{why}"
            yield from (f"  {flow(one)}: {number(usd)}" for one, usd in wanted.items())

    @property
    def _in_units(self) -> bool:
        return self.wanted.units == "base"

    def _decimals(self, symbol: str) -> int:
        known = self.book.decimals if self.book else {}
        return int((self.there.get(symbol) or {}).get("decimals", known.get(symbol, 18)))

    def _book(self) -> Iterator[str]:
        if self.book:
            block = {**self.block, "file": self._seen(self.block["file"])}
            if self.book.unnamed:
                block["unlisted"] = "drop"
                # As Python writes them: a line break in a name would end the comment.
                names = [f"{one[:40]!a}" for one in self.book.unnamed]
                shown = ", ".join([*names[:_SHOWN], *(["..."] if len(names) > _SHOWN else [])])
                yield f"# Left out, as no asset can be called so: {shown}."
            yield f"book: {flow(block)}"
            return
        book = self.base.get("book") or {}
        if "file" in book:
            return
        if "total_debt_usd" in book:
            yield "# book: {file: positions.csv} # your own: docs/books.md"
            yield "book: # drawn; as in the base"
            yield f"  accounts: {book['accounts']}"
            yield f"  total_debt_usd: {number(book['total_debt_usd'])}"
            return
        yield f"book: # drawn; {_PLACEHOLDER}"
        yield "  total_debt_usd: 1.0e+8"
        for name, moving in (("collateral_weights", 1), ("debt_weights", 0)):
            weights = {one: moving if self._moves(one) else 1 - moving for one in self.symbols}
            yield f"  {name}: {flow(weights)}"

    def _seen(self, path: str) -> str:
        """A path as it is seen from the scenario; the whole one if it is elsewhere."""
        seen = os.path.relpath(path, self.folder)
        return path if seen.startswith(os.path.join(os.pardir, os.pardir)) else seen


def _is_number(level: object) -> bool:
    return isinstance(level, int | float)


def _two_digits(value: float) -> float:
    """Rounded up to two digits; nothing is a dollar."""
    if value <= 1:
        return 1.0
    size = 10.0 ** (floor(log10(value)) - 1)
    return float(-(-value // size) * size)


def _iso(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
