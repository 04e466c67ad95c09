"""Plain values out of a pickle that is never executed: dict, list, tuple, text, numbers, numpy arrays and scalars.

A pickle is a program: it imports names and calls them. Here the opcodes are only read (`pickletools.genops` calls
nothing), and the few that plain values consist of are understood. What numpy writes is recognised by its names and
rebuilt here; every other name is refused. An Unpickler that allows numpy's names alone would be shorter, but it would
still call numpy's C code with arguments and states of the file's choosing.
"""

import math
import pickletools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


class PickleRefused(ValueError):
    """The pickle is damaged, or more than plain values; says which."""


_VALUES = (
    *("INT", "LONG", "LONG1", "LONG4", "BININT", "BININT1", "BININT2", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
)
"""Opcodes whose argument is the value."""
_NEW: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_PUTS, _GETS = ("PUT", "BINPUT", "LONG_BINPUT"), ("GET", "BINGET", "LONG_BINGET")
_NOTHING = ("PROTO", "FRAME", "STOP")

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
"""Names that may occur -> what a call of them stands for. The last two are how old protocols write bytes."""

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


@dataclass(frozen=True)
class _Name:
    text: str


@dataclass
class _DType:
    """`i4` and the like, and the byte order that is told afterwards."""

    kind: str
    order: str = "="


@dataclass
class _Array:
    """An array whose content is told after its creation."""

    value: Any = None


class _Mark:
    """Where the items of a list, dict or tuple begin on the stack."""


def read_plain_pickle(data: bytes) -> Any:
    """The value that a pickle describes; arrays become Python values (0-dimensional ones the value itself).

    Raises:
        PickleRefused: it names something other than plain values, refers to itself, unpacks to far more than its
            own size, or is damaged.
    """
    reader = _Reader(min(_MOST, 1000 + _MOST_FOR_A_BYTE * len(data)))
    try:
        for opcode, argument, _ in pickletools.genops(data):
            reader.spend(_FOR_AN_OPCODE)
            reader.take(opcode.name, argument)
        value = reader.pop()
    except PickleRefused:
        raise
    except (ValueError, TypeError, IndexError, KeyError, OverflowError, MemoryError) as error:
        raise PickleRefused(f"damaged ({error})") from None
    return _plain(value, (), {})


class _Reader:
    """The stack and memo of the pickle format.

    Args:
        budget: values and bytes that all arrays, scalars and encoded texts may have together. A pickle can make any
            number of arrays from one text, so that a limit for each would be none.
    """

    def __init__(self, budget: int) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self._budget = budget

    def spend(self, amount: int) -> None:
        """Before anything of this size is made."""
        self._budget -= amount
        if self._budget < 0:
            raise PickleRefused("it unpacks to more than labels can have")

    def take(self, name: str, argument: Any) -> None:
        """One opcode."""
        if name in _VALUES:
            self.stack.append(argument)
        elif name in _NEW:
            self.stack.append(_NEW[name]())
        elif name in _TUPLES:
            self.stack.append(tuple(reversed([self.pop() for _ in range(_TUPLES[name])])))
        elif name in _PUTS or name == "MEMOIZE":
            self.memo[len(self.memo) if name == "MEMOIZE" else argument] = self.stack[-1]
        elif name in _GETS:
            self.stack.append(self.memo[argument])
        elif name == "MARK":
            self.stack.append(_Mark)
        elif name in _COLLECTIONS:
            _COLLECTIONS[name](self)
        elif name in ("GLOBAL", "STACK_GLOBAL"):
            self.stack.append(_allowed(argument if name == "GLOBAL" else self._two_names()))
        elif name == "REDUCE":
            arguments, called = self.pop(), self.pop()
            self.stack.append(_call(called, arguments, self.spend))
        elif name == "BUILD":
            state, subject = self.pop(), self.stack[-1]
            _build(subject, state, self.spend)
        elif name not in _NOTHING:
            raise PickleRefused(f"opcode {name} is not needed for plain values")

    def pop(self) -> Any:
        """The uppermost value."""
        value = self.stack.pop()
        if value is _Mark:
            raise PickleRefused("damaged (a mark where a value belongs)")
        return value

    def items(self) -> list[Any]:
        """The values above the last mark."""
        found: list[Any] = []
        while (value := self.stack.pop()) is not _Mark:
            found.append(value)
        return found[::-1]

    def extend(self, values: list[Any]) -> None:
        """APPEND, APPENDS."""
        _typed(self.stack[-1], list).extend(values)

    def update(self, values: list[Any]) -> None:
        """SETITEM, SETITEMS, DICT: keys and values in turn."""
        target = _typed(self.stack[-1], dict)
        for key, value in zip(values[::2], values[1::2], strict=True):
            if _typed(key, _KEYS) in target:
                raise PickleRefused(f"{str(key)[:80]!r} is there twice")
            target[key] = value

    def new_dict(self, values: list[Any]) -> None:
        """DICT of the oldest protocol."""
        self.stack.append({})
        self.update(values)

    def _two_names(self) -> str:
        name, module = _typed(self.pop(), str), _typed(self.pop(), str)
        return f"{module} {name}"


_COLLECTIONS: dict[str, Callable[[_Reader], None]] = {
    "TUPLE": lambda reader: reader.stack.append(tuple(reader.items())),
    "LIST": lambda reader: reader.stack.append(reader.items()),
    "DICT": lambda reader: reader.new_dict(reader.items()),
    "APPEND": lambda reader: reader.extend([reader.pop()]),
    "APPENDS": lambda reader: reader.extend(reader.items()),
    "SETITEM": lambda reader: reader.update([reader.pop(), reader.pop()][::-1]),
    "SETITEMS": lambda reader: reader.update(reader.items()),
}


def _typed(value: Any, kind: type | tuple[type, ...]) -> Any:
    if not isinstance(value, kind):
        raise PickleRefused(f"damaged (a {type(value).__name__.strip('_')} in the wrong place)")
    return value


def _allowed(name: str) -> _Name:
    if name not in _NAMES:
        raise PickleRefused(f"it names {name.replace(' ', '.')[:120]!r}, which plain values do not need")
    return _Name(_NAMES[name])


def _call(called: Any, arguments: Any, spend: Callable[[int], None]) -> Any:
    """What numpy's three constructors, and the old way to write bytes, would give."""
    kind, values = _typed(called, _Name).text, _typed(arguments, tuple)
    if kind == _ARRAY:
        return _Array()
    if kind == _DTYPE and values and isinstance(values[0], str) and _DTYPES.fullmatch(values[0]):
        return _DType(values[0])
    if kind == _SCALAR and len(values) == 2:
        return _from_bytes(_typed(values[0], _DType), values[1], 1, spend)[0].item()
    if kind == _ENCODE and (not values or isinstance(values[0], str)):
        spend(len(values[0]) if values else 0)
        return values[0].encode("latin-1") if values else b""
    raise PickleRefused(f"{kind} with arguments that are not plain")


def _build(subject: Any, state: Any, spend: Callable[[int], None]) -> None:
    """Array: (version, shape, dtype, is in Fortran's order, content); dtype: (version, byte order, ...)."""
    parts = _typed(state, tuple)
    if isinstance(subject, _DType):
        subject.order = _typed(parts[1], str)
        return
    array = _typed(subject, _Array)
    _, shape, dtype, is_fortran, content = parts
    _check_shape(shape)
    spend(math.prod(max(size, 1) for size in shape) * max(len(shape), 1))
    number = math.prod(shape)
    if _typed(dtype, _DType).kind.startswith("O"):
        values = np.empty(number, dtype=object)
        if len(_typed(content, list)) != number:
            raise PickleRefused("an array whose content does not fit its shape")
        for position, item in enumerate(content):  # Assigned at once, numpy would take lists apart.
            values[position] = item
    else:
        values = _from_bytes(dtype, content, number, spend)
    array.value = values.reshape(shape, order="F" if is_fortran else "C").tolist()


def _check_shape(shape: Any) -> None:
    """Whole numbers; True is one to Python, but not to numpy."""
    if not all(type(size) is int and size >= 0 for size in _typed(shape, tuple)) or len(shape) > 8:
        raise PickleRefused("an array of an impossible shape")


def _from_bytes(dtype: _DType, content: Any, number: int, spend: Callable[[int], None]) -> np.ndarray:
    spend(len(_typed(content, (bytes, str))))
    if isinstance(content, str):  # bytes of Python 2
        content = content.encode("latin-1")
    order = dtype.order if dtype.order in ("<", ">") else "="
    if dtype.kind.startswith("O"):
        raise PickleRefused("bytes of an object")
    values = np.dtype(order + dtype.kind)
    if len(_typed(content, bytes)) != number * values.itemsize or not values.itemsize:
        raise PickleRefused("an array whose bytes do not fit its shape")
    return np.frombuffer(content, values)


def _plain(value: Any, outer: tuple[int, ...], done: dict[int, Any]) -> Any:
    """Arrays replaced by their content; what is shared stays shared, or a small file could grow without bounds."""
    if isinstance(value, _Name | _DType) or value is _Mark:
        raise PickleRefused("a name where a value belongs")
    if not isinstance(value, dict | list | tuple | _Array):
        return value
    if id(value) in done:
        return done[id(value)]
    if id(value) in outer or len(outer) > _DEEPEST:
        raise PickleRefused("it is nested too deep, or within itself")
    inside = (*outer, id(value))
    if isinstance(value, _Array):
        plain = _plain(value.value, inside, done)
    elif isinstance(value, dict):
        plain = {key: _plain(item, inside, done) for key, item in value.items()}
    else:
        plain = type(value)(_plain(item, inside, done) for item in value)
    done[id(value)] = plain
    return plain
