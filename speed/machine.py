"""The machine under a measurement: its peak, its memory, its name."""

import os
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from emolightning.errors import UserError
from emolightning.runs.estimate.gpus import PEAK_TFLOPS, known_gpu
from speed.figures import processor

MATRIX_SIZE = 1024
"""Size of the matrices in the product that measures a CPU's peak."""

CLEAR_REFS = Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Peak:
    """What a device could compute at most."""

    flops_per_s: float | None
    """None for a device that nobody told us about."""
    source: str


def pick_device(name: str) -> torch.device:
    """The device of a setting: auto, cpu or cuda.

    Raises:
        UserError: a GPU is asked for and there is none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("device=cuda: torch sees no GPU here; device=cpu measures on the processor")
    is_gpu = name == "cuda" or (name == "auto" and torch.cuda.is_available())
    return torch.device("cuda" if is_gpu else "cpu")


def device_name(device: torch.device) -> str:
    """As its maker calls it, where that can be read."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return processor()


def find_peak(device: torch.device, stated_tflops: float | None) -> Peak:
    """What was stated, else from the table; a CPU's is measured."""
    if stated_tflops is not None:
        return Peak(stated_tflops * 1e12, "device_peak_tflops")
    if device.type == "cpu":
        threads = torch.get_num_threads()
        size = f"{MATRIX_SIZE} x {MATRIX_SIZE}"
        return Peak(_measured_peak(), f"measured between rounds: float32 product of {size}, {threads} thread(s)")
    name = device_name(device)
    part = known_gpu(name)
    if part is not None:
        return Peak(PEAK_TFLOPS[part] * 1e12, f"data sheet of {part}, dense half precision")
    return Peak(None, f"{name} is not in the table; say device_peak_tflops=...")


def _measured_peak() -> float:
    """Best of ten, in FLOP/s."""
    left, right = torch.randn(2, MATRIX_SIZE, MATRIX_SIZE)
    best = float("inf")
    for _ in range(10):
        start = time.perf_counter()
        torch.mm(left, right)
        best = min(best, time.perf_counter() - start)
    return 2 * MATRIX_SIZE**3 / best


def describe_device(device: torch.device, peak: Peak) -> dict[str, Any]:
    """What a result says about the device."""
    return {
        "device": device_name(device),
        "gpu": device_name(device) if device.type == "cuda" else None,
        "threads": torch.get_num_threads(),
        "peak_tflops": peak.flops_per_s / 1e12 if peak.flops_per_s else None,
        "peak_source": peak.source,
        "memory": memory_kind(device),
    }


def memory_kind(device: torch.device) -> str:
    """What `peak_memory_gb` means here."""
    if device.type == "cuda":
        return "most memory allocated by torch on the GPU"
    if _can_reset():
        return "highest resident set of the process; what earlier rounds left to the allocator counts"
    return "highest resident set of the process since its start; the same for all columns"


def reset_peak_memory(device: torch.device) -> None:
    """Begin a new maximum."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif _can_reset():
        CLEAR_REFS.write_text("5")  # proc(5): sets VmHWM back


def peak_memory_gb(device: torch.device) -> float:
    """The maximum since the last reset."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    if _can_reset():
        status = Path("/proc/self/status").read_text().splitlines()
        (line,) = [line for line in status if line.startswith("VmHWM")]
        return int(line.split()[1]) * 1024 / 1e9
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def _can_reset() -> bool:
    return os.access(CLEAR_REFS, os.W_OK)


def wait_for(device: torch.device) -> None:
    """Until the GPU has done what it was told; a CPU has."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
