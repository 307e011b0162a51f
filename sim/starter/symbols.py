"""What an asset can be called in a scenario."""

from __future__ import annotations

from pydantic import TypeAdapter, ValidationError

from sim.schema.base import Symbol

_SYMBOL: TypeAdapter[str] = TypeAdapter(Symbol)
_SHOWN = 10
"""Characters of an address that names an asset: 0x and eight digits."""


def is_symbol(text: str) -> bool:
    """Whether a scenario can have an asset of that name."""
    try:
        _SYMBOL.validate_python(text)
    except ValidationError:
        return False
    return True


def of_address(address: str) -> str:
    """A name for an asset of which nothing but the address is known."""
    return address[:_SHOWN]
