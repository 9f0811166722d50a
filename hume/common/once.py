"""What several threads read is computed once: properties of an object, and objects that are shared while in use."""

import functools
import threading
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from weakref import WeakValueDictionary

__all__ = ["InUse", "once"]

T = TypeVar("T")

if TYPE_CHECKING:
    from functools import cached_property as once  # which type checkers know
else:

    class once(functools.cached_property):  # noqa: N801 - a decorator, as `property` is
        """`functools.cached_property` for objects that several tabs read at the same time.

        Python 3.11's makes all objects of a class wait while one computes; since 3.12 every thread computes by itself.
        """

        def __get__(self, instance: Any, owner: type[Any] | None = None) -> Any:
            if instance is None:
                return self
            values, name = instance.__dict__, self.attrname
            with values.setdefault(f"{name} computed", threading.RLock()):
                try:
                    if name not in values:
                        values[name] = self.func(instance)
                finally:
                    values.pop(f"{name} computed", None)  # so that the object can be pickled
            return values[name]


class InUse(Generic[T]):
    """Objects by what they were made from, each for as long as somebody holds it."""

    def __init__(self) -> None:
        self._known: WeakValueDictionary[Hashable, T] = WeakValueDictionary()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The object of a key, made where nobody holds it."""
        known = self._known.get(key)
        return known if known is not None else self._known.setdefault(key, make())
