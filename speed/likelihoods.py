"""What it costs to score all labels after one shared context pass, in context passes; a Llama with random weights.

  python speed/likelihoods.py [--width 1024 256 --layers 4 --tokens 400 --clips 1 --labels 6 --rounds 15]
  python speed/likelihoods.py --output speed/results/likelihoods.json

Labels are scored in both ways there are: layer by layer, as a tree in which tokens that labels share are read once,
and with transformers' forward, a row for each label, as models whose layers are not known are. A round takes for each
way the processor time of its own context pass and then of all labels, of one thread. Prints the medians over the
rounds, and the median and the range of the ratio within a round. `tests/test_label_logprobs.py` shows that the sums are
those of one full forward a label.
"""

import sys
from pathlib import Path

if __name__ == "__main__":  # Python put this file's folder first; the checkout belongs there, to be what is measured.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable, Mapping, Sequence  # noqa: E402
from statistics import median  # noqa: E402
from typing import Any  # noqa: E402

import torch  # noqa: E402
from transformers import LlamaConfig, LlamaForCausalLM  # noqa: E402

from emolightning.models.parts.continuations import continuation_logprobs  # noqa: E402
from emolightning.models.parts.decoder import Decoder  # noqa: E402
from emolightning.models.parts.label_tree import tree_logprobs  # noqa: E402
from speed.figures import Figure, write_result  # noqa: E402

ABOUT: dict[str, Any] = {"part": "Evaluation", "question": "What does it cost to score all labels?"}
SETTINGS = {"layers": 4, "tokens": 400, "clips": 1, "labels": 6, "rounds": 15}
WIDTHS = [1024, 256]
MOST_PASSES = 1.5
VOCABULARY, WIDTH_OF_HEAD, END = 32_000, 64, 2
TREE, ROWS = "layer by layer", "with transformers' forward"


def seconds(function: Callable[[], object]) -> float:
    """Processor time of one call."""
    begun = time.process_time()
    function()
    return time.process_time() - begun


@torch.no_grad()
def measure(*, width: int, layers: int, tokens: int, clips: int, labels: int, rounds: int) -> list[dict[str, Any]]:
    """The times of all rounds, in each way; labels have one or two tokens and the one that ends."""
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=width,
        intermediate_size=width * 8 // 3,
        num_hidden_layers=layers,
        num_attention_heads=max(1, width // WIDTH_OF_HEAD),
    )
    model = LlamaForCausalLM(config).eval()
    embeddings, mask = torch.randn(clips, tokens, width) / 50, torch.ones(clips, tokens, dtype=torch.long)
    texts = [[*range(100 + 10 * number, 101 + 10 * number + number % 2), END] for number in range(labels)]
    given = {"inputs_embeds": embeddings, "attention_mask": mask}
    calls: list[tuple[str, Callable[[], object], Callable[[], object]]] = [
        (
            TREE,
            lambda: Decoder(model).read(embeddings, mask, 0),
            lambda: tree_logprobs(Decoder(model), embeddings, mask, texts),
        ),
        (
            ROWS,
            lambda: model(**given, use_cache=True, logits_to_keep=1),
            lambda: continuation_logprobs(model, given, texts),
        ),
    ]
    for _, context, scored in calls:
        context()
        scored()
    taken = [[(seconds(context), seconds(scored)) for _, context, scored in calls] for _ in range(rounds)]
    return [
        {"way": call[0], "width": width, **_medians(times)}
        for call, times in zip(calls, zip(*taken, strict=True), strict=True)
    ]


def _medians(times: Sequence[tuple[float, float]]) -> dict[str, float]:
    ratios = [all_labels / one for one, all_labels in times]
    return {
        "context_pass_s": median(one for one, _ in times),
        "all_labels_s": median(all_labels for _, all_labels in times),
        "context_passes": median(ratios),
        "least": min(ratios),
        "most": max(ratios),
    }


def main() -> None:
    """Read the sizes, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, nargs="+", default=WIDTHS)
    for name, value in SETTINGS.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--output", type=Path)
    settings = vars(parser.parse_args())
    widths, output = settings.pop("width"), settings.pop("output")
    torch.set_num_threads(1)  # Several wait for each other, which counts as processor time of all.
    found = []
    for width in widths:
        found += measure(width=width, **settings)
        for each in found[-2:]:
            print(
                "width {width}, {way}: context pass {context_pass_s:.3f} s, all labels {all_labels_s:.3f} s: "
                "{context_passes:.2f} ({least:.2f} - {most:.2f}) context passes".format_map(each),
                flush=True,
            )
    write_result(output, **ABOUT, figures=figures(found, settings["rounds"]), **settings, measured=found)


def figures(found: Sequence[Mapping[str, Any]], rounds: int) -> list[Figure]:
    """What all labels cost at each width, in each way."""
    return [
        Figure(
            f"all labels over one context pass, width {each['width']}, {each['way']}",
            *(each["context_passes"], "x", each["least"], each["most"], rounds),
            at_most=MOST_PASSES,
            floor=1.0,
            floor_of="the context pass alone",
        )
        for each in found
    ]


if __name__ == "__main__":
    main()
