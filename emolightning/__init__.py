"""EmoLightning: train and evaluate Emotion-LLaMA. Importing this package imports nothing heavy."""

from pathlib import Path

__version__ = "0.1.0"

_beside = Path(__file__).resolve().parents[1]
if (_beside / "train.py").is_file() and (_beside / "callbacks").is_dir():
    # In a checkout `callbacks/` lies beside the package, in a wheel inside of it; its name is the same in both,
    # `emolightning.callbacks`: a plain `callbacks` would be whichever distribution came first.
    __path__.append(str(_beside))
