"""`python tools/build_tokenizer.py [out=FOLDER]`: train the small tokenizer of `model=tiny`.

  out  folder that gets `tokenizer.json` and `tokenizer_config.json`; left out, that of the package is written over

A byte-fallback BPE in the manner of Llama's: pieces start with U+2581 for a space, `<s>`, `</s>` and `<unk>` are ids
1, 2 and 0, the 256 bytes follow. It is trained on the prompts, the labels and the words of the synthetic benchmark;
any other text is spelt in shorter pieces or bytes. The result is committed; a test rebuilds it and compares.
"""

import json
import sys
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # Python put this file's folder first; the checkout belongs there.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from emolightning.commands.cli import refuse_usage
from emolightning.files.writing import write_whole
from emolightning.models.emotion_llama.instructions import instruction_pool, prompt_order
from emolightning.models.emotion_llama.layouts import context_pieces
from emolightning.records.labels import DFEW7, MER6, MER9, SYNONYMS

SPECIAL = ("<unk>", "<s>", "</s>")
CONFIG = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "unk_token": "<unk>",
    "bos_token": "<s>",
    "eos_token": "</s>",
    "pad_token": "<unk>",
}
NUM_PIECES = 2048
TASKS = ("emotion", "reason")
"""An upper bound: training stops earlier, when the corpus holds no more pairs to merge."""


def main(argv: list[str]) -> int:
    """Write the tokenizer folder; `out=` names another place than the package's own."""
    if {"--help", "-h"} & set(argv):
        print(__doc__.strip())
        return 0
    unknown = [argument for argument in argv if not argument.startswith("out=") or argument == "out="]
    if unknown or len(argv) > 1:
        refuse_usage(f"build_tokenizer: {' '.join(unknown or argv)}: the only setting is out=FOLDER")
    out = Path(argv[-1].removeprefix("out=")) if argv else package_folder()
    num_pieces = build(out)
    print(f"{out}: {num_pieces} pieces")
    return 0


def package_folder() -> Path:
    """Where the committed tokenizer lies (spelt here, not imported, to keep torch out of this command)."""
    return Path(__file__).parents[1] / "emolightning" / "models" / "parts" / "tiny_tokenizer"


def corpus() -> list[str]:
    """The texts that the tiny model meets: contexts, instructions, labels, transcripts of the synthetic benchmark."""
    texts = [
        text
        for labels in (MER6, MER9, DFEW7)
        for task in TASKS
        for text in instruction_pool(task, prompt_order(labels))
    ]
    for task in TASKS:
        pieces = context_pieces("", "", ["image", "face"], task=task)
        texts += [piece for piece in pieces if isinstance(piece, str)]
    # A label must become one piece even if the sentences rarely hold it.
    texts += [*MER9, *DFEW7, *SYNONYMS] * 3
    return texts + synthetic_sentences()


def synthetic_sentences() -> list[str]:
    """Every template of the synthetic benchmark with every name, place and time in turn."""
    from emolightning.benchmarks.synthetic.words import NAMES, PLACES, TEMPLATES, TIMES

    slots = [(NAMES[k % len(NAMES)], PLACES[k % len(PLACES)], TIMES[k // 3 % len(TIMES)]) for k in range(24)]
    templates = [template for family in TEMPLATES.values() for template in family]
    return [text.format(name=name, place=place, time=time) for text in templates for name, place, time in slots]


def build(out: Path) -> int:
    """Train and write `tokenizer.json` and `tokenizer_config.json`; returns the number of pieces."""
    content = _with_bytes(_train(corpus()))
    write_whole(out / "tokenizer.json", json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    write_whole(out / "tokenizer_config.json", json.dumps(CONFIG, indent=1) + "\n")
    return len(content["model"]["vocab"])


def _train(texts: list[str]) -> dict[str, Any]:
    """A BPE as tokenizers' own JSON."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    # The dummy prefix on every text, as SentencePiece gives it.
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split("▁", "merged_with_next"),
            # Otherwise "sad," and "sad" become different pieces.
            pre_tokenizers.Split(Regex(r"[^\w▁]"), "isolated"),
        ]
    )
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    trainer = trainers.BpeTrainer(vocab_size=NUM_PIECES, special_tokens=list(SPECIAL), show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return json.loads(tokenizer.to_str())


def _with_bytes(content: dict[str, Any]) -> dict[str, Any]:
    """Insert the 256 byte pieces after the special ones, so that any text can be spelt."""
    learned = sorted(content["model"]["vocab"], key=content["model"]["vocab"].get)[len(SPECIAL) :]
    pieces = [*SPECIAL, *(f"<0x{value:02X}>" for value in range(256)), *learned]
    content["model"]["vocab"] = {piece: position for position, piece in enumerate(pieces)}
    content["model"]["byte_fallback"] = True
    return content


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
