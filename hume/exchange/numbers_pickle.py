"""Read a pickle of numbers without unpickling it.

A pickle is a program, and Python's unpickler calls whatever that program names. Here the program is only parsed
(`pickletools.genops` executes nothing) and a small machine carries out the few instructions that numbers, strings and
containers need. No object named by the file is ever looked up: the six names that numpy's own pickles use stand for
code in this module, every other name is refused.
"""

import math
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
_MARK = object()

# numpy 1.x pickles say numpy.core, numpy 2.x pickles numpy._core.
_GLOBALS = {
    "_codecs encode": "encode",
    "numpy dtype": "dtype",
    "numpy ndarray": "ndarray",
    **{f"numpy.{core}.multiarray scalar": "scalar" for core in ("core", "_core")},
    **{f"numpy.{core}.multiarray _reconstruct": "reconstruct" for core in ("core", "_core")},
    **{f"numpy.{core}.numeric _frombuffer": "frombuffer" for core in ("core", "_core")},
}


def read_numbers(path: Path, max_bytes: int = 2**20) -> object:
    """Load what the pickle at `path` holds if it is only numbers, strings, None and dicts, lists, tuples of them.

    numpy scalars come back as Python numbers, numpy arrays of real numbers as nested lists. Keys of dicts may be
    anything hashable among these. Every container in the result is fresh: shared ones are copied, cycles are refused.

    Errors: `RunError` in every other case: no such file, more than `max_bytes` bytes, not a pickle, truncated, nested
    deeper than 100 containers, unfolding into millions of values, or naming any other global, an extension code or a
    persistent id. Nothing in the file has run by then.

    Source: the instruction set is documented in the standard library's `pickletools`.
    """
    path = Path(path)
    data = _read_bytes(path, max_bytes)
    try:
        return _Machine().run(data)
    except _RefusedError as refusal:
        raise RunError(f"{path} {refusal}, so it was not loaded: only numbers and strings were expected") from None
    # The bytes may be hostile or cut anywhere, and whichever check they trip over, the news is the same.
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
    """The file is a pickle, but holds what must not be loaded; the message continues a sentence."""


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


class _Machine:
    """The stack, the memo and the instructions of one pickle."""

    def __init__(self) -> None:
        self.stack: list[object] = []
        self.memo: dict[int, object] = {}
        self.cost = 0

    def run(self, data: bytes) -> object:
        for instruction, argument, _ in pickletools.genops(data):
            if instruction.name == "STOP":
                break
            handler = _HANDLERS.get(instruction.name)
            if handler is None:
                detail = "" if argument is None else f" {reprlib.repr(argument)}"
                _refuse(f"uses the pickle instruction {instruction.name}{detail}")
            handler(self, argument)
        return self.plain(self.stack.pop(), 0)

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

    # Instructions

    def push(self, value: object) -> None:
        self.stack.append(value)

    def drop(self) -> None:
        self.stack.pop()

    def drop_to_mark(self) -> None:
        self.since_mark()

    def since_mark(self) -> list[object]:
        """Pop everything above the last mark, and the mark."""
        items: list[object] = []
        while (value := self.stack.pop()) is not _MARK:
            items.append(value)
        return items[::-1]

    def push_tuple(self, size: int) -> None:
        items = [self.stack.pop() for _ in range(size)]
        self.push(tuple(items[::-1]))

    def extend(self, items: list[object]) -> None:
        target = self.stack[-1]
        if not isinstance(target, list):
            raise TypeError("append to something that is not a list")
        target.extend(items)

    def set_items(self, items: list[object]) -> None:
        target = self.stack[-1]
        if not isinstance(target, _Mapping):
            raise TypeError("set items of something that is not a dict")
        target.pairs.extend(zip(items[::2], items[1::2], strict=True))

    def push_dict(self) -> None:
        items = self.since_mark()
        self.push(_Mapping())
        self.set_items(items)

    def push_global(self, name: str) -> None:
        """`name` is the module, a space, the name in it, as `pickletools` gives it."""
        if name not in _GLOBALS:
            _refuse(f"names the global {_shown(name)}")
        self.push(_Global(_GLOBALS[name]))

    def push_stack_global(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise TypeError("a global whose name is not a string")
        self.push_global(f"{module} {name}")

    def reduce(self) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if not isinstance(function, _Global):
            _refuse("calls something that is not a function")
        match function.name, arguments:
            case "encode", (str() as text, "latin1" | "latin-1"):
                self.push(self.raw(text))
            case "dtype", (str() as code, False | 0, True | 1):
                self.push(_DType(code))
            case "scalar", (_DType() as dtype, value):
                [number] = np.frombuffer(self.raw(value), dtype.numpy()).tolist()
                self.push(number)
            case "reconstruct", (_Global(name="ndarray"), (0,), _):
                self.push(_Array())
            case "frombuffer", (value, _DType() as dtype, tuple() as shape, "C" | "F" as order):
                self.push(_Array(self.raw(value), dtype, shape, order == "F"))
            case name, _:
                _refuse(f"calls numpy's {name} with arguments that numpy does not write")

    def build(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        match target, state:
            case _DType(), (3, str() as order, None, None, None, -1, -1, 0):
                target.order = order
            case _Array(raw=None), (1, tuple() as shape, _DType() as dtype, bool() as fortran, value):
                target.raw, target.dtype, target.shape, target.fortran = self.raw(value), dtype, shape, fortran
            case _:
                _refuse("sets the state of something that is not a numpy array of numbers")


def _shown(name: str) -> str:
    """`module.name` on one line and of bounded length, whatever the file put there."""
    module, _, attribute = name.rpartition(" ")
    return repr(f"{module}.{attribute}"[:80])[1:-1]


def _memoize(machine: _Machine, index: int | None) -> None:
    machine.memo[len(machine.memo) if index is None else index] = machine.stack[-1]


# INST, EXT and the persistent ids name what they want in their own ways; none is on the list.
def _refuse_instance(_: _Machine, name: str) -> None:
    _refuse(f"names the global {_shown(name)}")


def _refuse_extension(_: _Machine, code: int) -> None:
    _refuse(f"names a global by extension code {code}")


def _refuse_persistent(*_: object) -> None:
    _refuse("uses a persistent id")


# LONG4 is left out on purpose: no number here has more than 255 bytes.
_NUMBERS = ("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "FLOAT", "BINFLOAT")
_STRINGS = ("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "STRING", "SHORT_BINSTRING", "BINSTRING")
_BYTES = ("SHORT_BINBYTES", "BINBYTES", "BINBYTES8")

_HANDLERS: dict[str, Callable[[_Machine, Any], None]] = {
    "PROTO": lambda machine, _: None,
    "FRAME": lambda machine, _: None,
    **dict.fromkeys(_NUMBERS + _STRINGS + _BYTES, _Machine.push),
    "BYTEARRAY8": lambda machine, value: machine.push(bytes(value)),
    "NONE": lambda machine, _: machine.push(None),
    "NEWTRUE": lambda machine, _: machine.push(True),
    "NEWFALSE": lambda machine, _: machine.push(False),
    "MARK": lambda machine, _: machine.push(_MARK),
    "POP": lambda machine, _: machine.drop(),
    "POP_MARK": lambda machine, _: machine.drop_to_mark(),
    "DUP": lambda machine, _: machine.push(machine.stack[-1]),
    "EMPTY_TUPLE": lambda machine, _: machine.push(()),
    "TUPLE1": lambda machine, _: machine.push_tuple(1),
    "TUPLE2": lambda machine, _: machine.push_tuple(2),
    "TUPLE3": lambda machine, _: machine.push_tuple(3),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.since_mark())),
    "EMPTY_LIST": lambda machine, _: machine.push([]),
    "LIST": lambda machine, _: machine.push(machine.since_mark()),
    "APPEND": lambda machine, _: machine.extend([machine.stack.pop()]),
    "APPENDS": lambda machine, _: machine.extend(machine.since_mark()),
    "EMPTY_DICT": lambda machine, _: machine.push(_Mapping()),
    "DICT": lambda machine, _: machine.push_dict(),
    "SETITEM": lambda machine, _: machine.set_items([machine.stack.pop(), machine.stack.pop()][::-1]),
    "SETITEMS": lambda machine, _: machine.set_items(machine.since_mark()),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), _memoize),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), lambda machine, index: machine.push(machine.memo[index])),
    "GLOBAL": _Machine.push_global,
    "STACK_GLOBAL": lambda machine, _: machine.push_stack_global(),
    "REDUCE": lambda machine, _: machine.reduce(),
    "BUILD": lambda machine, _: machine.build(),
    "INST": _refuse_instance,
    **dict.fromkeys(("EXT1", "EXT2", "EXT4"), _refuse_extension),
    **dict.fromkeys(("PERSID", "BINPERSID"), _refuse_persistent),
}
