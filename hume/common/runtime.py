"""Process settings for thread waiting and memory; measured in docs/performance.md.

Programs call `configure` before torch is loaded; importing the library changes nothing. Existing environment
variables take precedence.

Waiting threads spin for some microseconds and then sleep: longer spinning is faster only on an otherwise idle
machine. Read by OpenMP (the second by GNU's) when torch is loaded.

Freed memory stays with the process: every iteration of the search frees and allocates the same tensors, and
a third of its time went into pages that the system reclaimed and cleared in between. Applies to glibc only.
"""

import ctypes
import os
import warnings

# mallopt's parameters: one arena for all threads, bytes kept at its top, and the largest allocation in it.
MALLOC_OPTIONS = {
    "MALLOC_ARENA_MAX": (-8, 1),
    "MALLOC_TRIM_THRESHOLD_": (-1, 2**29),
    "MALLOC_MMAP_THRESHOLD_": (-3, 2**25),
}


def configure() -> None:
    """Set how threads wait and memory is reused in this process; call before torch is loaded.

    What pillow finds odd in a picture is not printed: an import says which pictures it could not use.
    """
    warnings.filterwarnings("ignore", module="PIL")
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is not None and not any(name in os.environ for name in MALLOC_OPTIONS):
        for parameter, value in MALLOC_OPTIONS.values():
            mallopt(parameter, value)
