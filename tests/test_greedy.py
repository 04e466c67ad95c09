"""Greedy answers that are found layer by layer: the same tokens as transformers' `generate`."""

import random
from collections.abc import Callable
from typing import Any

import pytest
import torch
from model_factory import make_batch, make_examples, make_model
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM, StoppingCriteriaList
from transformers.generation import StoppingCriteria

from emolightning.models.parts import decoder, greedy
from emolightning.models.parts.decoder import Decoder, can_read
from emolightning.models.parts.generation import Generation
from emolightning.models.parts.greedy import greedy_ids, is_greedy

SIZES: dict[str, Any] = {
    "vocab_size": 23, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4,
    "max_position_embeddings": 256, "initializer_range": 0.7, "use_cache": False,
}  # fmt: skip
PADDING = 0

KINDS: dict[str, Callable[[], Any]] = {
    "llama": lambda: adapted(LlamaForCausalLM(LlamaConfig(**SIZES, num_key_value_heads=4))),
    "of one layer": lambda: LlamaForCausalLM(LlamaConfig(**SIZES | {"num_hidden_layers": 1})),
    "keys for several heads": lambda: LlamaForCausalLM(LlamaConfig(**SIZES, num_key_value_heads=2)),
    "written out": lambda: adapted(LlamaForCausalLM(LlamaConfig(**SIZES, attn_implementation="eager"))),
    "scaled positions": lambda: adapted(LlamaForCausalLM(LlamaConfig(**SIZES, rope_parameters=LLAMA3))),
    "qwen2": lambda: adapted(Qwen2ForCausalLM(Qwen2Config(**SIZES, num_key_value_heads=2))),
    "several adapters": lambda: adapted(LlamaForCausalLM(LlamaConfig(**SIZES)), use_dora=True),
    "half": lambda: LlamaForCausalLM(LlamaConfig(**SIZES)).to(torch.bfloat16),
}
LLAMA3 = {
    "rope_type": "llama3", "rope_theta": 500.0, "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}  # fmt: skip


def adapted(base: Any, **settings: Any) -> Any:
    model = get_peft_model(base, LoraConfig(r=3, lora_alpha=5, target_modules="all-linear", **settings))
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    return model


class OddSum(StoppingCriteria):
    """An end that is seen from the whole text."""

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        return input_ids.sum(dim=1) % 7 == 3


def contexts(language: Any, lengths: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    longest, table = max(lengths), language.get_input_embeddings().weight
    mask = torch.tensor([[0] * (longest - length) + [1] * length for length in lengths])
    embeddings = table[torch.randint(len(table), (len(lengths), longest))] + torch.randn(1).to(table.dtype) / 9
    return embeddings.detach(), mask


@torch.no_grad()
def both(language: Any, lengths: list[int], stops: list[int], **arguments: Any) -> tuple[list[Any], list[Any]]:
    embeddings, mask = contexts(language, lengths)
    arguments = {"num_beams": 1, "do_sample": False, "max_new_tokens": 9, **arguments}
    assert is_greedy(arguments)
    assert can_read(language)
    read = Decoder(language)
    logits = read.read(embeddings, mask, arguments["max_new_tokens"] - 1)[:, 0]
    own = greedy_ids(read, logits, arguments, stop_ids=stops, padding_id=PADDING)
    theirs = language.generate(
        inputs_embeds=embeddings, attention_mask=mask, use_cache=True, eos_token_id=stops, pad_token_id=PADDING,
        **arguments,
    )  # fmt: skip
    return own.tolist(), theirs.tolist()


FEW = ("llama", "keys for several heads", "qwen2", "half")


@pytest.mark.parametrize(
    ("kind", "is_gpu"),
    [
        *((kind, False) for kind in FEW),
        ("llama", True),
        *(pytest.param(kind, True, marks=pytest.mark.slow) for kind in KINDS if kind not in FEW),
    ],
)
def test_answers_are_those_of_transformers(kind: str, is_gpu: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of any length, with one end or several; looked at after each token, and as on a GPU."""
    monkeypatch.setattr(greedy, "is_at_hand", lambda device: not is_gpu)
    monkeypatch.setattr(decoder, "BLOCK", 3)
    torch.manual_seed(len(kind))
    drawn = random.Random(kind)
    language = KINDS[kind]().eval()
    widths = set()
    for number in (1, 4):
        lengths = [drawn.randint(1, 9) for _ in range(number)]
        stops = drawn.sample(range(23), drawn.choice([1, 3, 6]))
        own, theirs = both(language, lengths, stops)
        assert own == theirs, (lengths, stops)
        widths.add(len(own[0]))
    assert min(widths) >= 1


@pytest.mark.parametrize(
    "arguments",
    [
        Generation(repetition_penalty=1.7).arguments(),
        {"min_new_tokens": 5},
        {"min_new_tokens": 3} | Generation(repetition_penalty=0.8).arguments(),
        {"stopping_criteria": StoppingCriteriaList([OddSum()])},
        {"max_new_tokens": 1},
    ],
    ids=["penalty", "least", "least and penalty", "text", "one token"],
)
def test_what_changes_scores_or_ends_answers(arguments: dict[str, Any]) -> None:
    torch.manual_seed(1)
    own, theirs = both(KINDS["llama"]().eval(), [4, 9, 1, 6], [5, 8, 11, 2], **arguments)
    assert own == theirs


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(60))
def test_answers_at_random(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = random.Random(seed)
    monkeypatch.setattr(greedy, "is_at_hand", lambda device: seed % 2 == 0)
    monkeypatch.setattr(decoder, "BLOCK", drawn.choice([1, 4, 32]))
    torch.manual_seed(seed)
    language = KINDS[drawn.choice([*KINDS])]().eval()
    lengths = [drawn.randint(1, 40) for _ in range(drawn.randint(1, 9))]
    changed = [{}, {"min_new_tokens": drawn.randint(1, 9)}, Generation(repetition_penalty=1.2).arguments()]
    found = {"max_new_tokens": drawn.randint(1, 50), **drawn.choice(changed)}
    own, theirs = both(language, lengths, drawn.sample(range(23), drawn.randint(1, 4)), **found)
    assert own == theirs


@pytest.mark.parametrize("num_beams", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_penalty_does_not_depend_on_padding(num_beams: int) -> None:
    model, examples = make_model(), make_examples(5)
    penalty = Generation(max_new_tokens=8, repetition_penalty=1.9, num_beams=num_beams)
    together = model.generate(make_batch(model, examples), penalty)
    assert together == [model.generate(make_batch(model, [example]), penalty)[0] for example in examples]
    assert together != model.generate(make_batch(model, examples), Generation(max_new_tokens=8, num_beams=num_beams))


def test_rows_that_have_ended_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """But not in half precision, where another number of rows rounds differently."""
    kept: list[int] = []
    keep = Decoder.keep
    monkeypatch.setattr(Decoder, "keep", lambda self, rows: (kept.append(len(rows)), keep(self, rows)))
    torch.manual_seed(3)
    language = KINDS["llama"]().eval()
    own, theirs = both(language, [3, 4, 5, 6, 7, 8], [1, 2, 3, 4, 5, 6], max_new_tokens=12)
    assert own == theirs
    assert kept
    assert max(kept) <= 3
    kept.clear()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        own, theirs = both(language, [3, 4, 5, 6, 7, 8], [1, 2, 3, 4, 5, 6], max_new_tokens=9)
    assert own == theirs
    both(KINDS["half"]().eval(), [3, 4, 5], [1, 2, 3, 4, 5, 6], max_new_tokens=9)
    assert not kept


def test_logits_are_those_of_transformers() -> None:
    torch.manual_seed(2)
    language = KINDS["llama"]().eval()
    embeddings, mask = contexts(language, [7, 7])
    with torch.no_grad():
        read = Decoder(language)
        found = read.read(embeddings, mask, 3)[:, 0]
        expected = language(inputs_embeds=embeddings, attention_mask=mask, use_cache=True)
        torch.testing.assert_close(found, expected.logits[:, -1], rtol=0, atol=1e-5)
        token = found.argmax(dim=-1)
        after = language(input_ids=token[:, None], past_key_values=expected.past_key_values).logits[:, -1]
        torch.testing.assert_close(read.follow(token), after, rtol=0, atol=1e-5)


def test_what_is_not_the_same_is_left_to_transformers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hooks are how FSDP and DeepSpeed gather a layer's weights; ranks in step must call it equally often."""
    model = make_model()
    called: list[str] = []
    generate = type(model.language).generate
    monkeypatch.setattr(
        type(model.language), "generate", lambda self, **given: (called.append("it"), generate(self, **given))[1]
    )
    batch, short = make_batch(model, make_examples(2)), Generation(max_new_tokens=3)
    expected = model.generate(batch, short)
    assert not called
    model.reads_layers = False
    assert model.generate(batch, short) == expected
    model.reads_layers = True
    model.generate(batch, Generation(max_new_tokens=2, num_beams=2))
    model.generate(batch, Generation(max_new_tokens=2, do_sample=True))
    assert len(called) == 4  # Draws are made clip by clip.
    some = model.language.get_base_model().model.layers[1].mlp
    hook = some.register_forward_pre_hook(lambda *_: None)
    assert model.generate(batch, short) == expected
    assert len(called) == 5
    hook.remove()
    assert can_read(model.language)
    assert not can_read(model.language.train())


@pytest.mark.parametrize(
    "settings",
    [
        {"rope_parameters": {"rope_type": "dynamic", "rope_theta": 500.0, "factor": 2.0}},
        {"attn_implementation": "flash_attention_2"},
    ],
    ids=["positions that grow", "other attention"],
)
def test_other_arithmetic_is_left_to_transformers(settings: dict[str, Any]) -> None:
    language = LlamaForCausalLM(LlamaConfig(**SIZES)).eval()
    assert can_read(language)
    if "rope_parameters" in settings:
        language = LlamaForCausalLM(LlamaConfig(**SIZES, **settings)).eval()
    else:
        language.config._attn_implementation_internal = settings["attn_implementation"]
    assert not can_read(language)
    for place in ("", ".self_attn", ".mlp", ".input_layernorm"):
        language = LlamaForCausalLM(LlamaConfig(**SIZES)).eval()
        part: Any = language.get_submodule(f"model.layers.1{place}")
        part.__class__ = type("Other", (type(part),), {"__module__": "elsewhere"})
        assert not can_read(language)
    windows = Qwen2Config(**SIZES, use_sliding_window=True, sliding_window=4, max_window_layers=1)
    assert not can_read(Qwen2ForCausalLM(windows).eval())
