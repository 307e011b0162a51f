"""Named tuples of arrays as compiled code passes them: by one pointer.

By value they are hundreds of numbers in every call, which takes minutes to compile.
"""

from __future__ import annotations

import hashlib
from typing import Any

from numba.core import cgutils, types
from numba.experimental import structref
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from sim.market.market import Market
from sim.protocol.state import State, Undo


@structref.register
class _ByReference(types.StructRef):
    """The type of a named tuple of arrays that is passed as one pointer."""

    def __init__(self, fields: Any) -> None:
        super().__init__(fields)
        # The name is part of every symbol: not all the fields in it.
        self.name = f"ByReference{hashlib.sha256(self.name.encode()).hexdigest()[:8]}"


class StateByReference(structref.StructRefProxy):
    """`State` by reference."""


class UndoByReference(structref.StructRefProxy):
    """`Undo` by reference."""


class MarketByReference(structref.StructRefProxy):
    """`Market` by reference."""


for _proxy, _tuple in (
    (StateByReference, State),
    (UndoByReference, Undo),
    (MarketByReference, Market),
):
    structref.define_constructor(_proxy, _ByReference, _tuple._fields)


def _borrow(typing_context: Any, arrays: Any) -> Any:
    """A tuple of arrays without their reference counts: the caller keeps them alive.

    Counting costs an atomic operation wherever an array is touched, several times the arithmetic.
    """

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        (kinds,), (values,) = signature.args, arguments
        members = []
        for n, kind in enumerate(kinds):
            array = make_array(kind)(context, builder, builder.extract_value(values, n))
            array.meminfo = cgutils.get_null_value(array.meminfo.type)
            members.append(array._getvalue())
        return context.make_tuple(builder, signature.return_type, members)

    return arrays(arrays), codegen


borrowed: Any = intrinsic(_borrow)
"""`_borrow`, in compiled code."""
