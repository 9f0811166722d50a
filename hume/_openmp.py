"""Threads that wait for each other sleep instead of spinning; read by OpenMP when torch is loaded.

Spinning is faster only on a machine that does nothing else. Beside a browser, a page server
and a map that is being made, it was measured seven times slower: docs/performance.md.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
