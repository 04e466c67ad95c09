"""What GPUs can compute: the one table of their peaks."""

import re

PEAK_TFLOPS = {
    "H200 NVL": 835.5,
    "H200": 989.5,
    "H100 NVL": 835.5,
    "H100 PCIe": 756.5,
    "H100 80GB HBM3": 989.5,
    "A100": 312.0,
    "L40S": 362.0,
    "L4": 121.0,
    "RTX 4090": 165.2,
}
"""Words of a GPU's name -> dense bfloat16 or float16 matrix products with float32 sums, TFLOP/s; the first that fit
count. Source: NVIDIA's data sheets (half of what they state with sparsity), for the RTX 4090 the Ada whitepaper."""


def known_gpu(name: str) -> str | None:
    """The entry of PEAK_TFLOPS that a name means.

    >>> known_gpu("NVIDIA A100-SXM4-80GB")
    'A100'
    """
    return next((part for part in PEAK_TFLOPS if re.search(rf"\b{part}\b", name)), None)
