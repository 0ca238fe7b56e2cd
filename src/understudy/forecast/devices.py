"""Accelerators as their makers describe them: memory, sums a second, bytes a second.

    parse("h100")               # from the table
    parse("mine=48/181/864")    # memory in GiB, TFLOP/s in bfloat16, GB/s

Speeds are the peaks of the data sheets (dense, without sparsity, sums in float32), memory is what a driver shows.
What is reached of the peaks is an assumption, kept apart (``MFU``, ``MBU``).
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from understudy.errors import StudyError, did_you_mean

GIB = 2**30
MFU: Mapping[str, float] = {"full": 0.35, "lora": 0.30, "qlora": 0.20}
"""Assumed share of the peak that the model's own sums take in training, by method; four bits are unpacked each time."""
MBU = 0.40
"""Assumed share of the peak bandwidth in decoding."""
LAUNCH = 0.6e-3
"""Assumed seconds that the processor takes to start a layer's kernels: no step of decoding is faster on a GPU."""
CORE = 0.1
"""Assumed TFLOP/s of a core in float32: 32 operations a cycle at 3 GHz."""


@dataclass(frozen=True, slots=True)
class Device:
    """``memory`` in GiB, ``tflops`` in bfloat16 (a processor: float32), ``bandwidth`` in GB/s."""

    name: str
    memory: float
    tflops: float
    bandwidth: float
    gpu: bool = True


DEVICES: Mapping[str, Device] = {
    device.name: device
    for device in (
        Device("h200", 139, 989, 4800),
        Device("h100", 79, 989, 3350),
        Device("a100-80", 79, 312, 2039),
        Device("a100-40", 39, 312, 1555),
        Device("l40s", 44, 362, 864),
        Device("rtx4090", 23.5, 165, 1008),
    )
}
"""SXM models where there are several; sources: the makers' data sheets."""

_GIVEN = re.compile(r"(?P<name>[^=/]+)=(?P<memory>[\d.]+)/(?P<tflops>[\d.]+)(?:/(?P<bandwidth>[\d.]+))?")


def parse(text: str) -> Device:
    """The device of that name, or with the numbers that are given. Raises ``StudyError``."""
    if text.lower() == "cpu":
        return _processor()
    if text.lower() in DEVICES:
        return DEVICES[text.lower()]
    if given := _GIVEN.fullmatch(text.strip()):
        try:
            memory, tflops = float(given["memory"]), float(given["tflops"])
            bandwidth = float(given["bandwidth"] or 3.0 * tflops)  # that of data-centre GPUs is 3 to 7 times as much
        except ValueError:
            memory = tflops = bandwidth = 0.0
        if min(memory, tflops, bandwidth) > 0:
            return Device(given["name"], memory, tflops, bandwidth)
    hint = f"{did_you_mean(text.lower(), [*DEVICES, 'cpu'])}, or NAME=GiB/TFLOPs, or NAME=GiB/TFLOPs/GB-a-second"
    raise StudyError(f"there is no GPU '{text}' in the table", hint)


def _processor() -> Device:
    """This machine's processor: memory as it is, the rest assumed."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
    return Device("cpu", round(memory, 1), CORE, 10.0, gpu=False)
