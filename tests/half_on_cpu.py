"""A program for test_loss_scaler: train.py, with DeepSpeed told that its CPU computes in float16, as GPUs do.

`python half_on_cpu.py SETTING ...`. DeepSpeed refuses it on CPUs, where it is only slow.
"""

import os
import runpy
import sys
from pathlib import Path

os.environ["DS_ACCELERATOR"] = "cpu"

import torch
from deepspeed.accelerator.cpu_accelerator import CPU_Accelerator

CPU_Accelerator.is_fp16_supported = lambda self: True
CPU_Accelerator.supported_dtypes = lambda self: [torch.float, torch.half, torch.bfloat16]

sys.argv[0] = str(Path(__file__).parents[1] / "train.py")
runpy.run_path(sys.argv[0], run_name="__main__")
