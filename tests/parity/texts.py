"""Checks of texts: upstream's tokenizer, its caption processor, its reading of answers."""

from typing import Any

from parity.comparison import Unchecked
from parity.golden import GoldenFolder
from parity.layouts import upstream_ids
from parity.subject import Subject

from emolightning.benchmarks.merr.captions import blip_caption
from emolightning.scoring.upstream_readers import read_upstream

FILE = "text.json"


def recompute(golden: GoldenFolder, subject: Subject) -> dict[str, Any]:
    """Content of `text.json`."""
    recorded, tokenizer = golden.json(FILE), subject.tokenizer.hugging_face
    about = {
        "pad_token_id": subject.pad_id,
        "bos": tokenizer.bos_token_id,
        "eos": tokenizer.eos_token_id,
        "unk": tokenizer.unk_token_id,
        "encode": [_encoded(subject, row["text"], row["add_special_tokens"]) for row in recorded.get("encode", [])],
        "decode_skip_special": [
            {"ids": row["ids"], "text": subject.tokenizer.decode(row["ids"])}
            for row in recorded.get("decode_skip_special", [])
        ],
        "empty_segment_dtype": Unchecked("a dtype inside upstream; no empty segment is built here"),
        "blip_caption": [{"in": row["in"], "out": blip_caption(row["in"])} for row in recorded.get("blip_caption", [])],
        "label_postprocess": [
            {"in": row["in"], "out": read_upstream(row["in"])} for row in recorded.get("label_postprocess", [])
        ],
    }
    if "prepare_texts" in recorded:
        text = recorded["prepare_texts"]["in"]
        about["prepare_texts"] = {"in": text, "out": f"<s>[INST] {text} [/INST]"}
    return {FILE: about}


def _encoded(subject: Subject, text: str, add_bos: bool) -> dict[str, Any]:
    ids = upstream_ids(subject, text, add_bos=add_bos)
    pieces = subject.tokenizer.hugging_face.convert_ids_to_tokens(ids)
    return {"text": text, "add_special_tokens": add_bos, "ids": ids, "pieces": pieces}
