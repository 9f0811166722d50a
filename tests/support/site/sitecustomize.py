"""For servers and commands that tests start: Python imports this by itself when its folder is on PYTHONPATH."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))
import torchvision_here  # noqa: F401
