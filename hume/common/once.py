"""A property that is computed by the first thread that reads it, while others wait for it."""

import functools
import threading
from typing import TYPE_CHECKING, Any

__all__ = ["once"]

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
