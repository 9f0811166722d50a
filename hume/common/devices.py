"""Devices and their memory: which to use, how much is free, what fits.

torch is loaded by the functions that ask it: it takes a second, and much is done without it.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from hume.common.errors import InputError

if TYPE_CHECKING:
    import torch


def out_of_memory(error: BaseException) -> bool:
    """Whether an error means too little memory; torch often raises a plain RuntimeError for it."""
    messages = ("can't allocate memory", "not enough memory", "out of memory", "ALLOC_FAILED", "can't start new thread")
    known = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"  # torch's
    return known or (isinstance(error, RuntimeError) and any(message in str(error) for message in messages))


def choose_device(name: str) -> str:
    """Resolve auto, cpu or cuda to an available device; raises InputError when there is none."""
    if name not in ("auto", "cpu", "cuda"):
        raise InputError(f"there is no device {name!r}: choose auto, cpu or cuda")
    import torch

    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise InputError("this machine has no CUDA device that torch can use: choose auto or cpu")
    return "cuda" if available and name != "cpu" else "cpu"


def devices() -> list[str]:
    """The devices of this machine, the fastest first."""
    import torch

    return ["cuda", "cpu"] if torch.cuda.is_available() else ["cpu"]


def has_bfloat16(device: "torch.device | str") -> bool:
    """Whether a device multiplies matrices of bfloat16 by itself; no CPU is taken to."""
    if not str(device).startswith("cuda"):
        return False
    import torch

    return bool(torch.cuda.is_bf16_supported(including_emulation=False))


COMFORTABLE_SHARE = 0.5  # of the free memory that copies of spaces may take


def free_bytes(device: "torch.device | str") -> int:
    """The memory that is free on a device; on the CPU no more than the process may still map (`ulimit -v`)."""
    if str(device).startswith("cuda"):
        import torch

        reserved = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)  # torch reuses it
        return int(torch.cuda.mem_get_info(device)[0]) + reserved
    available = min(int(psutil.virtual_memory().available), _left_to_the_container())
    process = psutil.Process()
    if not hasattr(process, "rlimit"):  # only Linux has it
        return available
    limit = process.rlimit(psutil.RLIMIT_AS)[0]
    if limit == psutil.RLIM_INFINITY:
        return available
    return max(0, min(available, int(limit - process.memory_info().vms)))


def _left_to_the_container(group: Path = Path("/sys/fs/cgroup")) -> int:
    """The memory left by a container's limit, which the machine's figures ignore; without a limit, everything."""
    try:
        limit, used = ((group / name).read_text().strip() for name in ("memory.max", "memory.current"))
        return sys.maxsize if limit == "max" else max(0, int(limit) - int(used))
    except (OSError, ValueError):  # another system, or no limits
        return sys.maxsize


def fits(num_bytes: int, device: "torch.device | str") -> bool:
    """Whether so many bytes fit into half of the free memory, here and on the device."""
    return num_bytes <= COMFORTABLE_SHARE * min(free_bytes("cpu"), free_bytes(device))
