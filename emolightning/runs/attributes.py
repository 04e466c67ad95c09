"""What an evaluation tells clips apart by; what it cannot is refused before they are answered."""

from collections.abc import Sequence
from dataclasses import replace

from emolightning.data.checkup.attributes import attributes_of
from emolightning.data.loading.corpus import Corpus
from emolightning.errors import UserError
from emolightning.scoring.scoring import Scoring
from emolightning.scoring.slices import ONE_LABEL, Attribute, attributes_asked, grouped, split_bins


def asked_of_clips(slices: Sequence[str], corpus: Corpus, split: str, scoring: Scoring) -> dict[str, Attribute]:
    """What `slices` asks for, of the clips of a split.

    Args:
        slices: columns, or what is measured, perhaps with a number of slices.
        corpus: has the clips.
        split: what is evaluated.
        scoring: reads labels, or slices are refused.

    Raises:
        UserError: answers are no labels, or an attribute is not known or puts clips into no groups.
    """
    if not slices:
        return {}
    if scoring.reader is None:
        raise UserError(f"slices={list(slices)}: {ONE_LABEL}; leave slices out")
    clips, names = corpus.clips_of(split), [split_bins(word)[0] for word in slices]
    found = attributes_of(clips, names, cache=corpus.folder, num_workers=corpus.num_workers)
    ids = [clip.id for clip in clips]
    values = {name: dict(zip(ids, of_clips, strict=True)) for name, (of_clips, _) in found.items()}
    asked = {name: replace(about, unit=found[name][1]) for name, about in attributes_asked(slices, values, ids).items()}
    for name, about in asked.items():
        grouped(name, about)
    return asked
