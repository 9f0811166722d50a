"""Processors and their memory: which device to use, how much is free, what fits."""

import sys
from pathlib import Path

import psutil
import torch

from hume.common.errors import InputError


def out_of_memory(error: BaseException) -> bool:
    """Whether memory was short; torch has a class of error for that in few of the cases."""
    words = ("can't allocate memory", "not enough memory", "out of memory", "ALLOC_FAILED", "can't start new thread")
    known = isinstance(error, torch.OutOfMemoryError | MemoryError)
    return known or (isinstance(error, RuntimeError) and any(some in str(error) for some in words))


def choose_device(name: str) -> str:
    """Turn auto, cpu or cuda into a device that is there; raises InputError when it is not."""
    if name not in ("auto", "cpu", "cuda"):
        raise InputError(f"there is no device {name!r}: choose auto, cpu or cuda")
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise InputError("this machine has no CUDA device that torch can use: choose auto or cpu")
    return "cuda" if available and name != "cpu" else "cpu"


def devices() -> list[str]:
    """The devices that this machine can search on, the fastest first."""
    return ["cuda", "cpu"] if torch.cuda.is_available() else ["cpu"]


COMFORTABLE_SHARE = 0.5  # of the free memory that copies of spaces may take


def free_bytes(device: torch.device | str) -> int:
    """The memory that is free on a device; on the CPU no more than the process may still map (`ulimit -v`)."""
    if torch.device(device).type == "cuda":
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)  # torch gives it out again
        return int(torch.cuda.mem_get_info(device)[0]) + kept
    available = min(int(psutil.virtual_memory().available), _left_to_the_container())
    process = psutil.Process()
    if not hasattr(process, "rlimit"):  # only Linux has it
        return available
    limit = process.rlimit(psutil.RLIMIT_AS)[0]
    if limit == psutil.RLIM_INFINITY:
        return available
    return max(0, min(available, int(limit - process.memory_info().vms)))


def _left_to_the_container(group: Path = Path("/sys/fs/cgroup")) -> int:
    """What a container's limit leaves, which the machine's figures do not know of; without a limit, everything."""
    try:
        limit, used = ((group / name).read_text().strip() for name in ("memory.max", "memory.current"))
        return sys.maxsize if limit == "max" else max(0, int(limit) - int(used))
    except (OSError, ValueError):  # another system, or no limits
        return sys.maxsize


def fits(num_bytes: int, device: torch.device | str) -> bool:
    """Whether so much can be held comfortably: in half of what is free here, and on the device."""
    return num_bytes <= COMFORTABLE_SHARE * min(free_bytes("cpu"), free_bytes(device))
