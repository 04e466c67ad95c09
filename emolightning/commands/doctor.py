"""`python -m emolightning doctor data=NAME [against=NAME]`: what a dataset needs and has, and whether a run would fail.

Files that are expected and found, clips without video, unreadable and duplicated ones, classes beside the official
numbers, labels that are trained, offered or evaluated but not all three, vectors for each clip, disk, sequences that
are longer than the language model's positions, clips that are black, silent or far longer than the rest. Media are
decoded as a run would, `probe=N` of them. `against=NAME` names the clips that two datasets share:
  python -m emolightning doctor data=merr_fine data.root=MER2023 against=mer2023 against.root=MER2023 against.track=semi
`page=FILE.html` shows clips, with `faces=detector` also whose face an encoder would see, with `augmentation...` also
what the first passes of a training would be shown of them:
  python -m emolightning doctor data=custom data.annotations=clips.csv data.media=clips page=clips.html faces=detector
`fresh={INPUT: WEIGHTS}` computes some stored vectors again, by the recipe in their manifest, and compares:
  python -m emolightning doctor data=custom data.annotations=clips.csv features=folders 'fresh={speech: weights/hubert}'
Takes all settings of train.py; with data.on_error=skip clips that cannot be used are warnings, up to data.max_skipped.
Exit code 1 when a run would fail; differences and leaks are warnings.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, open_dict

from emolightning.commands.cli import run
from emolightning.config.check import check_config
from emolightning.errors import shortened, without_middle

SAMPLE = 8
"""Stored vectors of an input that are computed again."""

SHOWN = 5
"""Sentences of one kind that are printed; output=FILE gets all."""

if TYPE_CHECKING:
    from rich.table import Table

    from emolightning.data.checkup.checkup import Checkup
    from emolightning.data.loading.corpus import Corpus
    from emolightning.data.media.faces import FacePolicy
    from emolightning.data.perturbing.augmenting import Augmentation
    from emolightning.records.clips import Clip


def main(argv: list[str]) -> int:
    """Compose, check, look."""
    words = [f"data@{word}" if word.startswith("against=") else word for word in argv]
    return run(doctor, "doctor", words)


def doctor(cfg: DictConfig) -> int:
    """Print the findings; 1 when a run would fail."""
    check_config(cfg)
    from dataclasses import asdict
    from pathlib import Path

    from emolightning.runs.quiet import quiet_libraries

    quiet_libraries()
    from emolightning.data.checkup.checkup import look_at
    from emolightning.files.writing import write_json
    from emolightning.runs.assembly_of_data import augmentation_of, make_corpus

    policy, augmentation = page_policy(cfg), augmentation_of(cfg)
    corpus = make_corpus(cfg, takes_stock=True)
    found, clips = look_at(corpus, probe=cfg.probe)
    missing = missing_weights(cfg)
    found.problems += missing
    if clips and not missing:
        look_at_positions(cfg, corpus, found)
    for name, weights in cfg.fresh.items():
        compare_with_fresh(name, weights, corpus, clips, found)
    if cfg.against is not None:
        found.warnings += leaks(cfg, clips, found)
    if cfg.output:
        write_json(Path(cfg.output), asdict(found))
    show(found, official=corpus.source.official.supports if corpus.source.official else {})
    if policy is not None:
        write_clips(cfg, corpus, clips, found, policy, augmentation)
    return int(bool(found.problems))


def page_policy(cfg: DictConfig) -> "FacePolicy | None":
    """Who is seen on the page; None where no page is asked for.

    Raises:
        UserError: the settings of the page are wrong, or no file can be written there.
    """
    from pathlib import Path

    from emolightning.data.media.faces import FacePolicy
    from emolightning.errors import UserError
    from emolightning.files.writing import require_writable

    policy = FacePolicy.parse(cfg.faces)
    policy.require()
    if not cfg.page:
        return None
    if cfg.shown < 1:
        raise UserError(f"shown={cfg.shown}: must be at least 1")
    require_writable(Path(cfg.page).absolute().parent, "page")
    return policy


def write_clips(
    cfg: DictConfig,
    corpus: "Corpus",
    clips: "list[Clip]",
    found: "Checkup",
    policy: "FacePolicy",
    augmentation: "Augmentation",
) -> None:
    """The page of the clips, of those with media that were probed."""
    from pathlib import Path

    from emolightning.data.checkup.checkup import sample
    from emolightning.runs.report.clip_cards import counted_remarks, make_cards
    from emolightning.runs.report.clips_page import write_clips_page

    there = sample([clip for clip in clips if clip.id not in corpus.source.lost], cfg.probe)
    how: Any = {"number": cfg.shown, "unusual": found.unusual, "augmentation": augmentation}
    cards = make_cards(corpus, there, policy, **how)
    settings = f"Frames: data.frame={corpus.reading.choice}. Faces: {policy}."
    write_clips_page(Path(cfg.page), cards, title=f"data={corpus.source.name}", total=len(clips), settings=settings)
    remarks = counted_remarks(cards)
    print(f"page: {cfg.page} shows {len(cards)} of {len(clips)} clips{f'; {remarks}' if remarks else ''}")


def missing_weights(cfg: DictConfig) -> list[str]:
    """What the model needs and does not find."""
    from emolightning.config.families import family_of
    from emolightning.errors import UserError
    from emolightning.runs.assembly_of_models import plain

    try:
        family_of(cfg.model).require_weights(plain(cfg.model))
    except UserError as error:
        return [str(error)]
    return []


def look_at_positions(cfg: DictConfig, corpus: "Corpus", found: "Checkup") -> None:
    """Whether the sequences of all clips, also of those that were not probed, fit into the language model."""
    from emolightning.config.families import family_of
    from emolightning.errors import UserError
    from emolightning.runs.assembly_of_models import build_processor, plain
    from emolightning.runs.positions import room_of

    splits = [split for split in ("train", "val", "test") if any(clip.split == split for clip in corpus.clips)]
    try:
        language = family_of(cfg.model).language(plain(cfg.model))
        if language is None:
            return
        processor = build_processor(cfg)
        number = cfg.evaluation.max_new_tokens
        room = room_of(corpus, processor, splits, language=language, max_new_tokens=number)
    except UserError as error:
        found.problems.append(str(error))
        return
    found.problems += room.problems()
    found.warnings += [f"model: {warning}" for warning in [room.window_warning()] if warning]


def compare_with_fresh(name: str, weights: str, corpus: "Corpus", clips: "list[Clip]", found: "Checkup") -> None:
    """Whether the stored vectors of an input are what their encoder gives of these clips."""
    from pathlib import Path

    from emolightning.data.stores.comparing import compare
    from emolightning.errors import UserError
    from emolightning.models.encoders.recipes import read_recipe
    from emolightning.runs.extract import Extraction

    stored, made_by = corpus.features.vectors.get(name), corpus.features.made_by.get(name)
    if stored is None or made_by is None:
        known = "no vectors of this input are read" if stored is None else "its folder has no manifest"
        found.problems.append(f"fresh.{name}: nothing to compare with: {known}")
        return
    try:
        recipe = read_recipe(made_by.recipe).at(weights, f"fresh.{name}")
        faces = made_by.faces if recipe.takes == "frames" else None
        made = Extraction(recipe, root=Path(), level=made_by.level, dtype=made_by.dtype, faces=faces)
        vector = made.fresh(made_by)
    except UserError as error:
        found.problems.append(f"fresh.{name}: {error}")
        return
    there = {
        clip.id: clip for clip in clips if clip.id in stored and clip.id not in corpus.features.zeros.get(name, {})
    }
    sample = list(there)[:: max(1, len(there) // SAMPLE)][:SAMPLE]
    compared = compare(stored, lambda clip_id: vector(there[clip_id]), sample)
    found.problems += compared.problems(name)
    print(compared.described(name))


def leaks(cfg: DictConfig, clips: "list[Clip]", found: "Checkup") -> list[str]:
    """Clips that the other dataset has as well; only its annotations are read."""
    from emolightning.data.checkup.duplicates import shared_clips
    from emolightning.errors import UserError
    from emolightning.runs.assembly_of_data import make_corpus

    other = cfg.copy()
    with open_dict(other):
        other.data, other.modalities, other.inputs.transcript = cfg.against, ["video"], False
    source = make_corpus(other, takes_stock=True).source
    try:
        others = source.read_clips()
    except UserError as error:
        found.problems.append(f"against: {error}")
        return []
    return shared_clips(clips, others, name=found.benchmark, other_name=source.benchmark)


def show(found: "Checkup", *, official: Mapping[str, Mapping[str, int]]) -> None:
    """Tables and sentences."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table("expected", "found", "setting", title=f"data={found.data}: files")
    for item in found.files:
        table.add_row(item["what"], item["found"] or f"missing: {' or '.join(item['candidates'])}", item["setting"])
    console.print(table)
    if found.classes:
        console.print(_class_table(found, official))
    if found.media:
        console.print(
            "media: " + ", ".join(f"{number} {what}" for what, number in found.media.items()), highlight=False
        )
    for name, numbers in found.features.items():
        text = ", ".join(f"{number} {what}" for what, number in numbers.items() if what != "recipe")
        text += f", recipe {numbers['recipe']}"
        console.print(f"features.{name}: {text}", highlight=False)
    free, frames = (found.storage[key] / 1e9 for key in ("free_bytes", "frames_bytes"))
    print(f"cache: {found.storage['cache']}, {free:.1f} GB free, frames need {frames:.2f} GB")
    for title, sentences in (("warning", found.warnings), ("problem", found.problems)):
        for line in shortened(sentences, shown=SHOWN, remedy="; output=FILE gets all"):
            print(f"{title}: {without_middle(line)}")
    print(f"{len(found.warnings)} warning(s), {len(found.problems)} problem(s)", end="; ")
    print("a run would fail" if found.problems else "a run would not fail for lack of data")


def _class_table(found: "Checkup", official: Mapping[str, Mapping[str, int]]) -> "Table":
    """Clips of each class and split, beside the official numbers where they are known."""
    from rich.table import Table

    table = Table("label", title=f"{found.benchmark}: clips")
    columns: dict[str, Mapping[str, int]] = {split: counts for split, counts in found.classes.items() if counts}
    asked = [split for split in official if any(part in columns for part in split.split("+"))]
    columns |= {f"official {split}": official[split] for split in asked}
    for name in columns:
        table.add_column(name, justify="right")
    labels = list(dict.fromkeys(label for counts in columns.values() for label in counts))
    for label in labels:
        shown = "(no label)" if label == "None" else label
        table.add_row(shown, *(str(counts.get(label, 0)) for counts in columns.values()))
    table.add_row("all", *(str(sum(counts.values())) for counts in columns.values()))
    return table
