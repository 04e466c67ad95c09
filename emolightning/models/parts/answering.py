"""What all families with a language model do with their streams: put them into sequences, and go on with these.

streams in the language model's width ----> their placeholders ---\
BOS, prompt, transcript, answer ----------> token embeddings -------> sequence --> language model + adapters
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, distributed

from emolightning.models.emotion_model import EmotionModel
from emolightning.models.parts.continuations import continuation_logprobs
from emolightning.models.parts.cross_entropy import PLAIN, CrossEntropy
from emolightning.models.parts.decoder import Decoder, can_read
from emolightning.models.parts.generation import Generation
from emolightning.models.parts.greedy import greedy_ids, is_greedy
from emolightning.models.parts.label_tree import tree_logprobs
from emolightning.models.parts.masks import visible
from emolightning.records.clips import IGNORED, Said, SequenceBatch, TokenBatch


class AnsweringModel(EmotionModel):
    """A language model that answers questions about streams of vectors; a family says what these are, in `project`.

    Args:
        language: a causal language model, usually wrapped by PEFT.
        tokenizer: the language model's (`emolightning.models.parts.tokenizer`).
        placeholders: stream name -> the negative id that marks its places in `input_ids`.
    """

    reads_layers = True
    """Whether layers are read one by one where that is the same; else transformers' `generate` and `forward` are."""

    def __init__(self, *, language: Any, tokenizer: Any, placeholders: Mapping[str, int]):
        super().__init__()
        self.language = language
        self.tokenizer = tokenizer
        self.placeholders = placeholders

    def describe(self, base: str | None) -> str:
        """Kind of the language model, where it is from, and how it is asked."""
        chat = "Llama-2's chat format" if self.tokenizer.chat.in_brackets else "its own chat template"
        return f"{self.language.config.model_type}{f' of {base}' if base else ', random weights'}, {chat}"

    def embed(self, tokens: TokenBatch, projected: Mapping[str, Tensor]) -> Tensor:
        """Token embeddings with the projected streams at their placeholders.

        Args:
            tokens: `input_ids` (batch, length).
            projected: stream name -> (batch, tokens, width); a row with fewer placeholders than tokens uses its first.

        Returns:
            (batch, length, width)
        """
        embeddings = self.language.get_input_embeddings()(tokens.input_ids.clamp(min=0)).clone()
        nowhere = tokens.input_ids.new_empty((3, 0))
        for name, vectors in projected.items():
            # Also of a stream that no clip of the batch shows: processes wait for a gradient of what made it.
            rows, places, numbers = tokens.places.streams.get(self.placeholders[name], nowhere)
            embeddings[rows, places] = vectors[rows, numbers].to(embeddings.dtype)
        return embeddings

    def answer_losses(
        self,
        batch: SequenceBatch,
        projected: Mapping[str, Tensor] | None = None,
        *,
        cross_entropy: CrossEntropy = PLAIN,
    ) -> tuple[Tensor, Tensor]:
        """Cross-entropy of the answers, clip by clip.

        Args:
            batch: clips with answers.
            projected: result of `project`, when it is at hand.
            cross_entropy: of a token.

        Returns:
            Sum over the answer's tokens in nats, (batch,) float32; number of those tokens, (batch,) int64.
        """
        tokens = batch.sequence
        embeddings = self.embed(tokens, self.project(batch) if projected is None else projected)
        # Logits at the few places where some row has a target: over the whole sequence they would cost more memory
        # and, for a small model, more time than all the layers below.
        logits = self.language(
            inputs_embeds=embeddings,
            logits_to_keep=tokens.places.scored,
            **visible(self.language, embeddings, tokens),
        ).logits
        rows, numbers, targets = tokens.places.learned
        losses = cross_entropy(logits[rows, numbers], targets)
        sums = torch.zeros(len(logits), dtype=losses.dtype, device=losses.device).index_add(0, rows, losses)
        return sums, (tokens.targets[:, 1:] != IGNORED).sum(dim=1)

    @torch.no_grad()
    def generate(
        self,
        batch: SequenceBatch,
        generation: Generation,
        *,
        projected: Mapping[str, Tensor] | None = None,
        seed: int = 0,
    ) -> list[str]:
        """One answer a clip, without special tokens and outer spaces; the same alone and in any batch.

        Args:
            batch: clips; their answers are not looked at.
            generation: greedy, beams or sampling.
            projected: result of `project`, when it is at hand.
            seed: of sampling, together with the clip's id.
        """
        embeddings, masks = self._embedded_contexts(batch, projected)
        if not generation.do_sample:
            return self._decode(self.generate_ids(embeddings, masks, generation))
        answers = []
        # A draw must not depend on who else is in the batch.
        for row in one_by_one(len(batch.clips), embeddings.device, is_synced=self.is_synced):
            first = int(masks[row].argmax())
            with torch.random.fork_rng():
                torch.manual_seed(clip_seed(seed, batch.clips[row].id))
                context, mask = embeddings[row : row + 1, first:], masks[row : row + 1, first:]
                answers += self._decode(self.generate_ids(context, mask, generation))
        return answers[: len(batch.clips)]

    @torch.no_grad()
    def label_logprobs(
        self, batch: SequenceBatch, labels: Sequence[str], *, projected: Mapping[str, Tensor] | None = None
    ) -> Tensor:
        """How likely each label is as the whole answer; the same alone and in any batch.

        The token that ends an answer counts, as in training: without it `happy` would be given what belongs to
        `happy and sad`, and a label that another one begins with would always win.

        Args:
            batch: clips; their answers are not looked at.
            labels: texts of one or several tokens.
            projected: result of `project`, when it is at hand.

        Returns:
            Sums of log-probabilities in nats, (batch, labels), float32.
        """
        embeddings, masks = self._embedded_contexts(batch, projected)
        answers = [self.answer_ids(label, batch.prompts[0]) for label in labels]
        if self._may_read():
            return tree_logprobs(Decoder(self.language), embeddings, masks, answers)[0]
        context = {"inputs_embeds": embeddings, "attention_mask": masks}
        return continuation_logprobs(self.language, context, answers, is_one_by_one=self.is_synced)

    @torch.no_grad()
    def say_with_logprobs(
        self,
        batch: SequenceBatch,
        generation: Generation,
        labels: Sequence[str],
        *,
        projected: Mapping[str, Tensor] | None = None,
        seed: int = 0,
    ) -> tuple[list[Said], Tensor]:
        """What `say` and `label_logprobs` return, of contexts that are read once where that is the same."""
        arguments = self._arguments(generation)
        if not (is_greedy(arguments) and self._may_read()):
            return super().say_with_logprobs(batch, generation, labels, projected=projected, seed=seed)
        decoder, most = Decoder(self.language), arguments["max_new_tokens"]
        embeddings, masks = self._embedded_contexts(batch, projected)
        answers = [self.answer_ids(label, batch.prompts[0]) for label in labels]
        logprobs, logits = tree_logprobs(decoder, embeddings, masks, answers, most - 1)
        texts = self._decode(self._greedy_ids(decoder, logits, arguments))
        return [Said(text, prompt) for text, prompt in zip(texts, batch.prompts, strict=True)], logprobs

    def label_lengths(self, batch: SequenceBatch, labels: Sequence[str]) -> list[int]:
        """Tokens of each label, the one that ends an answer included."""
        return [len(self.answer_ids(label, batch.prompts[0])) for label in labels]

    @torch.no_grad()
    def generate_ids(self, embeddings: Tensor, attention_mask: Tensor, generation: Generation) -> Tensor:
        """New tokens that follow embedded contexts.

        Args:
            embeddings: (batch, tokens, width), padded on the left.
            attention_mask: (batch, tokens)
            generation: greedy, beams or sampling.

        Returns:
            Ids, (batch, longest answer); finished rows are filled with the padding token.
        """
        arguments = self._arguments(generation)
        if is_greedy(arguments) and self._may_read():
            decoder = Decoder(self.language)
            logits = decoder.read(embeddings, attention_mask, arguments["max_new_tokens"] - 1)[:, 0]
            return self._greedy_ids(decoder, logits, arguments)
        return self.language.generate(
            inputs_embeds=embeddings,
            attention_mask=attention_mask,
            use_cache=True,
            synced_gpus=self.is_synced,
            bos_token_id=self.tokenizer.bos_token_id,
            eos_token_id=self.tokenizer.stop_ids,
            pad_token_id=self.tokenizer.pad_token_id,
            **arguments,
        )

    def _embedded_contexts(self, batch: SequenceBatch, projected: Mapping[str, Tensor] | None) -> tuple[Tensor, Tensor]:
        """Embed the contexts, and move them, since a batch moves without them.

        Training does not use contexts.

        Returns:
            Embeddings (batch, tokens, width), and their mask (batch, tokens).
        """
        tokens = batch.context.to(batch.indices.device)
        return self.embed(tokens, self.project(batch) if projected is None else projected), tokens.attention_mask

    def _arguments(self, generation: Generation) -> dict[str, Any]:
        return generation.arguments() | self.ending()

    def _greedy_ids(self, decoder: Decoder, logits: Tensor, arguments: dict[str, Any]) -> Tensor:
        stops, padding = self.tokenizer.stop_ids, self.tokenizer.pad_token_id
        return greedy_ids(decoder, logits, arguments, stop_ids=stops, padding_id=padding)

    def _may_read(self) -> bool:
        """Ranks that wait for each other must call the language model equally often."""
        return self.reads_layers and not self.is_synced and can_read(self.language)

    def answer_ids(self, text: str, prompt: str) -> list[int]:
        """The tokens of a whole answer to a prompt, as they are learned."""
        return [*self.tokenizer.text_ids(text), self.tokenizer.end_id]

    def ending(self) -> dict[str, Any]:
        """What ends an answer beside the tokens that do: arguments of transformers' `generate`."""
        return {}

    def spoken(self, text: str) -> str:
        """The answer in what was generated."""
        return text

    def _decode(self, ids: Tensor) -> list[str]:
        return [self.spoken(self.tokenizer.decode(row)) for row in ids.tolist()]


def one_by_one(number: int, device: torch.device, *, is_synced: bool) -> Iterator[int]:
    """The row of each clip; where ranks wait for each other, again from the start until all ranks are done."""
    rounds = torch.tensor(number, device=device)
    if is_synced:
        distributed.all_reduce(rounds, op=distributed.ReduceOp.MAX)
    for turn in range(int(rounds)):
        yield turn % number


def clip_seed(seed: int, clip_id: str) -> int:
    """What the draws of a clip's answer start from, whatever is answered beside it."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{clip_id}".encode()).digest()[:7], "big")
