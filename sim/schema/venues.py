"""Which venue a section means: by its pair, and by its name where several trade the same pair."""

from collections.abc import Iterator, Sequence

from sim.schema.base import Symbol
from sim.schema.market import Venue
from sim.schema.problems import Problem, nearest


def places_of(venues: Sequence[Venue], assets: tuple[Symbol, Symbol]) -> list[int]:
    """Where the venues of a pair stand among all."""
    return [i for i, venue in enumerate(venues) if set(venue.assets) == set(assets)]


def place_of(venues: Sequence[Venue], assets: tuple[Symbol, Symbol], name: str | None) -> int:
    """Where the venue of a pair, or that of this name, stands: one that there is."""
    return next(i for i in places_of(venues, assets) if name in (None, venues[i].name))


def name_problems(
    venues: Sequence[Venue], assets: tuple[Symbol, Symbol], name: str | None
) -> Iterator[Problem]:
    """What is wrong with the field `venue_name` beside a pair that is traded."""
    names = [venues[i].name for i in places_of(venues, assets)]
    given, pair = [one for one in names if one], "/".join(assets)
    if name is None and len(names) > 1:
        problem = f"is missing: {len(names)} venues trade {pair}"
        yield Problem("venue_name", problem, f"one of {', '.join(given)}")
    elif name is not None and name not in names:
        remedy = nearest(name, given, "they are") if given else "leave it out: it has no name"
        yield Problem("venue_name", f"no venue of {pair} is called {name}", remedy)
