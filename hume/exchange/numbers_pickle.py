"""Read a pickle of numbers without running its code.

A pickle is a program, and Python's unpickler calls whatever that program names. This one is Python's own with an
allow-list of instructions and of names: the names that numpy's pickles use stand for code in this module, so that
nothing a file names is ever imported, called or hashed.
"""

import io
import math
import pickle
import pickletools
import re
import reprlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, cast

import numpy as np

from hume.common.errors import RunError

_MAX_DEPTH = 100
# A pickle repeats an object in two bytes, so a small file can unfold into a huge value: this bounds what it costs.
_MAX_COST = 2**21

# numpy 1.x pickles say numpy.core, numpy 2.x pickles numpy._core.
_GLOBALS = {
    "_codecs encode": "encode",
    "numpy dtype": "dtype",
    "numpy ndarray": "ndarray",
    **{f"numpy.{core}.multiarray scalar": "scalar" for core in ("core", "_core")},
    **{f"numpy.{core}.multiarray _reconstruct": "reconstruct" for core in ("core", "_core")},
    **{f"numpy.{core}.numeric _frombuffer": "frombuffer" for core in ("core", "_core")},
}

# LONG4 is left out on purpose: no number here has more than 255 bytes.
_NUMBERS = ("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "FLOAT", "BINFLOAT", "NONE", "NEWTRUE", "NEWFALSE")
_STRINGS = ("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "STRING", "SHORT_BINSTRING", "BINSTRING")
_BYTES = ("SHORT_BINBYTES", "BINBYTES", "BINBYTES8")
_CONTAINERS = ("EMPTY_TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "TUPLE", "EMPTY_LIST", "LIST", "APPEND", "APPENDS")
_ITEMS = ("SETITEM", "SETITEMS")
_MEMO = ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE", "GET", "BINGET", "LONG_BINGET")
_STACK = ("PROTO", "FRAME", "STOP", "MARK", "POP", "POP_MARK", "DUP")
_NAMES = ("GLOBAL", "STACK_GLOBAL", "INST", "EXT1", "EXT2", "EXT4", "PERSID", "BINPERSID")  # each checks its name
_ALLOWED = {*_NUMBERS, *_STRINGS, *_BYTES, *_CONTAINERS, *_ITEMS, *_MEMO, *_STACK, *_NAMES}


def read_numbers(path: Path, max_bytes: int = 2**20) -> object:
    """Load the pickle at `path` if it has only numbers, strings, None and dicts, lists, tuples of them.

    numpy scalars come back as Python numbers, numpy arrays of real numbers as nested lists. Keys of dicts may be
    anything hashable among these. Every container in the result is fresh: shared ones are copied, cycles are refused.

    Errors: `RunError` in every other case: no such file, more than `max_bytes` bytes, not a pickle, truncated, nested
    deeper than 100 containers, unfolding into millions of values, or naming any other global, an extension code or a
    persistent id. Nothing in the file has run by then.

    Source: "Restricting Globals" in the documentation of Python's pickle.
    """
    path = Path(path)
    data = _read_bytes(path, max_bytes)
    try:
        return _NumbersUnpickler(io.BytesIO(data), encoding="latin1").load()
    except _RefusedError as refusal:
        raise RunError(f"{path} {refusal}, so it was not loaded: only numbers and strings were expected") from None
    # The bytes may be hostile or cut anywhere; every failing check gives the same message.
    except Exception as error:
        raise RunError(f"{path} is not a complete pickle of numbers: it is damaged or another kind of file") from error


def _read_bytes(path: Path, max_bytes: int) -> bytes:
    if not path.is_file():
        raise RunError(f"{path} is not a file: a pickle of numbers was expected there")
    try:
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > max_bytes:
        raise RunError(f"{path} is larger than {max_bytes} bytes, too large for a pickle of a few numbers")
    return data


class _RefusedError(Exception):
    """The file is a pickle with content that must not be loaded; the message continues a sentence."""


def _refuse(phrase: str) -> NoReturn:
    raise _RefusedError(phrase)


@dataclass(eq=False, slots=True)
class _Global:
    """A name from `_GLOBALS`; nothing of that name is ever imported."""

    name: str


@dataclass(eq=False, slots=True)
class _Mapping:
    """A dict as pairs: hashing waits until the nesting is known to be shallow."""

    pairs: list[tuple[object, object]] = field(default_factory=list)

    def __setitem__(self, key: object, value: object) -> None:
        self.pairs.append((key, value))


@dataclass(eq=False, slots=True)
class _DType:
    code: str
    order: str = "<"

    def numpy(self) -> np.dtype[np.generic]:
        if not re.fullmatch("[<>|=][biuf][1248]", self.order + self.code):
            _refuse(f"holds numpy values of type {reprlib.repr(self.code)}")
        return np.dtype(self.order + self.code)


@dataclass(eq=False, slots=True)
class _Array:
    """An array as bytes: lists are made once, at the end, when their cost can be counted."""

    raw: bytes | None = None
    dtype: _DType | None = None
    shape: tuple[object, ...] = ()
    fortran: bool = False


class _Instructions(dict[int, Callable[[Any], None]]):
    """Those of the unpickler's instructions that numbers, strings and containers need."""

    def __missing__(self, code: int) -> NoReturn:
        name = next(op.name for op in pickletools.opcodes if ord(op.code) == code)
        _refuse(f"uses the pickle instruction {name}")


class _NumbersUnpickler(pickle._Unpickler):
    """Python's unpickler in Python: the compiled one allocates by what a file claims and hashes keys as it goes."""

    stack: list[Any]
    append: Callable[[object], None]
    pop_mark: Callable[[], list[Any]]
    read: Callable[[int], bytes]
    dispatch = _Instructions(
        {ord(op.code): pickle._Unpickler.dispatch[ord(op.code)] for op in pickletools.opcodes if op.name in _ALLOWED}
    )
    cost = 0

    def load(self) -> object:
        return self.plain(super().load(), 0)

    def charge(self, cost: int) -> None:
        self.cost += cost
        if self.cost > _MAX_COST:
            _refuse("unfolds into too many values")

    def plain(self, value: object, depth: int) -> object:
        """A fresh copy of `value` in Python's own types; a cycle shows as endless depth."""
        self.charge(1)
        if depth > _MAX_DEPTH:
            _refuse(f"nests deeper than {_MAX_DEPTH} containers")
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if isinstance(value, list):
            return [self.plain(item, depth + 1) for item in value]
        if isinstance(value, tuple):
            return tuple(self.plain(item, depth + 1) for item in value)
        if isinstance(value, _Mapping):
            return {self.plain(key, depth + 1): self.plain(item, depth + 1) for key, item in value.pairs}
        if isinstance(value, _Array):
            return self.array(value)
        kind = f"the name {value.name}" if isinstance(value, _Global) else type(value).__name__.strip("_")
        _refuse(f"holds a value that is not a number or a string ({kind})")

    def array(self, array: _Array) -> object:
        if array.raw is None or array.dtype is None:
            _refuse("holds an unfinished numpy array")
        if array.shape == (0,) and not array.raw:
            return []
        dtype = array.dtype.numpy()
        shape = tuple(size for size in array.shape if isinstance(size, int) and size > 0)
        if len(shape) != len(array.shape) or math.prod(shape) * dtype.itemsize != len(array.raw):
            _refuse("holds a numpy array whose shape does not fit its bytes")
        self.charge(len(array.raw) + len(shape))
        values = np.frombuffer(array.raw, dtype).reshape(shape, order="F" if array.fortran else "C")
        return cast(object, values.tolist())

    def raw(self, value: object) -> bytes:
        """Bytes of numpy data; Python 2 wrote them as a string."""
        if isinstance(value, bytes):
            return value
        if isinstance(value, str):
            self.charge(len(value))
            return value.encode("latin-1")
        _refuse("holds numpy values without their bytes")

    # Names

    def find_class(self, module: str, name: str) -> _Global:
        if (known := _GLOBALS.get(f"{module} {name}")) is None:
            _refuse(f"names the global {repr(f'{module}.{name}'[:80])[1:-1]}")
        return _Global(known)

    def get_extension(self, code: int) -> NoReturn:
        _refuse(f"names a global by extension code {code}")

    def persistent_load(self, pid: object) -> NoReturn:
        _refuse("uses a persistent id")

    # Instructions that make, call or set something

    def load_empty_dict(self) -> None:
        self.append(_Mapping())

    def load_dict(self) -> None:
        items = self.pop_mark()
        self.append(_Mapping(list(zip(items[::2], items[1::2], strict=True))))

    def load_bytearray(self) -> None:
        self.append(self.read(int.from_bytes(self.read(8), "little")))

    def load_reduce(self) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if not isinstance(function, _Global):
            _refuse("calls something that is not a function")
        match function.name, arguments:
            case "encode", (str() as text, "latin1" | "latin-1"):
                self.append(self.raw(text))
            case "dtype", (str() as code, False | 0, True | 1):
                self.append(_DType(code))
            case "scalar", (_DType() as dtype, value):
                [number] = np.frombuffer(self.raw(value), dtype.numpy()).tolist()
                self.append(number)
            case "reconstruct", (_Global(name="ndarray"), (0,), _):
                self.append(_Array())
            case "frombuffer", (value, _DType() as dtype, tuple() as shape, "C" | "F" as order):
                self.append(_Array(self.raw(value), dtype, shape, order == "F"))
            case name, _:
                _refuse(f"calls numpy's {name} with arguments that numpy does not write")

    def load_build(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        match target, state:
            case _DType(), (3, str() as order, None, None, None, -1, -1, 0):
                target.order = order
            case _Array(raw=None), (1, tuple() as shape, _DType() as dtype, bool() as fortran, value):
                target.raw, target.dtype, target.shape, target.fortran = self.raw(value), dtype, shape, fortran
            case _:
                _refuse("sets the state of something that is not a numpy array of numbers")

    dispatch.update(
        {
            pickle.EMPTY_DICT[0]: load_empty_dict,
            pickle.DICT[0]: load_dict,
            pickle.BYTEARRAY8[0]: load_bytearray,
            pickle.REDUCE[0]: load_reduce,
            pickle.BUILD[0]: load_build,
        }
    )
