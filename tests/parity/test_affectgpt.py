"""AffectGPT and Light-MER against values that the released code computed, for whatever folder of this form is given.

What their encoders make of clips is in `test_encoders_frames.py` and `test_encoders_sound.py`.
"""

from functools import cache, partial

import pytest
import torch
from parity import affectgpt_records as records
from parity.affectgpt_subject import Recorded
from parity.comparison import Comparison, without_numbers
from parity.recorded_features import recorded, slack
from parity.report import lines

from emolightning.models.affectgpt.distillation import (
    DistillationSettings,
    HiddenProjection,
    fixed_projection,
    rows_of,
    sliced_wasserstein,
    words_difference,
)

ALONE = {
    "fusion_attention.safetensors": records.fusion_file,
    "variant_mean.safetensors": partial(records.variant_file, kind="mean"),
    "variant_qformer.safetensors": partial(records.variant_file, kind="qformer"),
    "variants.json": records.variants_json,
    "grads_attention.safetensors": records.gradients_file,
    "eval.json": records.eval_json,
    "eval.safetensors": records.eval_file,
    "real_token_ids.json": records.texts_in_the_real_vocabulary,
}
TOGETHER = {
    ("train.json", "train.safetensors"): records.train_files,
    ("train_loop.json", "weights_after_loop.safetensors"): records.train_loop,
    ("lightmer.json", "lightmer.safetensors"): records.light_mer,
}
"""Files whose content comes of one computation."""
LOOPS = ("train_loop.json", "weights_after_loop.safetensors")
SLOW = ("variant_mean.safetensors", *LOOPS, "lightmer.json", "lightmer.safetensors")
"""Files that take seconds; what Light-MER's losses make of recorded states is checked always, below."""
FILES = [*ALONE, *(name for names in TOGETHER for name in names)]


@cache
def computed_of(golden: Recorded, name: str):
    if name in ALONE:
        return ALONE[name](golden)
    names = next(names for names in TOGETHER if name in names)
    return together(golden, names)[names.index(name)]


@cache
def together(golden: Recorded, names: tuple[str, str]):
    return TOGETHER[names](golden)


@pytest.fixture(scope="module")
def golden(request) -> Recorded:
    return Recorded(recorded(request, "golden_affectgpt", "fusion_attention.safetensors"))


def compared(name: str, content, computed, times: float = 1.0) -> Comparison:
    found = Comparison()
    found.compare(name, content, computed, label=without_numbers if name.endswith(".safetensors") else None)
    for row in found.rows.values():
        row.tolerance *= times
    return found


def content_of(golden: Recorded, name: str):
    if not (golden.folder / name).exists():
        pytest.skip(f"{golden.folder} has no {name}")
    return golden.tensors(name) if name.endswith(".safetensors") else golden.json(name)


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in FILES])
def test_every_recorded_value(golden, name, request):
    found = compared(name, content_of(golden, name), computed_of(golden, name), slack(request))
    assert found.is_ok, "\n".join(lines(found))


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".safetensors") and name not in SLOW])
def test_a_changed_value_is_noticed(golden, name):
    content, computed = content_of(golden, name), computed_of(golden, name)
    key = next(
        key for key in reversed(content) if key in computed and content[key].is_floating_point() and content[key].any()
    )
    changed = content[key].clone()
    changed.view(-1)[changed.abs().argmax()] += 1e-3 * max(1.0, float(changed.abs().max()))
    assert not compared(name, {**content, key: changed}, computed).is_ok
    assert not compared(name, {**content, "unknown.tensor": torch.zeros(2)}, computed).is_ok


def test_distances_of_recorded_states(golden):
    content, about = content_of(golden, "lightmer.safetensors"), content_of(golden, "lightmer.json")
    mask, (own, other) = content["answer_mask"].bool(), (content[f"{side}_hidden_answer"] for side in "st")
    settings = DistillationSettings()
    hidden, fixed = HiddenProjection(own.shape[1], settings), fixed_projection(own.shape[1], other.shape[1], settings)
    start = "swd.weights.ot_hidden_proj."
    weights = {name.removeprefix(start): tensor for name, tensor in content.items() if name.startswith(start)}
    fixed.load_state_dict({"weight": weights.pop("teacher_proj.weight")})
    hidden.load_state_dict(weights)
    found = sliced_wasserstein(rows_of(hidden(own), mask), rows_of(fixed(other), mask), content["directions"])
    assert float(found) == pytest.approx(about["swd"]["ot_hidden_loss"], rel=2e-6)
    words = words_difference(content["s_logits_answer"], content["t_logits_answer"], temperature=settings.temperature)
    assert float(words) == pytest.approx(about["swd_kl"]["kl_loss"], rel=2e-6)
