"""What MERBench draws each network's settings from: every value of a list is as likely, each key by itself.

`lr` and `grad_clip` are of training: `grad_clip` cuts each value of a gradient, and below zero is off.
"""

from collections.abc import Mapping, Sequence

Space = Mapping[str, Sequence[float]]

WIDTHS, DROPOUTS, FEWER_DROPOUTS, CLIPS = (64, 128, 256), (0.2, 0.3, 0.4, 0.5), (0.0, 0.1, 0.2, 0.3), (0.6, 0.8, 1.0)
WEIGHTS = (0.0, 0.1, 0.2)
SIMPLE: Space = {"hidden_dim": WIDTHS, "dropout": DROPOUTS}

SPACES: Mapping[str, Space] = {
    "attention": SIMPLE,
    "attention_topn": SIMPLE,
    "lf_dnn": SIMPLE,
    "tfn": {"hidden_dim": (64, 128), "dropout": DROPOUTS},
    "lmf": {"hidden_dim": (32, 64, 128, 256), "dropout": DROPOUTS, "rank": (3, 4, 5, 6)},
    "misa": {
        "dropout": DROPOUTS,
        "hidden_dim": WIDTHS,
        "sim_weight": WEIGHTS,
        "diff_weight": WEIGHTS,
        "recon_weight": WEIGHTS,
        "grad_clip": (-1.0, 0.8, 1.0),
    },
    "mmim": {
        "hidden_dim": WIDTHS,
        "dropout": FEWER_DROPOUTS,
        "cpc_layers": (1, 2, 3, 4),
        "alpha": WEIGHTS,
        "beta": WEIGHTS,
        "grad_clip": CLIPS,
    },
    "ef_lstm": {"dropout": DROPOUTS, "num_layers": (2, 3, 4), "hidden_dim": (128, 256, 512, 1024)},
    "mult": {
        "layers": (2, 4, 6),
        "dropout": FEWER_DROPOUTS,
        "num_heads": (8,),
        "hidden_dim": WIDTHS,
        "conv1d_kernel_size": (1, 3),
        "grad_clip": CLIPS,
    },
}
"""Network -> setting -> values."""

LEARNING_RATES, NO_CLIPPING = (1e-3, 1e-4), (-1.0,)


OTHER_LEARNING_RATES = (1e-3, 1e-4, 1e-5)
"""Those of the MER2023 baseline, whose networks are drawn in nothing else."""


def space_of(network: str) -> Space:
    """The whole search space of a network, with what is of training; of one that MERBench does not have, that alone."""
    if network not in SPACES:
        return {"grad_clip": NO_CLIPPING, "lr": OTHER_LEARNING_RATES}
    return {"grad_clip": NO_CLIPPING, **SPACES[network], "lr": LEARNING_RATES}
