"""EmoLightning: train and evaluate Emotion-LLaMA. Importing this package imports nothing heavy.

`import emolightning as el` offers what `emolightning/api.py` has: `el.load`, `el.predict`, `el.train` and others.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emolightning.api import (
        Comparison,
        Difference,
        Metric,
        Model,
        Predictions,
        Scores,
        UserError,
        compare,
        evaluate,
        explain,
        extract,
        load,
        predict,
        score,
        train,
    )

__all__ = [
    "Comparison",
    "Difference",
    "Metric",
    "Model",
    "Predictions",
    "Scores",
    "UserError",
    "compare",
    "evaluate",
    "explain",
    "extract",
    "load",
    "predict",
    "score",
    "train",
]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """What the package offers, imported when it is asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from emolightning import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])


_beside = Path(__file__).resolve().parents[1]
if (_beside / "train.py").is_file() and (_beside / "callbacks").is_dir():
    # In a checkout `callbacks/` lies beside the package, in a wheel inside of it; its name is the same in both,
    # `emolightning.callbacks`: a plain `callbacks` would be whichever distribution came first.
    __path__.append(str(_beside))
