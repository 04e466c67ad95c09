"""Plain values out of a pickle: dict, list, tuple, text, numbers, numpy arrays and scalars, and nothing else.

A pickle is a program: it imports names and calls them. It is looked through first (`pickletools.genops` calls nothing),
so that only opcodes of plain values are run, by Python's Unpickler. The few names that numpy's pickles need are not
imported: stand-ins of ours are called in their place, which check arguments and sizes before they make anything.
"""

import io
import math
import pickle
import pickletools
import re
from collections.abc import Callable
from typing import Any

import numpy as np


class PickleRefused(ValueError):
    """The pickle is damaged or holds more than plain values; the message says which."""


_OPCODES = {
    *("INT", "LONG", "LONG1", "LONG4", "BININT", "BININT1", "BININT2", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "NONE", "NEWTRUE", "NEWFALSE"),
    *("EMPTY_DICT", "EMPTY_LIST", "EMPTY_TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "TUPLE", "LIST", "DICT"),
    *("APPEND", "APPENDS", "SETITEM", "SETITEMS", "MARK", "GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD"),
    *("PUT", "BINPUT", "LONG_BINPUT", "GET", "BINGET", "LONG_BINGET", "MEMOIZE", "PROTO", "FRAME", "STOP"),
}
_PUTS = ("PUT", "BINPUT", "LONG_BINPUT")

_ARRAY, _SCALAR, _DTYPE, _ENCODE = "numpy array", "numpy scalar", "numpy dtype", "bytes"
_NAMES = {
    "numpy.core.multiarray _reconstruct": _ARRAY,
    "numpy._core.multiarray _reconstruct": _ARRAY,
    "numpy.core.multiarray scalar": _SCALAR,
    "numpy._core.multiarray scalar": _SCALAR,
    "numpy dtype": _DTYPE,
    "numpy ndarray": "numpy ndarray",
    "_codecs encode": _ENCODE,
    "__builtin__ bytes": _ENCODE,
}
"""Names that may occur -> what a call of them makes. The last two are how old protocols write bytes."""

_DTYPES = re.compile(r"[iu][1248]|f[248]|b1|O8?|[US][1-9]\d{0,4}")
"""Boolean, whole and floating-point numbers, texts, and Python's objects."""
_DEEPEST = 32
_MOST = 4 * 2**20
"""Values and bytes of all arrays and scalars of one pickle, and its opcodes; the largest official one needs 6.5 %."""
_FOR_AN_OPCODE = 8
"""An opcode of one byte makes a list of 56."""
_MOST_FOR_A_BYTE = 16
"""And for each byte of the pickle: one value in eight dimensions takes 9, and only what is used twice takes more."""
_KEYS = (str, int, float, bytes, bool)
_DAMAGED = (
    *(pickle.UnpicklingError, ValueError, TypeError, LookupError, AttributeError, EOFError),
    *(OverflowError, MemoryError),
)

Spend = Callable[[int], None]
"""Called with a number of values or bytes before they are made: a pickle can make any number of arrays from one text,
so that a limit for each would be none."""


def read_plain_pickle(data: bytes) -> Any:
    """The value that a pickle describes; arrays become Python values (0-dimensional ones the value itself).

    Raises:
        PickleRefused: it names something other than plain values, refers to itself, unpacks to far more than its
            own size, or is damaged.
    """
    spend = _budget(min(_MOST, 1000 + _MOST_FOR_A_BYTE * len(data)))
    try:
        entries = _looked_through(data, spend)
        value = _Unpickler(data, spend).load()
    except PickleRefused:
        raise
    except TypeError as error:
        raise PickleRefused(f"damaged (something is in the wrong place: {error})") from None
    except _DAMAGED as error:
        raise PickleRefused(f"damaged ({error})") from None
    done: dict[int, Any] = {}
    plain = _plain(value, (), done)
    dicts = {id(found): found for found in done.values() if isinstance(found, dict)}
    if entries != sum(map(len, dicts.values())):
        raise PickleRefused("a dict has the same key twice")
    return plain


def _budget(left: int) -> Spend:
    def spend(amount: int) -> None:
        nonlocal left
        left -= amount
        if left < 0:
            raise PickleRefused("it unpacks to more than labels can have")

    return spend


def _looked_through(data: bytes, spend: Spend) -> int:
    """Refuse what plain values do not need, before anything is run; gives the number of entries of all dicts."""
    depth, entries = 0, 0
    marks: list[int] = []
    for number, (opcode, argument, _) in enumerate(pickletools.genops(data)):
        spend(_FOR_AN_OPCODE)
        if opcode.name not in _OPCODES:
            raise PickleRefused(f"it has opcode {opcode.name}, which plain values do not need")
        if opcode.name in _PUTS and int(argument or 0) > number:  # Unpickler would make room for so many.
            raise PickleRefused(
                f"damaged (opcode {number} stores a value under the number {argument}, which is too high)"
            )
        needed = len(opcode.stack_before)
        if pickletools.markobject in opcode.stack_before:
            mark = marks.pop()
            entries += (depth - mark - 1) // 2 if opcode.name in ("DICT", "SETITEMS") else 0
            needed, depth = opcode.stack_before.index(pickletools.markobject), mark
        entries += opcode.name == "SETITEM"
        depth += len(opcode.stack_after) - needed
        if opcode.name == "MARK":
            marks.append(depth - 1)
    return entries


class _Unpickler(pickle.Unpickler):
    """Python's, which gets our stand-ins for the names that it asks for."""

    def __init__(self, data: bytes, spend: Spend):
        super().__init__(io.BytesIO(data), fix_imports=False, encoding="latin-1")
        self._spend = spend

    def find_class(self, module: str, name: str) -> Any:
        """A stand-in; nothing is imported."""
        kind = _NAMES.get(f"{module} {name}")
        if kind is None:
            raise PickleRefused(f"it names {f'{module}.{name}'[:120]!r}, which plain values do not need")
        return _Name(kind, self._spend)


class _StandIn:
    """What may be nowhere in the result."""

    def __setstate__(self, state: Any) -> None:
        raise PickleRefused(f"damaged (a {type(self).__name__.strip('_')} in the wrong place)")


class _Name(_StandIn):
    """What replaces a name: a call does what numpy's constructors, and the old way to write bytes, would do."""

    def __init__(self, kind: str, spend: Spend):
        self._kind = kind
        self._spend = spend

    def __call__(self, *values: Any) -> Any:
        if self._kind == _ARRAY:
            return _Array(self._spend)
        if self._kind == _DTYPE and values and isinstance(values[0], str) and _DTYPES.fullmatch(values[0]):
            return _DType(values[0])
        if self._kind == _SCALAR and len(values) == 2:
            return _typed(values[0], _DType).read(values[1], 1, self._spend)[0].item()
        if self._kind == _ENCODE and (not values or isinstance(values[0], str)):
            self._spend(len(values[0]) if values else 0)
            return values[0].encode("latin-1") if values else b""
        raise PickleRefused(f"it makes {self._kind} from arguments that are not plain values")


class _DType(_StandIn):
    """`i4` and the like, and the byte order that is told afterwards."""

    def __init__(self, kind: str):
        self.kind = kind
        self._order = "="

    def __setstate__(self, state: Any) -> None:
        """(version, byte order, ...)."""
        order = _typed(_typed(state, tuple)[1], str)
        self._order = order if order in ("<", ">") else "="

    def read(self, content: Any, number: int, spend: Spend) -> np.ndarray:
        """So many values from bytes."""
        spend(len(_typed(content, (bytes, str))))
        if isinstance(content, str):  # bytes of Python 2
            content = content.encode("latin-1")
        if self.kind.startswith("O"):
            raise PickleRefused("it gives bytes where an array of objects needs a list")
        values = np.dtype(self._order + self.kind)
        if len(content) != number * values.itemsize:
            raise PickleRefused("it has an array whose bytes do not fit its shape")
        return np.frombuffer(content, values)


class _Array(_StandIn):
    """An array whose content is told after its creation."""

    def __init__(self, spend: Spend):
        self._spend = spend
        self.value: Any = None

    def __setstate__(self, state: Any) -> None:
        """(version, shape, dtype, is in Fortran's order, content)."""
        _, shape, dtype, is_fortran, content = _typed(state, tuple)
        # True is a whole number to Python, but not to numpy.
        if not all(type(size) is int and size >= 0 for size in _typed(shape, tuple)) or len(shape) > 8:
            raise PickleRefused("it has an array of an impossible shape")
        self._spend(math.prod(max(size, 1) for size in shape) * max(len(shape), 1))
        number = math.prod(shape)
        if _typed(dtype, _DType).kind.startswith("O"):
            values = np.empty(number, dtype=object)
            if len(_typed(content, list)) != number:
                raise PickleRefused("it has an array whose content does not fit its shape")
            for position, item in enumerate(content):  # Assigned at once, numpy would take lists apart.
                values[position] = item
        else:
            values = dtype.read(content, number, self._spend)
        self.value = values.reshape(shape, order="F" if is_fortran else "C").tolist()


def _typed(value: Any, kind: type | tuple[type, ...]) -> Any:
    if not isinstance(value, kind):
        raise PickleRefused(f"damaged (a {type(value).__name__.strip('_')} in the wrong place)")
    return value


def _plain(value: Any, outer: tuple[int, ...], done: dict[int, Any]) -> Any:
    """Arrays replaced by their content; what is shared stays shared, or a small file could grow without bounds."""
    if isinstance(value, _Name | _DType):
        raise PickleRefused("it has a name where a value belongs")
    if not isinstance(value, dict | list | tuple | _Array):
        return value
    if id(value) in done:
        return done[id(value)]
    if id(value) in outer or len(outer) > _DEEPEST:
        raise PickleRefused(f"it is nested more than {_DEEPEST} levels deep, or within itself")
    inside = (*outer, id(value))
    if isinstance(value, _Array):
        plain = _plain(value.value, inside, done)
    elif isinstance(value, dict):
        plain = {_typed(key, _KEYS): _plain(item, inside, done) for key, item in value.items()}
    else:
        plain = type(value)(_plain(item, inside, done) for item in value)
    done[id(value)] = plain
    return plain
