"""How many threads a process computes with."""

import os

import torch


def set_num_threads(number: int) -> None:
    """Let each process compute with so many threads.

    Another number gives other roundings, and Lightning's launcher of ranks divides the cores among them instead, unless
    the environment says that somebody has decided.

    Args:
        number: `num_threads`.
    """
    torch.set_num_threads(number)
    os.environ.setdefault("OMP_NUM_THREADS", str(number))
