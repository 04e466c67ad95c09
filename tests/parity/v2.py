"""Emotion-LLaMA-v2 under test: a golden folder's weights through our import, and what it recomputes of the records."""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from parity.comparison import Comparison, Each, Near, Unchecked, without_numbers
from parity.golden import GoldenFolder
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM

from emolightning.data.media.images import CLIP_MEAN, CLIP_STD
from emolightning.models.emotion_llama.upstream.importing import ADAPTER_FOLDER, TOWER_FOLDER, import_weights
from emolightning.models.emotion_llama_v2.build import build_emotion_llama_v2
from emolightning.models.emotion_llama_v2.emotion_llama_v2 import EmotionLlamaV2
from emolightning.models.emotion_llama_v2.fusion import ConvProAttention, FusionSettings
from emolightning.models.emotion_llama_v2.inputs import INPUTS, STREAMS
from emolightning.models.emotion_llama_v2.processor import EmotionLlamaV2Processor
from emolightning.models.emotion_llama_v2.upstream import checkpoint_format
from emolightning.models.parts.adapter import load_adapter
from emolightning.models.parts.generation import Generation
from emolightning.models.parts.language import LanguageSettings
from emolightning.models.parts.lora import LoraSettings, attach_lora
from emolightning.models.parts.parameters import load_trained_state, trained_state
from emolightning.models.parts.tokenizer import UPSTREAM_PAD
from emolightning.models.parts.vision import VisionSettings, VisionTower
from emolightning.prompt.batching import batch_of
from emolightning.prompt.sequence import Bare, Control, Stream, encode
from emolightning.records.clips import IGNORED, Clip, Example, SequenceBatch
from emolightning.training.optim.groups import parameter_groups
from emolightning.training.optim.schedule import UpstreamWarmupCosine

VALUES, LOGITS, GRADIENTS, LOSSES, RATES = 1e-5, 5e-5, 2e-5, 1e-5, 1e-12
SAID = (
    r"(?:<s>\[INST\] )?<Vid><VideoHere></Vid> *(?:The person in video says: (.*?) +)?\[([\w-]+)\] (.*?) *(?:\[/INST\])?"
)
STAGES = {1: "train", 2: "train_stage2"}
PREPARED = {"dataset_mer2023": "upstream_eval_mer", "inference.py": "demo"}
"""Kind of an evaluation text -> layout; the others are those of the other data sets."""


@dataclass(frozen=True)
class Sample:
    """One sample: its example, and the layout and answer of training."""

    example: Example
    layout: str
    answer: str


class Subject:
    """Our model with a golden folder's weights, in eval mode."""

    def __init__(self, golden: GoldenFolder):
        self.golden = golden
        config = golden.config
        eva, lora, fusion = config["eva"], config["lora"], config["conv_pro"]
        self.hard = config["hard_coded"]
        vision = VisionSettings(
            image_size=eva["image_size"], patch_size=eva["patch_size"], width=eva["width"], num_layers=eva["depth"],
            num_heads=eva["heads"], mlp_width=eva["mlp_hidden"],
        )  # fmt: skip
        hidden, width = map(int, fusion["layers"].split(","))
        settings = FusionSettings(hidden, width, fusion["output_dim"], fusion["dropout"])
        adapters = LoraSettings(r=lora["r"], alpha=lora["alpha"], dropout=lora["dropout"], targets=lora["targets"])
        llama, eva_file = golden.weights("model", "llama_model"), golden.weights("eva", "file")
        (checkpoint,) = golden.folder.glob("checkpoint*.pth")
        self.format = checkpoint_format(settings)
        with TemporaryDirectory(prefix="emolightning-parity-") as name:
            out = Path(name)
            self.report = import_weights(
                llama=llama, eva=eva_file, checkpoint=checkpoint, out=out, vision=vision, lora=adapters,
                format=self.format,
            )  # fmt: skip
            self.model: EmotionLlamaV2 = build_emotion_llama_v2(
                vision=replace(vision, path=str(out / TOWER_FOLDER)),
                language=LanguageSettings(path=str(llama)),
                lora=replace(adapters, dropout=0.0),
                fusion=settings,
                inputs=list(INPUTS),
                feature_widths={
                    "video": self.hard["video_features"][1],
                    "audio": self.hard["audio_features"][1],
                },
                num_tokens=self.hard["tokens_fusion"],
            ).eval()
            load_adapter(self.model, out / ADAPTER_FOLDER)

    def processor(self, layout: str, **options: Any) -> EmotionLlamaV2Processor:
        """That of a layout."""
        return EmotionLlamaV2Processor(
            self.model.tokenizer, image_tokens=self.model.image_tokens, num_tokens=self.model.num_tokens, layout=layout,
            **options,
        )  # fmt: skip

    @cached_property
    def samples(self) -> list[Sample]:
        """All of `samples.json`."""
        tensors = self.golden.tensors("inputs.safetensors")
        return [self._sample(number, row, tensors) for number, row in enumerate(self.golden.json("samples.json"))]

    def _sample(self, number: int, row: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Sample:
        side = self.golden.config["eva"]["image_size"]
        image = torch.zeros(3, side, side)
        if (pixels := tensors.get(f"s{number}.image_u8")) is not None:
            times = side // pixels.shape[-1]
            grey = pixels.float().repeat_interleave(times, 1).repeat_interleave(times, 2) / 255
            image = (grey - torch.tensor(CLIP_MEAN)[:, None, None]) / torch.tensor(CLIP_STD)[:, None, None]
        features = {
            name: tensors.get(f"s{number}.{name}_features", torch.zeros(1, *self.hard[f"{name}_features"])).float()[0]
            for name in ("video", "audio")
        }
        layout = STAGES[row["stage"]]
        transcript, task, instruction = said(row["instruction_input"], layout)
        clip = Clip(row["image_id"], Path("none"), transcript=transcript)
        example = Example(clip, number, instruction, task, images={"image": image[None]}, features=features)
        return Sample(example, layout, row["answer"])

    def batch(
        self, positions: Sequence[int], layouts: Sequence[str] | None = None, *, evaluates: bool = False
    ) -> SequenceBatch:
        """Some samples in their own layouts, or the evaluation texts of `eval.json`."""
        chosen = [self.evaluated[place] if evaluates else self.samples[place] for place in positions]
        encoded = [self.processor(s.layout).encode(s.example, s.answer) for s in chosen]
        return batch_of([sample.example for sample in chosen], encoded)

    @cached_property
    def evaluated(self) -> list[Sample]:
        """The samples as they are asked in `eval.json`."""
        found = []
        for row, sample in zip(self.golden.json("eval.json")["samples"], self.samples, strict=True):
            layout = PREPARED.get(row["kind"], "upstream_eval")
            transcript, task, instruction = said(row["text"], layout)
            clip = replace(sample.example.clip, transcript=transcript)
            found.append(Sample(replace(sample.example, clip=clip, task=task, instruction=instruction), layout, ""))
        return found

    def padded(self, batch: SequenceBatch) -> Tensor:
        """Embedded sequences with upstream's padding, (batch, tokens, width)."""
        tokens = batch.sequence
        embedded = self.model.embed(tokens, self.model.project(batch))
        pad = self.model.tokenizer.hugging_face.convert_tokens_to_ids(UPSTREAM_PAD)
        filler = self.model.language.get_input_embeddings()(torch.tensor([pad]))[0]
        return torch.where(tokens.attention_mask[..., None].bool(), embedded, filler)

    def logits(self, embedded: Tensor, mask: Tensor) -> Tensor:
        """(batch, tokens, vocabulary)."""
        return self.model.language(inputs_embeds=embedded, attention_mask=mask).logits


def said(text: str, layout: str) -> tuple[str | None, str, str]:
    """Upstream's text -> transcript, task, instruction."""
    found = re.fullmatch(SAID, text, flags=re.DOTALL)
    if found is None:
        raise ValueError(f"{text!r} is no text of a data set")
    transcript = found[1]
    if transcript is not None and layout not in ("train_stage2", "demo"):
        transcript = transcript.removesuffix(".")
    return transcript, found[2], found[3]


@contextmanager
def listening(model: EmotionLlamaV2) -> Any:
    """What passes between layers, under the record's names."""
    found: dict[str, Tensor] = {}
    fusion = model.fusion
    assert isinstance(fusion, ConvProAttention)
    assert model.vision is not None

    def keep(name: str, *, is_input: bool = False) -> Callable[..., None]:
        def hook(_: Any, inputs: Any, output: Tensor) -> None:
            if output.ndim == 3:  # The tower pools once more, which nobody uses.
                found[name] = inputs[0] if is_input else output

        return hook

    named = [(f"fusion.feats_prep.{k}", layers) for k, layers in enumerate(fusion.feats_prep)]
    named += [(f"fusion.{name}", getattr(fusion, name)) for name in ("attention_mlp", "fc_att", "conv_entry")]
    named += [(f"fusion.conv_block.{k}", block) for k, block in enumerate(fusion.conv_module.conv_blocks)]
    named += [("fusion.conv_module", fusion.conv_module), ("fusion.out", fusion)]
    handles = [layer.register_forward_hook(keep(name)) for name, layer in named]
    handles.append(fusion.fc_final.register_forward_hook(keep("fusion.weighted_plus_conv", is_input=True)))
    norm = model.vision.tower.post_layernorm
    handles += [norm.register_forward_hook(keep("vit_out", is_input=True)), norm.register_forward_hook(keep("ln_out"))]
    yield found
    for handle in handles:
        handle.remove()


@torch.no_grad()
def recompute_encoder(subject: Subject) -> dict[str, Any]:
    """Content of `encoder.safetensors`."""
    batch = subject.batch(range(len(subject.samples)))
    assert subject.model.vision is not None
    with listening(subject.model) as found:
        projected = subject.model.project(batch)
    positions = subject.model.vision.tower.embeddings.position_embedding[0, 1::64]
    about: dict[str, Any] = {"pos_embed_interpolated_every_64th": Near(positions, VALUES)}
    for name in ("vit_out", "ln_out"):
        values = found.pop(name)
        about |= {
            f"{name}_cls": Near(values[:, 0], VALUES),
            f"{name}_patches_every_32nd": Near(values[:, 1::32], VALUES),
        }
    about |= {name: Near(values, VALUES) for name, values in found.items()}
    about["tokens"] = Near(torch.cat([projected[name] for name in STREAMS], dim=1), VALUES)
    masked = subject.processor("train", missing="masked").batch(
        [sample.example for sample in subject.samples], [None] * len(subject.samples)
    )
    about["atts"] = torch.stack(
        [mask[ids < 0] for ids, mask in zip(masked.sequence.input_ids, masked.sequence.attention_mask, strict=True)]
    )
    return {"encoder.safetensors": about}


def recompute_training(subject: Subject) -> dict[str, Any]:
    """Content of `train.json`, `train.safetensors` and `grads_batch.safetensors`."""
    about: dict[str, Any] = {"samples": []}
    tensors: dict[str, Any] = {}
    with torch.no_grad():
        for number, sample in enumerate(subject.samples):
            about["samples"].append(_about_sample(subject, number, sample, tensors))
        batch = subject.batch(range(len(subject.samples)))
        tokens = batch.sequence
        embedded = subject.padded(batch)
        logits = subject.logits(embedded, tokens.attention_mask)
        is_target = tokens.targets != IGNORED
        tensors |= {
            "batch.inputs_embeds": Near(embedded, VALUES),
            "batch.attention_mask": tokens.attention_mask,
            "batch.labels": tokens.targets,
        }
        for row in range(len(subject.samples)):
            places = is_target[row].nonzero()[:, 0] - 1
            tensors[f"batch.logits_row{row}"] = Near(logits[row, places], LOGITS)
        about["batch"] = {
            "order": list(range(len(subject.samples))),
            "loss": Near(float(subject.model(batch)), LOSSES),
            "seq_len": tokens.input_ids.shape[1],
            "attention_mask_sums": tokens.attention_mask.sum(dim=1).tolist(),
            "n_target_tokens": int(is_target.sum()),
        }
    recorded = subject.golden.json("train.json")["grads"]
    grads = gradients(subject)
    about["grads"] = Each({name: _about_gradient(recorded.get(name, {}), grad) for name, grad in grads.items()})
    some = {
        name: Near(_columns(grad, recorded[name]["columns"]), GRADIENTS * float(grad.abs().max()), "absolute")
        for name, grad in grads.items()
        if name in recorded
    }
    return {"train.json": about, "train.safetensors": tensors, "grads_batch.safetensors": some}


def _about_sample(subject: Subject, number: int, sample: Sample, tensors: dict[str, Any]) -> dict[str, Any]:
    batch = subject.batch([number])
    tokens = batch.sequence
    embedded = subject.model.embed(tokens, subject.model.project(batch))
    logits = subject.logits(embedded, tokens.attention_mask)[0]
    places = (tokens.targets[0] != IGNORED).nonzero()[:, 0] - 1
    tensors |= {
        f"s{number}.labels": tokens.targets[0],
        f"s{number}.logit_positions": places,
        f"s{number}.logits": Near(logits[places], LOGITS),
    }
    if number == 0:
        tensors["s0.inputs_embeds"] = Near(embedded[0], VALUES)
    return {
        "image_id": sample.example.clip.id,
        "loss": Near(float(subject.model(batch)), LOSSES),
        "n_target_tokens": len(places),
        "seq_len": tokens.input_ids.shape[1],
        "attention_mask_sum": int(tokens.attention_mask.sum()),
        "first_target_position": int(places[0]) + 1,
        "layout": layout(subject, sample),
    }


def layout(subject: Subject, sample: Sample) -> list[dict[str, Any]]:
    """Our sequence as the record's segments: BOS, texts with their ids, one run of vectors, the answer."""
    processor, tokenizer = subject.processor(sample.layout), subject.model.tokenizer
    example, answer = sample.example, sample.answer
    lengths = processor.stream_lengths(example)
    pieces = processor.pieces(example.instruction, example.clip.transcript, list(lengths), task=example.task)
    segments: list[dict[str, Any]] = []
    bos: list[int] = []
    for piece in pieces:
        if isinstance(piece, Control):
            bos += tokenizer.special_ids(piece.text)
        elif isinstance(piece, Stream):
            if segments[-1]["type"] != "visual":
                segments.append({"type": "visual", "n": 0})
            segments[-1]["n"] += lengths[piece.name]
        else:
            text = piece.text if isinstance(piece, Bare) else piece
            ids = encode([piece], None, tokenizer=tokenizer, lengths={}, placeholders={}).context
            if isinstance(piece, Bare):
                text, ids = f"<s>{text}", [*bos, *ids]
            elif bos and not segments:
                segments.append({"type": "bos", "ids": bos})
            segments.append({"type": "text", "text": text, "ids": ids})
    if answer:
        segments.append(
            {"type": "answer", "text": f"{answer}</s>", "ids": [*tokenizer.text_ids(answer), tokenizer.end_id]}
        )
    return segments


def gradients(subject: Subject) -> dict[str, Tensor]:
    """Upstream's name -> gradient of the loss of all samples in one batch."""
    subject.model.zero_grad()
    subject.model(subject.batch(range(len(subject.samples)))).backward()
    found = {
        subject.format.upstream(name)[0]: parameter.grad.clone()
        for name, parameter in subject.model.named_parameters()
        if parameter.requires_grad and parameter.grad is not None
    }
    subject.model.zero_grad()
    return found


def _about_gradient(recorded: Mapping[str, Any], gradient: Tensor) -> dict[str, Any]:
    limit = GRADIENTS * float(gradient.abs().max()) * gradient.numel() ** 0.5
    return {
        "shape": list(gradient.shape),
        "norm": Near(float(gradient.norm()), GRADIENTS, "relative"),
        "sum": Near(float(gradient.double().sum()), limit, "absolute"),
        "columns": recorded.get("columns"),
    }


def _columns(tensor: Tensor, step: str) -> Tensor:
    number = int(step.removeprefix("::"))
    return tensor if number == 1 else tensor[:, ::number]


def recompute_loops(subject: Subject) -> dict[str, Any]:
    """Content of `train_loop.json` and `train_loop.safetensors`; the weights are put back."""
    recorded, about, tensors = subject.golden.json("train_loop.json"), {}, {}
    weights = subject.golden.tensors("train_loop.safetensors")
    before = {name: tensor.clone() for name, tensor in trained_state(subject.model).items()}
    for name, loop in recorded.items():
        try:
            losses, rates = _train(subject, loop)
            after = {subject.format.upstream(own)[0]: t.clone() for own, t in trained_state(subject.model).items()}
        finally:
            load_trained_state(subject.model, before)
        about[name] = {
            "order": loop["order"], "accum": loop["accum"], "schedule": loop["schedule"],
            "losses": Near(losses, LOSSES), "lrs": Near(rates, RATES, "absolute"),
        }  # fmt: skip
        if loop["accum"] == 1:
            for key in weights:
                step = after[key].shape[-1] // weights[key].shape[-1] if after[key].ndim == 2 else 1
                tensors[key] = Near(after[key][:, ::step] if step > 1 else after[key], VALUES)
    return {"train_loop.json": about, "train_loop.safetensors": tensors}


def _train(subject: Subject, loop: Mapping[str, Any]) -> tuple[list[float], list[list[float]]]:
    model, plan, losses, rates = subject.model, loop["schedule"], [], []
    schedule = UpstreamWarmupCosine(plan["min_lr"], plan["warmup_lr"], plan["warmup_steps"])
    (optimizer,) = (torch.optim.AdamW(parameter_groups(model), lr=plan["init_lr"], weight_decay=0.05),)
    length = {"init_lr": plan["init_lr"], "steps_per_epoch": plan["iters_per_epoch"], "max_epochs": plan["max_epoch"]}
    for step, positions in enumerate(loop["order"]):
        rate = schedule.learning_rate(0, step, **length)
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss = model(subject.batch(positions))
        loss.backward()
        losses.append(float(loss.detach()))
        rates.append([rate, rate])
        if (step + 1) % loop["accum"] == 0:
            optimizer.step()
            optimizer.zero_grad()
    model.zero_grad()
    return losses, rates


@torch.no_grad()
def recompute_evaluation(subject: Subject) -> dict[str, Any]:
    """Content of `eval.json` and `eval.safetensors`."""
    recorded = subject.golden.json("eval.json")
    kept = subject.golden.tensors("eval.safetensors")
    longest = max(len(row["ids"]) for row in recorded["samples"]) - 1
    about: dict[str, Any] = {"samples": []}
    tensors: dict[str, Any] = {}
    for number, (row, sample) in enumerate(zip(recorded["samples"], subject.evaluated, strict=True)):
        batch = subject.batch([number], evaluates=True)
        embedded = subject.model.embed(batch.context, subject.model.project(batch))
        mask = batch.context.attention_mask
        tensors[f"s{number}.first_logits"] = Near(subject.logits(embedded, mask)[0, -1], LOGITS)
        if f"s{number}.context_embeds" in kept:
            tensors[f"s{number}.context_embeds"] = Near(embedded[0], VALUES)
        ids = subject.model.generate_ids(embedded, mask, Generation(max_new_tokens=longest))[0].tolist()
        about["samples"].append(
            {
                "image_id": sample.example.clip.id,
                "text": row["text"],
                "context_len": embedded.shape[1],
                "layout": layout(subject, sample),
                "ids": [1, *_to_end(ids)],
                "answer": subject.model.tokenizer.decode(ids),
            }
        )
    about |= _about_batch(subject, longest, recorded)
    return {"eval.json": about, "eval.safetensors": tensors}


def _about_batch(subject: Subject, longest: int, recorded: Mapping[str, Any]) -> dict[str, Any]:
    batch = subject.batch(range(len(subject.samples)), evaluates=True)
    embedded, mask = subject.model.embed(batch.context, subject.model.project(batch)), batch.context.attention_mask
    greedy = Generation(max_new_tokens=longest)
    ids = subject.model.generate_ids(embedded, mask, greedy).tolist()
    rows = [[1, *row, *[2] * (longest - len(row))] for row in map(_to_end, ids)]
    beams = Generation(max_new_tokens=recorded["generation_config_used"]["max_new_tokens"], num_beams=3)
    answers = []
    for number in range(len(recorded["beam3"]["ids"])):
        one = subject.batch([number], evaluates=True)
        context = subject.model.embed(one.context, subject.model.project(one))
        answers.append(_to_end(subject.model.generate_ids(context, one.context.attention_mask, beams)[0].tolist()))
    decode = subject.model.tokenizer.decode
    return {
        "batch": {
            "ids": rows,
            "answers": [decode(row) for row in ids],
            "attention_mask_sums": mask.sum(dim=1).tolist(),
            "equals_single": [True] * len(rows),
        },
        "beam3": {"ids": [[1, *row] for row in answers], "answers": [decode(row) for row in answers]},
    }


def _to_end(ids: Sequence[int]) -> list[int]:
    return [*ids[: ids.index(2)], 2] if 2 in ids else list(ids)


def recompute_texts(subject: Subject) -> dict[str, Any]:
    """Content of `text.json`: ids of whole strings, special tokens cut out, in both of transformers' ways."""
    rows = [_about_text(subject, row) for row in subject.golden.json("text.json")["strings"]]
    return {"text.json": {"strings": rows}}


def _about_text(subject: Subject, row: Mapping[str, Any]) -> dict[str, Any]:
    tokenizer = subject.model.tokenizer
    bos = [tokenizer.bos_token_id] if row["add_special_tokens"] else []
    plain, bare = list(bos), list(bos)
    for place, chunk in enumerate(re.split(r"(<s>|</s>|<unk>)", row["text"])):
        if place % 2:
            plain += (ids := tokenizer.special_ids(chunk))
            bare += ids
        elif chunk:
            plain += tokenizer.text_ids(chunk)
            bare += tokenizer.text_ids(chunk) if place == 0 else tokenizer.bare_ids(chunk)
    return {
        "text": row["text"], "add_special_tokens": row["add_special_tokens"], "ids": bare,
        "ids_legacy_true": plain if plain != bare else None,
    }  # fmt: skip


def recompute_schedule(subject: Subject) -> dict[str, Any]:
    """Content of `lr_schedule.json`."""
    about = {}
    for name, plan in subject.golden.json("lr_schedule.json").items():
        if isinstance(plan, str):
            continue
        schedule = UpstreamWarmupCosine(plan["min_lr"], plan["warmup_lr"], plan["warmup_steps"])
        per_epoch = plan["iters_per_epoch"]
        length = {"init_lr": plan["init_lr"], "steps_per_epoch": per_epoch, "max_epochs": plan["max_epoch"]}
        trace = []
        for step, _ in plan["trace"]:
            rate = schedule.learning_rate(step // per_epoch, step % per_epoch, **length)
            trace.append([step, Near(rate, RATES, "absolute")])
        about[name] = {**{key: value for key, value in plan.items() if key != "trace"}, "trace": trace}
    return {"lr_schedule.json": about}


def recompute_keys(subject: Subject) -> dict[str, Any]:
    """Content of `checkpoint_keys.json`."""
    own = {subject.format.upstream(name)[0]: tensor for name, tensor in trained_state(subject.model).items()}
    by_name = {id(parameter): name for name, parameter in subject.model.named_parameters()}
    groups = parameter_groups(subject.model)
    names = [[subject.format.upstream(by_name[id(p)])[0] for p in group["params"]] for group in groups]
    recorded = subject.golden.json("checkpoint_keys.json")
    found = [
        {"weight_decay": group.get("weight_decay", 0.05), "names": sorted(of_group)}
        for group, of_group in zip(groups, names, strict=True)
    ]
    kept = [{**group, "names": sorted(group["names"])} for group in recorded["optimizer_groups"]]
    same = [{key: of_group[key] for key in ("weight_decay", "names")} for of_group in kept]
    about: dict[str, Any] = {
        "model": Each({name: {"shape": list(t.shape), "dtype": str(t.dtype)} for name, t in own.items()}),
        "optimizer_groups": recorded["optimizer_groups"] if found == same else found,
    }
    return {"checkpoint_keys.json": about}


def recompute_full_size(subject: Subject) -> dict[str, Any]:
    """Content of `keys_fullsize.json`: the published sizes, built without memory."""
    vision = VisionSettings()
    with torch.device("meta"):
        llama = LlamaForCausalLM(LlamaConfig(hidden_size=4096, intermediate_size=11008, vocab_size=32000))
        parts = nn.ModuleDict({"language": attach_lora(llama.requires_grad_(False), LoraSettings())})
        widths = {"video": 1408, "audio": 1280}
        parts.update(checkpoint_format(FusionSettings()).fresh(vision, widths, llama.config.hidden_size))
        parts["vision"] = VisionTower(vision)
    found: dict[str, list[Any]] = {}
    for name, parameter in parts.named_parameters():
        theirs = subject.format.upstream(name)
        for source in theirs:
            shape = list(parameter.shape)
            shape = [shape[0] // 3] if len(theirs) == 2 else shape  # The biases of queries and values alone.
            found[source] = [shape, int(parameter.requires_grad), int(parameter.requires_grad), Unchecked("a sentence")]
    trained = sum(torch.Size(shape).numel() for shape, is_trained, *_ in found.values() if is_trained)
    total = sum(torch.Size(shape).numel() for shape, *_ in found.values())
    recorded = subject.golden.json("keys_fullsize.json")["summary"]
    numbers = [value for value in recorded.values() if isinstance(value, int)]
    assert {trained, total} <= {*numbers}, recorded
    return {"keys_fullsize.json": {"keys": Each(found)}}


GROUPS = (
    (recompute_encoder, ("encoder.safetensors",)),
    (recompute_training, ("train.json", "train.safetensors", "grads_batch.safetensors")),
    (recompute_loops, ("train_loop.json", "train_loop.safetensors")),
    (recompute_evaluation, ("eval.json", "eval.safetensors")),
    (recompute_texts, ("text.json",)),
    (recompute_schedule, ("lr_schedule.json",)),
    (recompute_keys, ("checkpoint_keys.json",)),
    (recompute_full_size, ("keys_fullsize.json",)),
)
"""What recomputes, and the files whose content it gives."""


def recompute(subject: Subject) -> dict[str, Any]:
    """File -> what it holds by our own computation, of everything in the folder that a model has made."""
    found: dict[str, Any] = {}
    for group, files in GROUPS:
        if all(subject.golden.has(name) for name in files):
            found |= group(subject)
    return found


def compare(golden: GoldenFolder, computed: Mapping[str, Any]) -> Comparison:
    """The records of a folder beside what we compute."""
    comparison = Comparison()
    for name, content in computed.items():
        is_tensors = name.endswith(".safetensors")
        recorded = golden.tensors(name) if is_tensors else golden.json(name)
        comparison.compare(name, recorded, content, label=without_numbers if is_tensors else None)
    return comparison
