"""What the users' own agents do, compiled by itself and called at its address: the loop is compiled
once for everybody, and stays on the disk.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel import models
from numba.core.typing.templates import signature
from numba.extending import intrinsic, lower_builtin, register_model

from sim.engines.by_reference import reference
from sim.engines.memory import Memory
from sim.users.user_agents import Code, compilable


@lru_cache
def compiled(agents: tuple[Code, ...]) -> Any:
    """What these agents do in a step, a numba dispatcher; `address` is where its code begins.

    In memory only: what a user's function calls may change without its own source changing, so
    every process compiles it anew.
    """
    users: Any = compilable(agents)

    def entry(s: Any, w: Any, k: int) -> None:
        users(s, w, k)

    njit: Any = numba.njit  # whose annotations lack the options for what Python never calls
    bare = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return njit(nogil=True, error_model="numpy", **bare)(entry)


def address(agents: tuple[Code, ...], memory: Memory) -> int:
    """Of the code of these agents, which stays in memory, for worlds of this kind; 0 for none."""
    if not agents:
        return 0
    of = compiled(agents)
    kinds = (reference(memory.state), reference(memory.market), types.int64)
    of.compile(kinds)  # unless it is
    result = of.overloads[kinds]
    return int(result.library.get_pointer_to_function(result.fndesc.llvm_func_name))


class _Users(types.Callable):
    """The type of `users(s, w, k)` at an address."""

    def get_call_type(self, context: Any, args: Any, kws: Any) -> Any:
        return signature(types.none, *args, recvr=self)

    def get_call_signatures(self) -> tuple[Any, bool]:
        return (), True

    def get_impl_key(self, sig: Any) -> type:
        return type(self)


@register_model(_Users)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, users: Any) -> None:
        super().__init__(manager, users, ir.IntType(64))


@lower_builtin(_Users, types.VarArg(types.Any))  # type: ignore[untyped-decorator]
def _call(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
    place, *values = arguments
    convention, kinds = context.call_conv, sig.args[1:]
    with builder.if_then(cgutils.is_not_null(builder, place)):
        function = convention.get_function_type(types.none, kinds).as_pointer()
        status, _ = convention.call_function(
            builder, builder.inttoptr(place, function), types.none, kinds, values
        )
        with cgutils.if_unlikely(builder, status.is_error):
            convention.return_status_propagate(builder, status)
    return context.get_dummy_value()


def _at(typing_context: Any, place: Any) -> Any:
    """The users at an `address`."""
    return _Users("Users")(types.int64), lambda context, builder, sig, arguments: arguments[0]


at: Any = intrinsic(_at)
"""`_at`, in compiled code."""
