"""Records as compiled code passes them: by one pointer, however much is nested in them.

By value a record (a named tuple of arrays, or of such records) is hundreds of numbers in every
call, which takes minutes to compile. Here it is written to the stack once, in whoever calls
`by_reference`; what is nested in it is a place in the same memory, so reading `w.liquidators.terms`
costs what reading `w.terms` does.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numba
from numba.core import cgutils, types
from numba.core.datamodel import models
from numba.core.imputils import impl_ret_borrowed, lower_getattr_generic
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import intrinsic, register_model
from numba.np.arrayobj import make_array


class _Reference(types.Type):
    """The type of a pointer to a record."""

    def __init__(self, record: Any) -> None:
        self.record = record
        # The name is part of every symbol: not all the fields in it.
        super().__init__(f"Reference{hashlib.sha256(str(record).encode()).hexdigest()[:8]}")

    @property
    def key(self) -> Any:
        return self.record


@register_model(_Reference)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, reference: Any) -> None:
        values = manager.lookup(reference.record).get_value_type()
        super().__init__(manager, reference, values.as_pointer())


@infer_getattr
class _Fields(AttributeTemplate):
    key = _Reference

    def generic_resolve(self, reference: Any, name: str) -> Any:  # type: ignore[override]
        if name not in reference.record.fields:
            return None  # numba says that there is no such attribute
        kind = _kind(reference, name)
        return _Reference(kind) if _is_record(kind) else kind


@lower_getattr_generic(_Reference)  # type: ignore[untyped-decorator]
def _field(context: Any, builder: Any, reference: Any, pointer: Any, name: str) -> Any:
    kind = _kind(reference, name)
    place = cgutils.gep_inbounds(builder, pointer, 0, reference.record.fields.index(name))
    if _is_record(kind):
        return place
    return impl_ret_borrowed(context, builder, kind, builder.load(place))


def _kind(reference: Any, name: str) -> Any:
    return reference.record.types[reference.record.fields.index(name)]


def _is_record(kind: Any) -> bool:
    return isinstance(kind, types.BaseNamedTuple)


def _by_reference(typing_context: Any, record: Any) -> Any:
    """A record whose arrays the caller keeps alive, as a pointer to it: until the caller returns.

    Arrays are without their reference counts, which cost an atomic operation wherever an array is
    touched, several times the arithmetic.
    """

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        (kind,), (value,) = signature.args, arguments
        return cgutils.alloca_once_value(builder, _borrowed(context, builder, kind, value))

    return _Reference(record)(record), codegen


def _borrowed(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    if _is_record(kind):
        for n, of in enumerate(kind.types):
            member = _borrowed(context, builder, of, builder.extract_value(value, n))
            value = builder.insert_value(value, member, n)
        return value
    array = make_array(kind)(context, builder, value)
    array.meminfo = cgutils.get_null_value(array.meminfo.type)
    return array._getvalue()


def reference(record: Any) -> Any:
    """The type of a pointer to this record, as compiled code passes it on."""
    return _Reference(numba.typeof(record))


by_reference: Any = intrinsic(_by_reference)
"""`_by_reference`, in compiled code."""
