"""The content of each file of a recorded AffectGPT folder, as our code computes it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from parity.affectgpt_subject import MARKERS, THEIRS, Recorded, load, own_name
from parity.comparison import AnyOrder, Near, Unchecked
from torch import Tensor, nn
from torch.optim import AdamW

from emolightning.models.affectgpt import distilled
from emolightning.models.affectgpt.affectgpt import AffectGPT
from emolightning.models.affectgpt.distillation import DistillationSettings, unit_directions
from emolightning.models.affectgpt.distilled import DistilledAffectGPT
from emolightning.models.affectgpt.fusion import Fusion
from emolightning.models.affectgpt.inputs import STREAMS
from emolightning.models.affectgpt.instructions import question
from emolightning.models.affectgpt.layouts import END, LAYOUTS, context_pieces
from emolightning.models.parts.generation import Generation
from emolightning.records.clips import IGNORED, SequenceBatch
from emolightning.training.optim.groups import parameter_groups
from emolightning.training.optim.schedule import Length, UpstreamWarmupCosine

FUSED, LOGITS, LOSS, WEIGHTS, LIGHT_WEIGHTS = 1.4e-6, 6e-6, 5e-7, 2.5e-7, 1e-5
"""Relative to the largest recorded magnitude. All but that of logits are the limits of the record's README, a figure of
one digit up to where it would be the next.

Of logits it says 4.4e-6, which depends on the processor. Those of `train.safetensors` are as far away from ours as this
on an Intel Xeon, by what torch and MKL may use of it (ATEN_CPU_CAPABILITY, MKL_ENABLE_INSTRUCTIONS and MKL_CBWR): both
AVX-512 4.7e-6, both AVX2 4.6e-6, neither 4.6e-6; mixtures 4.1e-6 (torch AVX2, MKL AVX-512) to 5.5e-6 (torch neither,
MKL AVX-512). With the language model in float64 they still are 4.4e-6 to 4.8e-6 away, so most of it is rounding in the
record. The limit is the next digit above all of these."""
GRADIENTS, LIGHT_GRADIENTS, OF_SINKHORN = 2.5e-4, 3.5e-6, 1e-5
"""The same, of gradients as they are. Sinkhorn's, of which float64 gives the same digits, follow the hidden states:
noise of 4.4e-6 in these, which the README allows, moves them by 1.0e-5 to 1.4e-5."""
EXAMPLE = "I really can't believe it, this is wonderful!"
"""The subtitle of the prompts in the real vocabulary."""

CHECKPOINT = "checkpoint_tiny.pth"


def fused(recorded: Recorded, fusion: Fusion, keys: Mapping[str, Tensor], prefix: str = "") -> dict[str, Any]:
    """Tokens of each stream and what goes in and out of each layer, by the record's names."""
    found: dict[str, Tensor] = {}
    for clip in recorded.clips:
        vectors = {name: stream[None] for name, stream in recorded.streams(clip).items()}
        for stream in ("face", "frame"):
            with torch.no_grad(), _noting(fusion, found, f"{clip}.{stream}"):
                found[f"{clip}.{stream}_llm"] = fusion.video(vectors[stream])
            with torch.no_grad(), _noting(fusion, found, f"{clip}.multi{stream}"):
                found[f"{clip}.multi{stream}_llm"] = fusion.multi(vectors[stream], vectors["speech"])
        with torch.no_grad(), _noting(fusion, found, f"{clip}.audio"):
            found[f"{clip}.audio_llm"] = fusion.audio(vectors["speech"])
        with torch.no_grad():
            found[f"{clip}.image_llm"] = fusion({"picture": vectors["picture"]})["picture"]
            found[f"{clip}.multi_hidden"] = fusion.multi_hidden(vectors["face"], vectors["speech"])
    return {
        prefix + name: Near(tensor.reshape(keys[prefix + name].shape), FUSED)
        for name, tensor in found.items()
        if prefix + name in keys and tensor.numel() == keys[prefix + name].numel()
    }


@contextmanager
def _noting(fusion: Fusion, found: dict[str, Tensor], place: str) -> Iterator[None]:
    """What goes into and out of each linear layer meanwhile."""

    def note(name: str) -> Callable[..., None]:
        def hook(_: nn.Module, given: Any, output: Tensor) -> None:
            found[f"{place}.{name}.in"], found[f"{place}.{name}.out"] = given[0], output

        return hook

    hooks = [module.register_forward_hook(note(name)) for name, module in fusion.named_children()]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def fusion_file(recorded: Recorded) -> dict[str, Any]:
    """`fusion_attention.safetensors`."""
    return fused(recorded, recorded.main.projections, recorded.tensors("fusion_attention.safetensors"))


def main_batch(recorded: Recorded, model: AffectGPT) -> SequenceBatch:
    """The batch `main`."""
    clips = recorded.json("train.json")["main"]["rows"]
    return recorded.batch(model, [(clip, "ovlabel") for clip in clips], "train", streams=recorded.together(clips))


def variant_file(recorded: Recorded, kind: str) -> dict[str, Any]:
    """`variant_KIND.safetensors`: another way to fuse, with LoRA of the main weights."""
    keys = recorded.tensors(f"variant_{kind}.safetensors")
    own = {name.removeprefix("weights."): tensor for name, tensor in keys.items() if name.startswith("weights.")}
    lora = {name: tensor for name, tensor in recorded.weights(CHECKPOINT).items() if "lora_" in name}
    model = recorded.model({**own, **lora}, kind=kind)
    loss, gradients = gradients_of(model, main_batch(recorded, model))
    found: dict[str, Any] = fused(recorded, model.projections, keys, "fusion.")
    found |= {
        f"weights.{name}": tensor for name, tensor in own.items() if own_name(name) in dict(model.named_parameters())
    }
    found |= {
        key: Near(tensor, GRADIENTS, "absolute")
        for name, tensor in gradients.items()
        if (key := f"grads.{name}") in keys
    }
    found |= {
        f"grad_norms.{name}": Near(tensor.norm().reshape(1), GRADIENTS, "absolute")
        for name, tensor in gradients.items()
    }
    return found | {f"{kind}.loss": Near(loss.reshape(1), LOSS)}


def variants_json(recorded: Recorded) -> dict[str, Any]:
    """`variants.json`; its losses are among the tensors, too."""
    about: dict[str, Any] = {}
    for kind in recorded.json("variants.json"):
        loss = recorded.tensors(f"variant_{kind}.safetensors")[f"{kind}.loss"]
        unused = ["image_llama_proj.weight", "image_llama_proj.bias"]
        options = [f"model.{name}_fusion_type={kind}" for name in ("video", "audio")]
        options.append("model.multi_fusion_type=qformer" if kind == "qformer" else "model.image_fusion_type=token")
        about[kind] = {"loss": Near(float(loss), LOSS), "options": options, "frozen_or_unused": unused}
    return about


def gradients_of(model: AffectGPT, batch: SequenceBatch) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss, and gradients by upstream's names."""
    model.zero_grad()
    loss = model(batch)
    loss.backward()
    found = {_theirs(name): p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    return loss.detach(), found


def _theirs(name: str) -> str:
    part, _, rest = name.partition(".")
    return {"language": "llama_model.", "projections": "", "distillation": "ot_hidden_proj."}[part] + rest


def gradients_file(recorded: Recorded) -> dict[str, Any]:
    """`grads_attention.safetensors`."""
    _, gradients = gradients_of(recorded.main, main_batch(recorded, recorded.main))
    return {name: Near(tensor, GRADIENTS, "absolute") for name, tensor in gradients.items()}


def train_files(recorded: Recorded) -> tuple[dict[str, Any], dict[str, Any]]:
    """`train.json` and `train.safetensors`: sequences and losses of batches, of single rows, of each layout."""
    model, first = recorded.main, [(row["name"], "ovlabel") for row in recorded.rows[:2]]
    batch = main_batch(recorded, model)
    found = _sequence(recorded, "main", batch)
    with torch.no_grad():
        embeddings = model.embed(batch.sequence, model.project(batch))
        logits = model.language(inputs_embeds=embeddings, attention_mask=batch.sequence.attention_mask).logits
    answers = batch.sequence.targets[:, 1:] != IGNORED
    theirs = recorded.tensors("train.safetensors")["main.inputs_embeds"]
    found |= {
        "main.inputs_embeds": Near(_unpadded(batch, embeddings, theirs), FUSED),
        "main.answer_logits": Near(logits[:, :-1][answers], LOGITS),
    }
    for number, row in enumerate(recorded.rows):
        found |= _sequence(recorded, f"single{number}", recorded.batch(model, [(row["name"], "ovlabel")], "train"))
    for layout in LAYOUTS:
        found |= _sequence(recorded, layout, recorded.batch(model, first, layout))
    about = recorded.json("train.json")
    _, gradients = gradients_of(model, batch)
    json: dict[str, Any] = {name: Unchecked("says what was recorded") for name in about}
    for name in {key.partition(".")[0] for key in found} & {*about}:
        json[name] = {
            **dict.fromkeys(about[name], Unchecked("an input")),
            "loss": Near(float(found[f"{name}.loss"].value), LOSS),
        }
    json["main"]["no_gradient"] = AnyOrder([name for name in recorded.weights(CHECKPOINT) if name not in gradients])
    json["main"]["texts"] = Unchecked("shown by the ids")
    return json, found


def _unpadded(batch: SequenceBatch, embeddings: Tensor, theirs: Tensor) -> Tensor:
    """Embeddings with the record's where there is only padding, which is another token there."""
    return torch.where(batch.sequence.attention_mask[: len(theirs), :, None] == 1, embeddings, theirs)


def _sequence(recorded: Recorded, tag: str, batch: SequenceBatch) -> dict[str, Any]:
    tokens = batch.sequence
    with torch.no_grad():
        loss = recorded.main(batch).reshape(1)
    mask = tokens.attention_mask.clone()
    mask[:, :] = torch.where(tokens.input_ids == recorded.config["eos"], 0, mask)  # Theirs: whatever is not padding.
    return {
        f"{tag}.input_ids": recorded.theirs(tokens.input_ids, tokens.attention_mask),
        f"{tag}.labels": tokens.targets,
        f"{tag}.attention_mask": mask,
        f"{tag}.loss": Near(loss, LOSS),
    }


def evaluated(recorded: Recorded) -> Iterator[tuple[str, str, SequenceBatch]]:
    """What was asked: key, layout, batch of one clip without an answer."""
    for key in recorded.json("eval.json"):
        if key != "stop_ids":
            layout, _, clip = key.partition(".")
            yield (
                key,
                layout,
                recorded.batch(recorded.main, [(clip, "ovlabel")], f"{layout}/upstream_eval", answers=False),
            )


def eval_file(recorded: Recorded) -> dict[str, Any]:
    """`eval.safetensors`."""
    model, found = recorded.main, {}
    for key, _, batch in evaluated(recorded):
        with torch.no_grad():
            embeddings = model.embed(batch.context, model.project(batch))
            logits = model.language(inputs_embeds=embeddings, attention_mask=batch.context.attention_mask).logits
        found |= {
            f"{key}.inputs_embeds": Near(embeddings[0], FUSED),
            f"{key}.first_logits": Near(logits[0, -1], LOGITS),
        }
    return found


@torch.no_grad()
def eval_json(recorded: Recorded) -> dict[str, Any]:
    """`eval.json`: prompts, ids, what is generated, and what is read from it."""
    model, theirs = recorded.main, recorded.json("eval.json")
    found: dict[str, Any] = {"stop_ids": Unchecked("ours stop where the text ends with ###, in whatever tokens")}
    markers = {marker: "" for marker in recorded.config["special_token_ids"]}
    for key, layout, batch in evaluated(recorded):
        context = batch.context
        embeddings = model.embed(context, model.project(batch))
        rows = model.generate_ids(embeddings, context.attention_mask, Generation(max_new_tokens=24))
        ids, (said,) = rows[0].tolist(), model._decode(rows)
        longer = theirs[key]["greedy_ids"]
        if model.tokenizer.decode(ids).endswith(END):  # Theirs goes on after a ### in tokens that it does not know.
            longer = longer[: len(ids)]
        response = theirs[key]["response"]
        for marker in markers:  # Their tokenizer speaks its markers.
            response = response.replace(marker, "")
        found[key] = {
            "needed_data": AnyOrder([THEIRS[name] for name in LAYOUTS[layout].needs if name in THEIRS]),
            "min_top1_top2_gap": Unchecked("how safe the greedy ids are"),
            "subtitle": recorded.row(key.partition(".")[2])["subtitle"],
            **dict.fromkeys(("prompt", "expanded"), _shown(batch.prompts[0])),
            "prompt_ids": recorded.theirs(context.input_ids, context.attention_mask)[0].tolist(),
            "greedy_ids": theirs[key]["greedy_ids"] if ids == longer else ids,
            "response": theirs[key]["response"] if said == response else said,
            "length": context.input_ids.shape[1],
        }
    return found


def _shown(prompt: str) -> str:
    """A prompt with upstream's markers."""
    for name, marker in MARKERS.items():
        prompt = prompt.replace(f"<{name}>", marker)
    return prompt


def train_loop(recorded: Recorded) -> tuple[dict[str, Any], dict[str, Any]]:
    """`train_loop.json` and `weights_after_loop.safetensors`."""
    about, model = recorded.json("train_loop.json"), recorded.model(recorded.weights(CHECKPOINT))
    options = dict(option.split("=") for option in recorded.config["options"])
    steps, losses = about["trace_epoch_iter_loss_lr"], []
    groups = parameter_groups(model)
    decay = about["optimizer_groups"][0][0]
    optimizer = AdamW(groups, lr=1.0, weight_decay=decay, betas=(0.9, 0.999), eps=1e-8)
    rates = []
    for epoch, place, _, _ in steps:
        clips = [recorded.rows[number]["name"] for number in about["batches"][place]]
        rates.append(_rate(options, epoch, place))
        for group in optimizer.param_groups:
            group["lr"] = rates[-1]
        rows = [(clip, "ovlabel") for clip in clips]
        loss = model(recorded.batch(model, rows, "train", streams=recorded.together(clips)))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    names = {id(parameter): _theirs(name) for name, parameter in model.named_parameters()}
    order = [[names[id(parameter)] for parameter in group["params"]] for group in groups]
    trained = {_theirs(name): p for name, p in model.named_parameters() if p.requires_grad}
    json = {
        **dict.fromkeys(about, Unchecked("of upstream's runner: its log and its file")),
        "trace_epoch_iter_loss_lr": [
            [epoch, place, Near(loss, LOSS), Near(rate, 1e-12, "absolute")]
            for (epoch, place, _, _), loss, rate in zip(steps, losses, rates, strict=True)
        ],
        "optimizer_groups": [[decay, len(order[0])], [0, len(order[1])]],
        "optimizer_order": [AnyOrder(names) for names in order],
        "checkpoint_keys": {name: list(p.shape) for name, p in trained.items()},
    }
    return json, {name: Near(parameter.detach(), WEIGHTS) for name, parameter in trained.items()}


def _rate(options: Mapping[str, str], epoch: int, place: int) -> float:
    """Upstream's learning rate; its epochs count from 1."""
    number = {
        name: float(options[f"run.{name}"])
        for name in ("init_lr", "min_lr", "warmup_lr", "iters_per_epoch", "max_epoch")
    }
    schedule = UpstreamWarmupCosine(
        min_lr=number["min_lr"],
        warmup_lr=number["warmup_lr"],
        warmup_steps=int(options["run.warmup_steps"]),
        first_epoch=1,
    )
    length, total = int(number["iters_per_epoch"]), int(number["max_epoch"])
    return number["init_lr"] * schedule.factor(
        (epoch - 1) * length + place, Length(total * length, length, number["init_lr"])
    )


def light_mer(recorded: Recorded) -> tuple[dict[str, Any], dict[str, Any]]:
    """`lightmer.json` and `lightmer.safetensors`: losses, gradients and eight steps of a student with its teacher."""
    keys, about = recorded.tensors("lightmer.safetensors"), recorded.json("lightmer.json")
    teacher = recorded.model(recorded.weights("teacher_checkpoint_tiny.pth"), language="llm3_teacher")
    batches = _light_batches(recorded, teacher)
    first = batches[0]
    json: dict[str, Any] = {
        **dict.fromkeys(about, Unchecked("says what was recorded, or is of upstream's file")),
        "texts": Unchecked("shown by the ids"),
    }
    found: dict[str, Any] = {
        "input_ids": recorded.theirs(first.sequence.input_ids, first.sequence.attention_mask),
        "labels": first.sequence.targets,
        "attention_mask": torch.where(
            first.sequence.input_ids == recorded.config["eos"], 0, first.sequence.attention_mask
        ),
        "answer_mask": (first.sequence.targets[:, 1:] != IGNORED).long(),
        "directions": Unchecked("random: of the record"),
    }
    student = _student(recorded, teacher, DistillationSettings(num_directions=len(keys["directions"])))
    answers = first.sequence.targets[:, 1:] != IGNORED
    for tag, model, features in (("s", student, first.features), ("t", teacher, student._teachers(first.features))):
        with torch.no_grad():
            projected = model.projections(features)
            hidden = student._hidden(model, first, projected)[:, :-1][answers]
            found[f"{tag}_hidden_answer"] = Near(hidden, LOGITS)
            found[f"{tag}_logits_answer"] = Near(model.language.get_output_embeddings()(hidden), LOGITS)
            theirs, row = keys[f"{tag}_embeds_row0"], model.embed(first.sequence, projected)[:1]
            found[f"{tag}_embeds_row0"] = Near(_unpadded(first, row, theirs[None])[0], FUSED)
    for tag in ("swd", "sinkhorn", "swd_kl"):
        json[tag], more = _light_losses(recorded, teacher, tag, first)
        found |= {name: value for name, value in more.items() if name in keys}
    json["loop"], weights = _light_loop(recorded, teacher, batches)
    return json, {**found, **weights}


def _light_batches(recorded: Recorded, teacher: AffectGPT) -> list[SequenceBatch]:
    names = [row["name"] for row in recorded.rows]
    rows = [
        [(names[0], "ovlabel"), (names[1], "description"), (names[2], "ovlabel")],
        [(names[1], "ovlabel"), (names[0], "description")],
        [(names[2], "description"), (names[-1], "ovlabel")],
        [(names[0], "ovlabel"), (names[1], "ovlabel")],
    ]
    batches = []
    for each in rows:
        clips = [clip for clip, _ in each]
        batch = recorded.batch(teacher, each, "train", streams=recorded.together(clips))
        seen = recorded.together(clips, "_small")
        batch.features = {f"teacher_{name}": stream for name, stream in batch.features.items()}
        batch.features |= {name: torch.stack([seen[clip][name] for clip in clips]) for name in ("face", "speech")}
        batches.append(batch)
    return batches


def _student(recorded: Recorded, teacher: AffectGPT, settings: DistillationSettings) -> DistilledAffectGPT:
    weights = recorded.weights("student_checkpoint_tiny.pth").items()
    own = {name: tensor for name, tensor in weights if not name.startswith("ot_hidden_proj.")}
    model = recorded.model(own, language="llm3_student")
    return DistilledAffectGPT(
        language=model.language, tokenizer=model.tokenizer, projections=model.projections, settings=settings,
        load_teacher=lambda: teacher,
    ).eval()  # fmt: skip


def _load_projections(model: DistilledAffectGPT, own: Mapping[str, Tensor]) -> None:
    """Both sides' projections of hidden states."""
    load(model, {name: tensor for name, tensor in own.items() if ".student_proj." in name}, all_of_them=False)
    start = "ot_hidden_proj.teacher_proj."
    fixed = {name.removeprefix(start): tensor for name, tensor in own.items() if name.startswith(start)}
    model.fixed.load_state_dict(fixed)


def _light_losses(
    recorded: Recorded, teacher: AffectGPT, tag: str, batch: SequenceBatch
) -> tuple[dict[str, Any], dict[str, Any]]:
    """One way to distil: what the json says of it, and gradients."""
    keys, about = recorded.tensors("lightmer.safetensors"), recorded.json("lightmer.json")[tag]
    own = {
        name.removeprefix(f"{tag}.weights."): tensor
        for name, tensor in keys.items()
        if name.startswith(f"{tag}.weights.")
    }
    kind: Any = "sinkhorn" if tag == "sinkhorn" else "swd"
    settings = DistillationSettings(
        hidden=kind,
        warmup_steps=_ramp(recorded),
        num_directions=len(keys["directions"]),
        width=keys["sinkhorn.weights.ot_hidden_proj.student_proj.1.weight"].shape[0],
        kl_weight=_words_weight(about),
    )
    model = _student(recorded, teacher, settings)
    _load_projections(model, own)
    model.step = about["global_step"]
    with _directions(lambda: keys["directions"]):
        loss, gradients = gradients_of(model, batch)
        with torch.no_grad():
            sums, numbers, _ = model.learning_losses(batch)
    said = {
        "loss": Near(float(loss), LOSS),
        "ce_loss": Near(float(sums.sum() / numbers.sum()), LOSS),
        "ot_hidden_loss": Near(float(model.losses["hidden"]), LOSS),
        "kl_loss": Near(float(model.losses["words"]), LOSS),
        "ot_weight": settings.weight(about["global_step"]),
        "global_step": about["global_step"],
    }
    limit = OF_SINKHORN if kind == "sinkhorn" else LIGHT_GRADIENTS
    found = {f"{tag}.grads.{name}": Near(tensor, limit) for name, tensor in gradients.items()}
    return said, found | {f"{tag}.weights.{name}": tensor for name, tensor in own.items()}


def _ramp(recorded: Recorded) -> int:
    """The steps over which the weight of hidden states rises, by what the loop shows."""
    steps = recorded.json("lightmer.json")["loop"]["rows"]
    return next(round(row[2] / row[6]) for row in steps if 0 < row[6] < 1)


def _words_weight(about: Mapping[str, float]) -> float:
    """The weight of the words, by what the losses add up to."""
    if not about["kl_loss"]:
        return 0.0
    more = about["loss"] - about["ce_loss"] - about["ot_weight"] * about["ot_hidden_loss"]
    return round(more / about["kl_loss"], 3)


@contextmanager
def _directions(make: Callable[[], Tensor]) -> Iterator[None]:
    """The record's directions, in the place of random ones."""
    before = distilled.unit_directions
    distilled.unit_directions = lambda *_: make()
    try:
        yield
    finally:
        distilled.unit_directions = before


def _light_loop(
    recorded: Recorded, teacher: AffectGPT, batches: list[SequenceBatch]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Eight steps, accumulation 2, gradients clipped to 1."""
    about, keys = recorded.json("lightmer.json")["loop"], recorded.tensors("lightmer.safetensors")
    settings = DistillationSettings(warmup_steps=_ramp(recorded), num_directions=len(keys["directions"]))
    model = _student(recorded, teacher, settings)
    swd = {
        name.removeprefix("swd.weights."): tensor for name, tensor in keys.items() if name.startswith("swd.weights.")
    }
    _load_projections(model, swd)
    optimizer = AdamW(parameter_groups(model), lr=1.0, weight_decay=0.01, betas=(0.9, 0.999), eps=1e-8)
    rows, norms = [], []
    for row in about["rows"]:
        epoch, place, step, rate = int(row[0]), int(row[1]), int(row[2]), row[7]
        for group in optimizer.param_groups:
            group["lr"] = rate
        model.step = step
        drawn = torch.Generator().manual_seed(100 + step)
        with _directions(lambda drawn=drawn: _unit(settings, keys, drawn)):
            sums, numbers, more = model.learning_losses(batches[place])
        words = sums.sum() / numbers.sum()
        loss = words + more
        (loss / about["accum"]).backward()
        hidden, weight = float(model.losses["hidden"]), settings.weight(step)
        rows.append(
            [
                epoch,
                place,
                step,
                *(Near(float(v), 1e-5) for v in (loss.detach(), words.detach(), hidden)),
                Near(weight, 1e-9),
                rate,
            ]
        )
        if (place + 1) % about["accum"] == 0:
            trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
            norms.append(Near(float(nn.utils.clip_grad_norm_(trained, 1.0)), 1e-5))
            optimizer.step()
            optimizer.zero_grad()
    trained = {f"loop.weights.{_theirs(n)}": Near(p.detach(), LIGHT_WEIGHTS) for n, p in model.named_parameters()}
    said = {**dict.fromkeys(about, Unchecked("says what was recorded")), "rows": rows, "grad_norm_before_clip": norms}
    return said, {name: value for name, value in trained.items() if name in keys}


def _unit(settings: DistillationSettings, keys: Mapping[str, Tensor], drawn: torch.Generator) -> Tensor:
    return unit_directions(settings.num_directions, keys["directions"].shape[1], drawn)


def texts_in_the_real_vocabulary(recorded: Recorded) -> dict[str, Any]:
    """`real_token_ids.json`: the ids need the real tokenizer, the texts do not."""
    about = recorded.json("real_token_ids.json")
    asked = question("ovlabel", ())
    prompts = {}
    for layout in about["prompts"]:
        pieces = context_pieces(asked, EXAMPLE, STREAMS, layout=f"{layout}/upstream_eval")
        text = "".join(piece if isinstance(piece, str) else f"<{piece.name}>" for piece in pieces)
        prompts[layout] = {"text": _shown(text), "ids": Unchecked("of the real vocabulary")}
    return {**dict.fromkeys(about, Unchecked("of the real vocabulary")), "prompts": prompts}
