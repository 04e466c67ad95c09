"""A program for test_loss_scaler: train.py, with DeepSpeed told whether its CPU computes in float16.

`python half_on_cpu.py yes|no SETTING ...`. By itself DeepSpeed asks the processor, and not all of them do.
"""

import os
import runpy
import sys
from pathlib import Path

os.environ["DS_ACCELERATOR"] = "cpu"

import torch
from deepspeed.accelerator.cpu_accelerator import CPU_Accelerator

computes = sys.argv.pop(1) == "yes"
CPU_Accelerator.is_fp16_supported = lambda self: computes
CPU_Accelerator.supported_dtypes = lambda self: [torch.float, torch.bfloat16, *[torch.half] * computes]

sys.argv[0] = str(Path(__file__).parents[1] / "train.py")
runpy.run_path(sys.argv[0], run_name="__main__")
