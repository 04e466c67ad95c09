"""`python -m emolightning extract data=NAME|media=FOLDER features=RECIPE weights=FOLDER [key=value ...]`.

Clips to vectors, by the recipe of some published features (configs/recipe/):

  extract data=custom data.annotations=my.csv features=hubert_mer2023 weights=weights/chinese-hubert-large
  extract media=clips features=mae_340 weights=mae_checkpoint-340.pth faces=detector
  extract data=mer2023 features=clip_merbench weights=weights/clip-vit-large-patch14 level=frame shard=1/4

The vectors are <out>/<folder>/<clip id>.npy, where features=folders finds them; manifest.json beside them says what
made them. Started again, it makes what is missing, also after it was killed. Several may fill one folder at a time,
each its shard; under torchrun each process takes its own. Clips that have no vector are listed and counted: exit code 1
with on_error=stop, and with on_error=skip where they are more than max_skipped. features=asr writes a table of
transcripts instead, with any speech recogniser of transformers:

  extract media=clips features=asr weights=weights/whisper-large-v3
"""

import re

from omegaconf import DictConfig, OmegaConf

from emolightning.commands.cli import run
from emolightning.config.check import check_config
from emolightning.config.places import CONFIG_DIR
from emolightning.config.problems import Problem
from emolightning.config.sources import option_files


def main(argv: list[str]) -> int:
    """Compose, check, extract."""
    return run(extract, "extract", full_words(argv))


def full_words(argv: list[str]) -> list[str]:
    """The command line as Hydra takes it: features are chosen from the recipes.

    >>> full_words(["features=mae_340", "weights=mae.pth"])
    ['recipe=mae_340', 'recipe.encoder.weights="mae.pth"']
    """
    words = []
    for word in argv:
        key, equals, value = word.partition("=")
        if equals and key == "features":
            word = f"recipe={value}"
        elif equals and key == "weights":
            word = f"recipe.encoder.weights={_quoted(value)}"
        words.append(word)
    return words


def _quoted(value: str) -> str:
    """A path as Hydra takes it whatever letters it has."""
    if value == "null" or value.startswith(("'", '"')):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def extract(cfg: DictConfig) -> None:
    """Extract, and tell which clips have no vector."""
    check_config(cfg, _problems(cfg))
    from pathlib import Path

    from emolightning.data.checkup.unusable import Findings, described, record
    from emolightning.files.writing import write_json
    from emolightning.runs.assembly_of_clips import extraction
    from emolightning.runs.extract import own_part, rank_and_ranks
    from emolightning.runs.quiet import quiet_libraries

    quiet_libraries()
    made, clips, lost = extraction(cfg)
    own, part = own_part(clips, cfg.shard)
    findings = Findings(group="")
    findings.add({clip.id: lost[clip.id] for clip in own if clip.id in lost})
    findings.add(made.run([clip for clip in own if clip.id not in lost]))
    place = made.folder
    if made.recipe.gives_text:
        place = made.transcripts
        silent = made.write_transcripts(clips)
        findings.add({clip.id: [silent[clip.id]] for clip in own if clip.id in silent})
    skipped = findings.skipped(own)
    said = f", part {part}" if part != "1/1" else ""
    print(f"{place}: {len(own) - len(skipped)} of {len(own)} clips{said}")
    if cfg.output:
        output, (rank, num_ranks) = Path(cfg.output), rank_and_ranks()
        if num_ranks > 1:  # They write at the same time, each of its own clips.
            output = output.with_stem(f"{output.stem}.{rank + 1}-of-{num_ranks}")
        write_json(output, {"folder": str(place), "num_clips": len(own), **record(skipped)})
    findings.decide("extract", own, on_error=cfg.on_error, max_skipped=cfg.max_skipped)
    if skipped:
        print(f"warning: {described(skipped, len(own))}")


def _problems(cfg: DictConfig) -> list[Problem]:
    """What the settings of an extraction lack."""
    problems = []
    if cfg.recipe is None:
        recipes = [path.stem for path in option_files(CONFIG_DIR, "recipe")]
        problems.append(Problem("features", f"says which recipe: {', '.join(recipes)}"))
    elif OmegaConf.select(cfg.recipe, "encoder.weights", throw_on_missing=False) == "":
        problems.append(Problem("recipe.encoder.weights", "must not be empty: weights=PATH says where they lie"))
    if cfg.data is None and cfg.media is None:
        problems.append(Problem("data", "say which clips: data=NAME, or media=FOLDER for media without annotations"))
    if cfg.data is not None and cfg.media is not None:
        problems.append(Problem("media", "leave it out, or data=NAME: the clips are those of one of them"))
    if cfg.folder is not None and not re.fullmatch(r"(?!\.)[^/\\\0]+", cfg.folder):
        said = f"{cfg.folder!r} is no name of a folder; out=PATH says where it is"
        problems.append(Problem("folder", said))
    return problems
