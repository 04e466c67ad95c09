"""What it costs to score all labels after one shared context pass, in context passes; a Llama with random weights.

  python speed/likelihoods.py [--width 1024 --layers 4 --tokens 400 --clips 1 --labels 6 --rounds 7]

Prints processor seconds of both, and their ratio: medians over the rounds. `tests/test_label_logprobs.py` shows that
the sums are those of one full forward a label.
"""

import sys
from pathlib import Path

if __name__ == "__main__":  # Python put this file's folder first; the checkout belongs there, to be what is measured.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import argparse  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable  # noqa: E402
from statistics import median  # noqa: E402

import torch  # noqa: E402
from transformers import LlamaConfig, LlamaForCausalLM  # noqa: E402

from emolightning.models.parts.continuations import continuation_logprobs  # noqa: E402

SETTINGS = {"width": 1024, "layers": 4, "tokens": 400, "clips": 1, "labels": 6, "rounds": 7}
VOCABULARY, WIDTH_OF_HEAD, END = 32_000, 64, 2


def seconds(function: Callable[[], object]) -> float:
    """Processor time of one call."""
    begun = time.process_time()
    function()
    return time.process_time() - begun


@torch.no_grad()
def measure(*, width: int, layers: int, tokens: int, clips: int, labels: int, rounds: int) -> tuple[float, float]:
    """Seconds of a context pass, and of all labels with theirs; labels have one or two tokens and the one that ends."""
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

    def context() -> None:
        model(inputs_embeds=embeddings, attention_mask=mask, use_cache=True, logits_to_keep=1)

    def scored() -> None:
        continuation_logprobs(model, embeddings, mask, texts)

    context()
    scored()
    taken = [(seconds(context), seconds(scored)) for _ in range(rounds)]
    return median(one for one, _ in taken), median(other for _, other in taken)


def main() -> None:
    """Read the sizes, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in SETTINGS.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    context, scored = measure(**vars(parser.parse_args()))
    print(f"context pass {context:.3f} s, all labels {scored:.3f} s: {scored / context:.2f} context passes")


if __name__ == "__main__":
    main()
