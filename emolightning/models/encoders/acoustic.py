"""openSMILE: statistics of acoustic descriptors over a clip, by the package `opensmile`.

Its licence allows research and no products, so it is an extra and not among the dependencies.
"""

import hashlib
import warnings
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from emolightning.errors import UserError
from emolightning.models.encoders.encoder import SAMPLE_RATE_HZ, CannotEncode, require_sound


class AcousticFunctionals:
    """One vector a clip, (1, width).

    Args:
        weights: there are none.
        device: the CPU, whatever it says.
        feature_set: a set of the package, e.g. `eGeMAPSv02` (88 values) or `ComParE_2016` (6373).

    Raises:
        UserError: the package is not installed, or has no such set.
    """

    takes: Literal["sound"] = "sound"

    def __init__(self, *, feature_set: str, weights: None = None, device: str = "cpu"):
        try:
            import opensmile
        except ImportError:
            raise UserError(
                "the package opensmile is not installed; its licence allows research only: "
                "pip install 'emolightning[opensmile]' if that is what you do"
            ) from None
        sets = {each.name: each for each in opensmile.FeatureSet}
        if feature_set not in sets:
            raise UserError(f"feature_set={feature_set}: opensmile has {', '.join(sets)}")
        if weights is not None:
            raise UserError(f"weights={weights}: openSMILE has none; leave it out")
        level = opensmile.FeatureLevel.Functionals
        self._smile: Any = opensmile.Smile(feature_set=sets[feature_set], feature_level=level)
        # There are no files of weights: the version of the package and the name of the set say what computes.
        self.fingerprint = hashlib.sha256(f"opensmile {opensmile.__version__} {feature_set}".encode()).hexdigest()
        self.side_files: dict[str, str] = {}

    def encode(self, items: Sequence[np.ndarray]) -> list[np.ndarray]:
        """As `Encoder.encode`."""
        require_sound(items, fewest_samples=1)
        return [self._encode(item, sound) for item, sound in enumerate(items)]

    def _encode(self, item: int, sound: np.ndarray) -> np.ndarray:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # It says there that a sound is too short; the values say it as well.
            found = self._smile.process_signal(sound, SAMPLE_RATE_HZ).to_numpy(np.float32)
        if not np.isfinite(found).all():
            raise CannotEncode(
                item,
                f"openSMILE finds no value in its sound of {len(sound)} samples ({len(sound) / SAMPLE_RATE_HZ:g} s); "
                "about 0.1 s is the least",
            )
        return found
