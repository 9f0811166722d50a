"""How a program of this project waits and gets its memory; measured in docs/performance.md.

For programs, which call `configure` before torch is loaded; importing the library changes nothing. What the environment
sets already is left as it is.

Threads that wait for each other spin for some microseconds and then sleep: longer spinning is faster only on a
machine that does nothing else. Read by OpenMP (the second by GNU's) when torch is loaded.

Memory that is freed stays with the process: an iteration of the search frees and asks for the same tensors again, and
a third of its time went into pages that the system took away and cleared in between. Known to glibc only.
"""

import ctypes
import os

# mallopt's parameters: one place for all threads, what is kept at its end, and tensors up to this size in it.
KEEPING = {"MALLOC_ARENA_MAX": (-8, 1), "MALLOC_TRIM_THRESHOLD_": (-1, 2**29), "MALLOC_MMAP_THRESHOLD_": (-3, 2**25)}


def configure() -> None:
    """Set how threads wait and how memory is kept in this process; before torch is loaded."""
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is not None and not any(name in os.environ for name in KEEPING):
        for parameter, value in KEEPING.values():
            mallopt(parameter, value)
