"""`python -m emolightning convert-features source=PLACE`: a folder of vectors into one packed file, or back.

`data/features/HL-UTT`, with a file for each clip, becomes `data/features/HL-UTT.safetensors`, which `features=folders`
reads instead: one open file, mapped, whatever the number of clips. A `.safetensors` becomes a folder with the same
bytes as before. The source stays.
"""

from omegaconf import DictConfig

from emolightning.commands.cli import run
from emolightning.config.check import check_config


def main(argv: list[str]) -> int:
    """Compose, check, convert."""
    return run(convert_features, "convert_features", argv)


def convert_features(cfg: DictConfig) -> int:
    """Convert, and print what there is now."""
    check_config(cfg)
    from functools import partial
    from pathlib import Path
    from typing import get_args

    from rich.progress import track

    from emolightning.data.stores.converting import pack, unpack
    from emolightning.data.stores.manifest import Kept
    from emolightning.data.stores.packed import SUFFIX
    from emolightning.errors import UserError

    source = Path(cfg.source).expanduser()
    if source.is_dir():
        if cfg.dtype not in (None, *get_args(Kept)):
            raise UserError(
                f"dtype={cfg.dtype}: is not one of {', '.join(get_args(Kept))}; null keeps that of the files"
            )
        out = Path(cfg.out).expanduser() if cfg.out else source.with_name(source.name + SUFFIX)
        packed = pack(source, out, dtype=cfg.dtype, progress=partial(track, description="Packing"))
        size, recipe = out.stat().st_size / 1e6, packed.manifest or "an unknown recipe (the folder has no manifest)"
        print(f"{out}: {len(packed)} clips, {packed.width} wide, {size:.1f} MB, made by {recipe}")
        print(f"features=folders reads it as soon as {source} is elsewhere, or by the name {out.name}")
        return 0
    if not source.is_file():
        raise UserError(f"source={source}: there is no such folder or file")
    if source.suffix != SUFFIX:
        raise UserError(f"source={source}: is neither a folder of vectors nor a packed file (*{SUFFIX})")
    if cfg.dtype is not None:
        raise UserError("dtype is for packing: a folder gets the values that are in the file; leave it out")
    out = Path(cfg.out).expanduser() if cfg.out else source.with_suffix("")
    print(f"{out}: {unpack(source, out, progress=partial(track, description='Unpacking'))} clips")
    return 0
