"""How likely each label is: the plain sum of one full forward per label, whatever the model and the batch."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from language_factory import make_llama3, make_other, make_qwen2
from model_factory import make_batch, make_examples, make_model
from test_greedy import FEW, contexts
from test_greedy import KINDS as READ_HERE
from transformers import LlamaConfig
from transformers.cache_utils import Cache, DynamicLayer, DynamicSlidingWindowLayer
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding, apply_rotary_pos_emb

from emolightning.models.emotion_llama.emotion_llama import EmotionLlama
from emolightning.models.emotion_llama.processor import EmotionLlamaProcessor
from emolightning.models.parts import continuations, decoder, label_tree
from emolightning.models.parts.continuations import continuation_logprobs
from emolightning.models.parts.decoder import Decoder, can_read
from emolightning.models.parts.generation import Generation
from emolightning.models.parts.label_tree import Tree, tree_logprobs, trees
from emolightning.models.parts.language import LanguageSettings
from emolightning.records.clips import Example

LABELS = ("sad", "happy", "happy and sad", "happy as never before in all her life", "doubt", "s")
"""One begins with another, several share their first tokens, and they have different lengths."""

CLOSE = {"rtol": 3e-7, "atol": 1e-5}
"""Sums reach 200 nats here, where neighbouring float32 numbers are 1.5e-5 apart."""

KINDS = ("tiny", "llama3", "qwen2", "gpt2", "bloom", "opt", "mistral")
"""Positions by rotation, learned ones with and without an offset, ALiBi, and a window shorter than the context."""


@pytest.fixture(scope="module", params=KINDS)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> EmotionLlama:
    if request.param == "tiny":
        return make_model()
    folder = tmp_path_factory.mktemp("models") / request.param
    makers = {"llama3": make_llama3, "qwen2": make_qwen2}
    make = makers.get(request.param)
    place = make(folder) if make else make_other(folder, request.param)
    attention = "eager" if request.param == "bloom" else "sdpa"
    made = make_model(language=LanguageSettings(path=str(place), attention=attention))
    return calmed(made) if make else made


def calmed(model: Any) -> Any:
    """Matrices as small as trained ones: with larger ones two ways to round in float32 are 3e-5 apart."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(0.3)
    return model


def one_by_one(model: EmotionLlama, examples: list[Example]) -> torch.Tensor:
    """A forward over context and answer for each clip and label: what training calls the loss, with another sign."""
    processor = EmotionLlamaProcessor(model.tokenizer, image_tokens=model.image_tokens)
    with torch.no_grad():
        losses = [
            [model.answer_losses(processor.batch([example], [label]))[0] for label in LABELS] for example in examples
        ]
    return -torch.tensor(losses)


def test_they_are_the_sums_of_full_forwards(model: EmotionLlama) -> None:
    examples = make_examples(3)
    expected = one_by_one(model, examples)
    found = model.label_logprobs(make_batch(model, examples), LABELS)
    torch.testing.assert_close(found, expected, **CLOSE)
    probabilities = found.softmax(dim=1)
    torch.testing.assert_close(probabilities, expected.softmax(dim=1), rtol=0, atol=1e-5)
    torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(3))


def test_they_are_the_same_alone_and_in_any_order(model: EmotionLlama) -> None:
    examples = make_examples(4, seed=1)
    together = model.label_logprobs(make_batch(model, examples), LABELS)
    alone = torch.cat([model.label_logprobs(make_batch(model, [example]), LABELS) for example in examples])
    torch.testing.assert_close(alone, together, **CLOSE)
    turned = model.label_logprobs(make_batch(model, examples[::-1]), LABELS[::-1])
    torch.testing.assert_close(turned.flip((0, 1)), together, **CLOSE)


@pytest.mark.parametrize("is_synced", [True, False])
def test_few_texts_at_a_time_are_the_same(monkeypatch: pytest.MonkeyPatch, is_synced: bool) -> None:
    model, examples = make_model(), make_examples(3)
    expected = one_by_one(model, examples)
    model.is_synced = is_synced
    monkeypatch.setattr(continuations, "ROWS", 1 if is_synced else 7)
    monkeypatch.setattr(label_tree, "PLACES", 7)
    found = model.label_logprobs(make_batch(model, examples), LABELS)
    torch.testing.assert_close(found, expected, **CLOSE)


@pytest.mark.parametrize(
    "kind", [kind if kind in FEW else pytest.param(kind, marks=pytest.mark.slow) for kind in READ_HERE]
)
def test_a_tree_gives_what_rows_of_texts_give(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts of one token, twice the same, one that another begins with; contexts with and without padding."""
    torch.manual_seed(len(kind))
    language = calmed(READ_HERE[kind]()).eval()
    assert can_read(language)
    texts = [[3, 1], [3, 4, 1], [9], [3, 4, 8, 1], [3, 4, 1], [7, 7, 7, 7, 1]]
    close = {"rtol": 2e-2, "atol": 0.3} if kind == "half" else CLOSE
    for lengths in ([4, 9, 1], [6, 6], [1]):
        embeddings, mask = contexts(language, lengths)
        with torch.no_grad():
            expected = continuation_logprobs(language, {"inputs_embeds": embeddings, "attention_mask": mask}, texts)
            for most in (512, 2 * len(lengths), 1):
                monkeypatch.setattr(label_tree, "PLACES", most)
                found, following = tree_logprobs(Decoder(language), embeddings, mask, texts)
                torch.testing.assert_close(found, expected, **close)
                torch.testing.assert_close(following.float().log_softmax(-1)[:, [9]], expected[:, 2:3], **close)
                assert found.dtype == torch.float32
                assert torch.equal(found[:, 1], found[:, 4])


def test_a_tree_in_half_precision_of_autocast() -> None:
    model, examples = make_model(), make_examples(3)
    batch = make_batch(model, examples)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = model.label_logprobs(batch, LABELS)
        model.reads_layers = False
        expected = model.label_logprobs(batch, LABELS)
    torch.testing.assert_close(found, expected, rtol=2e-2, atol=0.1)


def test_a_token_that_texts_begin_with_is_read_once() -> None:
    tree, *others = trees([[5, 1], [5, 6, 1], [5, 6, 8, 1], [6, 1], [2], [5, 6, 1]], 99)
    assert not others
    assert tree.tokens == [5, 6, 8, 6]  # The last token of a text is asked for alone.
    assert tree.branches == [(0,), (0, 1), (0, 1, 2), (3,)]
    assert tree.ways[1] == tree.ways[5]
    assert [list(tree.steps)[step] for step in tree.ways[2]] == [(0, 5), (1, 6), (2, 8), (3, 1)]
    assert tree.ways[4] == [tree.steps[0, 2]]


@pytest.mark.parametrize(("most", "sizes"), [(2, [2, 1, 1]), (1, [1, 1, 1, 1]), (0, [1, 1, 1, 1]), (3, [2, 2])])
def test_a_tree_has_as_many_texts_as_have_room(most: int, sizes: list[int]) -> None:
    grown = list(trees([[5, 1], [6, 1], [5, 6, 1], [9, 1]], most))
    assert [len(tree.ways) for tree in grown] == sizes


def test_angles_turn_heads_as_transformers_turns_them() -> None:
    rotary = LlamaRotaryEmbedding(LlamaConfig(hidden_size=32, num_attention_heads=2))
    vectors, positions = torch.randn(3, 2, 7, 16), torch.randint(0, 400, (3, 7))
    cos, sin = rotary(vectors, position_ids=positions)
    expected, _ = apply_rotary_pos_emb(vectors, vectors, cos, sin)
    assert torch.equal(decoder._turned(vectors, [cos[:, None], sin[:, None, :, :8]]), expected)


def test_contexts_are_read_in_one_pass_with_the_first_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    model = make_model()
    batch = make_batch(model, make_examples(3))
    read, grown = [], []
    reading, growing = Decoder.read, Decoder.branch
    monkeypatch.setattr(Decoder, "read", lambda *given: (read.append(given), reading(*given))[1])
    monkeypatch.setattr(Decoder, "branch", lambda *given: (grown.append(given), growing(*given))[1])
    expected = model.label_logprobs(batch, LABELS)
    tree = Tree()
    for label in LABELS:
        tree.add(model.answer_ids(label, batch.prompts[0]))
    assert len(tree.tokens) < sum(map(len, tree.ways)) - len(LABELS)  # Some are shared.
    (once,) = read
    assert once[1].shape[1] == batch.context.input_ids.shape[1]
    assert once[4].tokens.tolist() == tree.tokens
    assert not grown
    monkeypatch.setattr(label_tree, "PLACES", 3 * 8)
    torch.testing.assert_close(model.label_logprobs(batch, LABELS), expected, **CLOSE)
    assert len(read) == 2
    assert len(read[1][4].tokens) + sum(len(given[1].tokens) for given in grown) >= len(tree.tokens)


@pytest.mark.parametrize("most", [512, 24])
def test_answers_and_likelihoods_share_what_was_read(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that end are left out of what follows, whose keys take the places of the first tree's."""
    model, generation = make_model(), Generation(max_new_tokens=6)
    batch, read, reading = make_batch(model, make_examples(3)), [0], Decoder.read
    monkeypatch.setattr(label_tree, "PLACES", most)
    texts, logprobs = model.generate(batch, generation), model.label_logprobs(batch, LABELS)
    monkeypatch.setattr(Decoder, "read", lambda *given: (read.append(1), reading(*given))[1])
    said, found = model.say_with_logprobs(batch, generation, LABELS)
    assert [(each.text, each.prompt) for each in said] == list(zip(texts, batch.prompts, strict=True))
    torch.testing.assert_close(found, logprobs, rtol=0, atol=0)
    assert sum(read) == 1
    said, found = model.say_with_logprobs(batch, Generation(max_new_tokens=6, num_beams=2), LABELS)
    assert [each.text for each in said] == model.generate(batch, Generation(max_new_tokens=6, num_beams=2))
    torch.testing.assert_close(found, logprobs, rtol=0, atol=0)


def test_transformers_reads_the_context_once() -> None:
    model = make_model()
    batch = make_batch(model, make_examples(3))
    longest = batch.context.input_ids.shape[1]
    lengths = []
    layer = model.language.get_base_model().model.layers[0]
    layer.register_forward_hook(lambda module, args, output: lengths.append(args[0].shape[1]))
    model.label_logprobs(batch, LABELS)
    assert lengths.count(longest) == 1
    assert sum(lengths) < longest + 2 * max(len(label) for label in LABELS)


class OtherLayer(DynamicLayer):
    """A kind of layer that may hold more than keys and values."""


@pytest.mark.parametrize("kind", [DynamicLayer, OtherLayer, lambda: DynamicSlidingWindowLayer(4)])
def test_the_keys_of_a_context_are_repeated_for_its_texts_and_stay(kind: Callable[[], DynamicLayer]) -> None:
    keys, values, new = torch.rand(2, 3, 5, 4), torch.rand(2, 3, 5, 4), torch.rand(4, 3, 1, 4)
    cache = Cache(layers=[kind()])
    cache.update(keys, values, 0)
    held = cache.layers[0].keys.clone()
    for _ in range(2):
        after = continuations._shared(cache, 2).update(new, new + 1, 0)
        for context, found, more in zip((held, cache.layers[0].values), after, (new, new + 1), strict=True):
            assert torch.equal(found, torch.cat([context.repeat_interleave(2, dim=0), more], dim=2))
    assert torch.equal(cache.layers[0].keys, held)


@pytest.mark.parametrize("layout", ["upstream_eval", "demo"])
def test_layouts_and_frames(layout: str) -> None:
    model, examples = make_model(), make_examples(2, frames=2)
    processor = EmotionLlamaProcessor(model.tokenizer, image_tokens=model.image_tokens, layout=layout)
    with torch.no_grad():
        expected = -torch.cat(
            [model.answer_losses(processor.batch(examples, [label] * 2))[0][:, None] for label in LABELS], 1
        )
    found = model.label_logprobs(processor.batch(examples, [None, None]), LABELS)
    torch.testing.assert_close(found, expected, **CLOSE)
