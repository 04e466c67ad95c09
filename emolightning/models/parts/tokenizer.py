"""The language model's tokenizer: plain text to ids, ids to an answer, and the model's own chat format.

The published weights saw every piece of the prompt encoded by plain SentencePiece. Newer transformers convert such a
tokenizer and honour its `legacy` switch, which changes ids around special tokens and spaces; so where a folder has a
SentencePiece `tokenizer.model`, text is encoded by that file itself.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import sentencepiece
from transformers import AutoTokenizer

from emolightning.errors import UserError
from emolightning.models.parts.language import LanguageSettings
from emolightning.models.parts.pretrained import (
    CONFIG,
    broken_json,
    describe_model,
    first_line,
    refuse_own_code,
    require_vocabulary,
)
from emolightning.prompt.chat_format import ChatFormat

TINY_TOKENIZER = Path(__file__).parent / "tiny_tokenizer"
SENTENCEPIECE_FILE = "tokenizer.model"
UPSTREAM_PAD = "$$"
"""Upstream makes this piece its padding token, so it vanishes from decoded answers."""

QUESTION, ANSWER = "QUESTION-PLACE", "ANSWER-PLACE"
MOST_TEXTS = 8192
"""Texts whose ids are kept: labels, questions and chat formats come again in each step, transcripts in each epoch."""

TEMPLATE_DATE = "26 Jul 2024"
"""Llama-3.1's own default. Later templates put today's date into the prompt, and no run could be repeated."""


class Tokenizer:
    """What this project needs of a Hugging Face tokenizer.

    Args:
        tokenizer: with a fast or slow implementation.
        pieces: the folder's SentencePiece model, where it has one.
        name: the folder, for messages.
        chat: what is around a question, where a family has that of its own; None takes the language model's.

    Raises:
        UserError: there is no token that ends an answer, or no BOS where the chat format needs one.
    """

    def __init__(self, tokenizer: Any, *, pieces: Any = None, name: str = "tokenizer", chat: ChatFormat | None = None):
        self.hugging_face = tokenizer
        self.pieces = pieces
        self.name = name
        self._ids: dict[tuple[str, bool], list[int]] = {}
        self.chat = chat or chat_format(tokenizer, name)
        self.bos_token_id: int | None = tokenizer.bos_token_id
        self.end_id: int = self.special_ids(self.chat.end)[0]
        """Ends every answer that is learned."""
        self.stop_ids: list[int] = sorted({self.end_id, tokenizer.eos_token_id} - {None})
        """Any of them ends a generated answer."""
        self.pad_token_id: int = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else self.end_id
        """Fills finished rows; masked everywhere."""
        self._unspoken = set(tokenizer.all_special_ids) | set(tokenizer.added_tokens_decoder)
        if pieces is not None and UPSTREAM_PAD in tokenizer.get_vocab():
            self._unspoken.add(tokenizer.convert_tokens_to_ids(UPSTREAM_PAD))

    def __len__(self) -> int:
        """Number of tokens, added ones included."""
        return len(self.hugging_face)

    def fit_embeddings(self, num_embeddings: int) -> None:
        """Compare with the language model's table, which may have more rows than there are tokens.

        A padding token that was only added to the tokenizer has no row; the end token takes its place.

        Raises:
            UserError: tokens that a sequence needs have no row.
        """
        needed = [*self.stop_ids, *self.special_ids(self.chat.opening), *self.special_ids(self.chat.closing)]
        highest = max(self.hugging_face.vocab_size - 1, *needed)
        if highest >= num_embeddings:
            raise UserError(
                f"{self.name}: its tokens go up to {highest}, and the language model has embeddings for "
                f"{num_embeddings}; take the tokenizer that the model came with, or resize the model's embeddings"
            )
        if self.pad_token_id >= num_embeddings:
            self.pad_token_id = self.end_id

    def text_ids(self, text: str) -> list[int]:
        """Ids of plain text: `</s>` inside it is three characters and more, never the end of the sequence."""
        return self._known(text, is_plain=True)

    def bare_ids(self, text: str) -> list[int]:
        """The same without the dummy prefix that SentencePiece puts before a text."""
        if self.pieces is None:
            return self.text_ids(text)
        unknown = self.pieces.id_to_piece(self.pieces.unk_id())
        # As transformers does it where `legacy` is false: the prefix goes to what is cut off again.
        return self.pieces.encode(unknown + text)[len(self.pieces.encode(unknown)) :]

    def special_ids(self, text: str) -> list[int]:
        """Ids of a part of the chat format, in which special tokens count."""
        return self._known(text, is_plain=False) if text else []

    def _known(self, text: str, *, is_plain: bool) -> list[int]:
        """Ids that were found before, or are now; the list is the caller's own."""
        found = self._ids.get((text, is_plain))
        if found is None:
            if len(self._ids) >= MOST_TEXTS:
                self._ids.clear()
            found = self._ids[text, is_plain] = self._encoded(text, is_plain=is_plain)
        return list(found)

    def _encoded(self, text: str, *, is_plain: bool) -> list[int]:
        if is_plain and self.pieces is not None:
            return self.pieces.encode(text)
        splits = {"split_special_tokens": True} if is_plain else {}
        return self.hugging_face(text, add_special_tokens=False, **splits)["input_ids"]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of an answer: no special or added token, no id beyond the vocabulary, no outer space."""
        spoken = [number for number in ids if 0 <= number < len(self) and number not in self._unspoken]
        return self.hugging_face.decode(spoken).strip()

    def save_pretrained(self, folder: str | Path) -> None:
        """Write it in Hugging Face format."""
        self.hugging_face.save_pretrained(folder)


def load_tokenizer(settings: LanguageSettings, chat: Callable[[Any], ChatFormat | None] | None = None) -> Tokenizer:
    """The tokenizer of a language model; without a folder the small one that comes with the project.

    Args:
        settings: where it is.
        chat: gives a family's own chat format for a Hugging Face tokenizer, or None for the language model's.

    Raises:
        UserError: the folder holds none, one that asks for code of its own, or one without the tokens that a sequence
            needs.
    """
    place = Path(settings.tokenizer or settings.path or TINY_TOKENIZER)
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(place), local_files_only=True, trust_remote_code=False)
    except Exception as error:  # Whatever damaged files make of transformers' many classes.
        refuse_own_code(place, error)
        if (place / CONFIG).is_file():  # transformers reads it for the tokenizer as well.
            describe_model(place)
        raise UserError(
            f"{place}: {broken_json(place)}no tokenizer that transformers can read ({first_line(error)}); put "
            f"tokenizer.json or {SENTENCEPIECE_FILE} with tokenizer_config.json there, or "
            "say model.language.tokenizer=FOLDER"
        ) from error
    require_vocabulary(place, tokenizer)
    if not isinstance(tokenizer.model_max_length, int | float):
        raise UserError(
            f"{place}/tokenizer_config.json: model_max_length is {ascii(tokenizer.model_max_length)}, not a number of "
            "tokens; write the number, or take the line out"
        )
    pieces = _load_pieces(place / SENTENCEPIECE_FILE, tokenizer)
    return Tokenizer(tokenizer, pieces=pieces, name=str(place), chat=chat(tokenizer) if chat else None)


def _load_pieces(path: Path, tokenizer: Any) -> Any:
    """The SentencePiece model; None where there is none (Llama-3's file of that name is of another kind)."""
    if not path.is_file():
        return None
    pieces = sentencepiece.SentencePieceProcessor()
    try:
        pieces.LoadFromSerializedProto(path.read_bytes())
    except RuntimeError:
        return None
    if pieces.get_piece_size() > len(tokenizer):
        raise UserError(
            f"{path}: has {pieces.get_piece_size()} pieces, the tokenizer files beside it {len(tokenizer)} tokens; "
            "they belong to different models"
        )
    return pieces


def chat_format(tokenizer: Any, name: str) -> ChatFormat:
    """The format of a tokenizer's chat template; Llama-2's where there is none or where it uses the same brackets.

    Raises:
        UserError: no special token ends an answer, BOS is missing, or the template fails.
    """
    if tokenizer.eos_token is None:
        raise UserError(f"{name}: the tokenizer has no eos_token, which ends every answer; set it in its config")
    found = _of_template(tokenizer, name) if tokenizer.chat_template else None
    if found is not None:
        return found
    if tokenizer.bos_token is None:
        raise UserError(f"{name}: the tokenizer has neither a chat template nor a bos_token; set one in its config")
    return ChatFormat(opening=tokenizer.bos_token, end=tokenizer.eos_token)


def _of_template(tokenizer: Any, name: str) -> ChatFormat | None:
    turns = [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": ANSWER}]
    asked = _render(tokenizer, name, turns[:1], add_generation_prompt=True)
    opening, found, closing = asked.partition(QUESTION)
    if not found:
        raise UserError(f"{name}: its chat template leaves the user's message out")
    if "[/INST]" in closing:
        return None
    behind = _render(tokenizer, name, turns).partition(ANSWER)[2]
    return ChatFormat(opening, closing, end=end_of_turn(tokenizer, behind), in_brackets=False)


def end_of_turn(tokenizer: Any, behind: str) -> str:
    """The token that ends an answer: what a template writes behind it, or the one that ends a text."""
    # Llama-3's <|eot_id|> is an added token without a name: not among `all_special_tokens`.
    added = {*tokenizer.all_special_tokens, *map(str, tokenizer.added_tokens_decoder.values())}
    return max((token for token in added if behind.startswith(token)), key=len, default=tokenizer.eos_token)


def _render(tokenizer: Any, name: str, turns: list[dict[str, str]], **options: Any) -> str:
    try:
        return tokenizer.apply_chat_template(turns, tokenize=False, date_string=TEMPLATE_DATE, **options)
    except Exception as error:  # A template is a program: it raises what it likes, on purpose or not.
        raise UserError(
            f"{name}: its chat template cannot be used ({first_line(error)}); mend chat_template in "
            "tokenizer_config.json or chat_template.jinja, or say model.language.tokenizer=FOLDER"
        ) from error
