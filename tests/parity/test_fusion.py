"""Fusion networks against the released code: outputs, losses, gradients and trained weights, for whatever is recorded.

Sizes, seeds and networks are those of the files in the folder, which `--golden=DIR` may name.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from parity.recorded_features import recorded, slack
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from emolightning.models.fusion.networks.attention import Attention
from emolightning.models.fusion.networks.attention_mer2023 import AttentionMer2023
from emolightning.models.fusion.networks.attention_topn import AttentionTopn
from emolightning.models.fusion.networks.blocks import Shape
from emolightning.models.fusion.networks.conv_attention import ConvAttention
from emolightning.models.fusion.networks.ef_lstm import EfLstm
from emolightning.models.fusion.networks.fbp import BilinearPooling
from emolightning.models.fusion.networks.lf_dnn import LfDnn
from emolightning.models.fusion.networks.lmf import Lmf
from emolightning.models.fusion.networks.misa import Misa
from emolightning.models.fusion.networks.mlp import Mlp
from emolightning.models.fusion.networks.mmim import Mmim
from emolightning.models.fusion.networks.mult import Mult, hidden_keys
from emolightning.models.fusion.networks.tfn import Tfn
from emolightning.models.fusion.search_space import SPACES, space_of
from emolightning.models.fusion.steps import in_steps, shrunk
from emolightning.runs.merbench import Recipe, Rows, averaged, summarised, train_fold

torch.set_num_threads(1)

NETWORKS: dict[str, tuple[type[nn.Module], tuple[str, ...]]] = {
    "mer2023_mlp": (Mlp, ()),
    "mer2023_attention": (AttentionMer2023, ()),
    "conv_attention": (ConvAttention, ()),
    "attention_topn": (AttentionTopn, ("hidden_dim", "dropout")),
    "attention": (Attention, ("hidden_dim", "dropout")),
    "lf_dnn": (LfDnn, ("hidden_dim", "dropout")),
    "tfn": (Tfn, ("hidden_dim", "dropout")),
    "lmf": (Lmf, ("hidden_dim", "dropout", "rank")),
    "misa": (Misa, ("hidden_dim", "dropout", "sim_weight", "diff_weight", "recon_weight")),
    "mmim": (Mmim, ("hidden_dim", "dropout", "cpc_layers", "alpha", "beta")),
    "ef_lstm": (EfLstm, ("hidden_dim", "dropout", "num_layers")),
    "mult": (Mult, ("hidden_dim", "dropout", "layers", "num_heads", "conv1d_kernel_size")),
}
"""How the name of a file begins -> our network, and its arguments as the released code calls them."""

OTHERS = ("mfn", "graph_mfn", "mfm", "mctn")
"""Networks that this project does not have."""

OUTPUTS, LOSSES, GRADIENTS, TRAINED = 2e-7, 1e-6, 2.1e-6, 6e-6
"""Limits of the recorded folder's README; that of outputs is a share of the largest of them, where that is above one.

Of each value by itself it cannot be: MulT's features in float64 are 2.2e-7 away from the recorded ones, which were
rounded on another processor, and the released code's operations in their order are 2.4e-7 away on ours, as our own."""

INSIDE = 1e-5
"""Of values inside a network, for which the README has no limit: behind MulT's convolutions a norm divides by small
deviations, which magnifies the last bits of another processor's convolution."""

NOISE, MOST_NOISE = 2e-8, 1e-3
"""A gradient that was once so small is rounding noise to Adam, whose step divides it by itself plus 1e-8. Weights with
one may be further off; at most one in a thousand is."""

LEVELS = {"utt": "utterance", "frm_unalign": "frame", "frm_align": "aligned"}


@dataclass
class Case:
    """One recorded network, and ours with its weights."""

    about: dict[str, Any]
    tensors: dict[str, Tensor]
    network: nn.Module

    def streams(self, rows: Any) -> list[Tensor]:
        names = ("in.audios", "in.texts", "in.videos")
        found = [self.tensors[name][rows] for name in names if name in self.tensors]
        found += [self.tensors[f"in.feat{n}"][rows] for n in range(99) if f"in.feat{n}" in self.tensors]
        return found * 3 if self.about["name"] == "mer2023_mlp" else found

    def loss(self, rows: Any) -> tuple[Tensor, dict[str, Tensor]]:
        found = self.network(self.streams(rows))
        terms = {"ce": functional.cross_entropy(found.emotions, self.tensors["in.emos"][rows])}
        if found.valence is not None:
            terms["mse"] = functional.mse_loss(found.valence, self.tensors["in.vals"][rows])
        total = found.penalty + sum(terms.values())
        return total, {**terms, "total": total}


def stems(folder: Path) -> list[str]:
    found = []
    for path in sorted(folder.glob("*.json")):
        about = json.loads(path.read_text())
        if isinstance(about, dict) and {"cfg", "batches", "parameters"} <= set(about):
            found.append(path.stem)
    return found


def kind_of(stem: str) -> str:
    return max((name for name in (*NETWORKS, *OTHERS) if stem.startswith(name)), key=len, default=stem)


def network_of(about: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> nn.Module:
    make, names = NETWORKS[kind_of(about["name"])]
    cfg = about["cfg"]
    official = {name.removeprefix("w."): value for name, value in tensors.items() if name.startswith("w.")}
    widths = [tensors[key].shape[-1] for key in ("in.audios", "in.texts", "in.videos") if key in tensors]
    widths += [tensors[f"in.feat{n}"].shape[-1] for n in range(99) if f"in.feat{n}" in tensors]
    if make is Mlp:
        widths = widths * 3
    num_labels = official["fc_out_1.weight" if "fc_out_1.weight" in official else "fc_final.weight"].shape[0]
    has_valence = official.get("fc_out_2.weight", torch.empty(0)).numel() > 0
    shape = Shape(widths, num_labels, has_valence, LEVELS[cfg.get("feat_type", "utt")])
    given = {name: cfg[name] for name in names}
    if not names:
        given = {"layers": [int(width) for width in cfg["layers"].split(",")], "dropout": cfg["dropout"]}
    network = make(shape, **given)
    state = {name: value for name, value in official.items() if value.numel() and name != "version"}
    known = set(network.state_dict())
    network.load_state_dict({name: value for name, value in state.items() if name in known or name.endswith("weight")})
    return network.eval()


def read_case(folder: Path, stem: str) -> Case:
    about, tensors = json.loads((folder / f"{stem}.json").read_text()), load_file(folder / f"{stem}.safetensors")
    return Case(about, tensors, network_of(about, tensors))


def cases(folder: Path) -> dict[str, Case]:
    return {stem: read_case(folder, stem) for stem in stems(folder) if kind_of(stem) in NETWORKS}


def require_near(found: Tensor, expected: Tensor, limit: float, what: str) -> None:
    assert found.shape == expected.shape, what
    off = float(((found - expected).abs() / expected.abs().clamp(min=1)).max()) if expected.numel() else 0.0
    assert off <= limit, f"{what}: {off:.3g} off"


def require_output(found: Tensor, expected: Tensor, what: str, times: float = 1.0) -> None:
    largest = float(expected.abs().amax().clamp(min=1))
    require_near(found / largest, expected / largest, OUTPUTS * times, what)


@pytest.fixture(scope="module")
def golden(request: pytest.FixtureRequest) -> Path:
    return recorded(request, "golden_baselines", "search_space.json")


@pytest.fixture
def times(request: pytest.FixtureRequest) -> float:
    return slack(request)


def test_every_recorded_network_is_known(golden: Path) -> None:
    found = {kind_of(stem) for stem in stems(golden)}
    assert found
    assert found <= {*NETWORKS, *OTHERS}


def test_outputs_are_those_of_the_released_code(golden: Path, times: float) -> None:
    for stem, case in cases(golden).items():
        first = slice(0, 8)
        with torch.no_grad():
            found = case.network(case.streams(first))
        expected, tensors = found.emotions, case.tensors
        recorded_logits = tensors["eval.emos_out"]
        if recorded_logits.ndim == 3:
            _, expected = case.network.positions(case.streams(first))
        require_output(expected, recorded_logits, f"{stem}: emotions", times)
        if "eval.features" in tensors:
            require_output(found.features, tensors["eval.features"], f"{stem}: features", times)
        if found.valence is not None:
            require_output(found.valence[:, None], tensors["eval.vals_out"], f"{stem}: valence", times)
        require_near(found.penalty, tensors["eval.interloss"], LOSSES, f"{stem}: interloss")


def note(seen: dict[str, Any], name: str, module: nn.Module, given: Any, out: Any) -> None:
    seen[name] = out


def test_values_inside_are_those_of_the_released_code(golden: Path) -> None:
    number = 0
    for stem, case in cases(golden).items():
        seen: dict[str, Any] = {}
        wanted = {name.removeprefix("mid.") for name in case.tensors if name.startswith("mid.")}
        for name, module in case.network.named_modules():
            if name in wanted:
                module.register_forward_hook(partial(note, seen, name))
        with torch.no_grad():
            case.network(case.streams(slice(0, 8)))
        for name in wanted & set(seen):
            if isinstance(seen[name], Tensor):
                require_near(seen[name], case.tensors[f"mid.{name}"], INSIDE, f"{stem}: {name}")
                number += 1
    assert number >= 10


def test_losses_and_gradients_are_those_of_the_released_code(golden: Path) -> None:
    for stem, case in cases(golden).items():
        total, terms = case.loss(slice(0, 8))
        for name, term in terms.items():
            if f"loss.{name}" in case.tensors:
                require_near(term.detach(), case.tensors[f"loss.{name}"], LOSSES, f"{stem}: {name}")
        total.backward()
        own = dict(case.network.named_parameters())
        recorded_gradients = {n.removeprefix("grad."): g for n, g in case.tensors.items() if n.startswith("grad.")}
        assert recorded_gradients
        for name, gradient in recorded_gradients.items():
            found = own[name].grad
            assert found is not None, f"{stem}: {name}"
            require_near(found, gradient, GRADIENTS, f"{stem}: gradient of {name}")
        assert {n for n, p in own.items() if p.grad is None} <= set(case.about["params_without_grad"]), stem


def without_dropout(network: nn.Module) -> nn.Module:
    """Train mode, with nothing dropped, as the traces were recorded."""
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if isinstance(module, nn.MultiheadAttention):
            module.dropout = 0.0
    return network.train()


def test_twenty_steps_of_training_are_those_of_the_released_code(golden: Path) -> None:
    for stem, case in cases(golden).items():
        network, about = without_dropout(case.network), case.about
        optimizer = torch.optim.Adam(network.parameters(), lr=about["lr"], weight_decay=about["weight_decay"])
        least = {name: torch.full_like(value, torch.inf) for name, value in network.named_parameters()}
        for number, rows in enumerate(about["batches"]):
            total, _ = case.loss(rows)
            require_near(total.detach().double(), case.tensors["train.loss"][number], 2e-6, f"{stem}: step {number}")
            optimizer.zero_grad()
            total.backward()
            if about["grad_clip_value"] > 0:
                nn.utils.clip_grad_value_(network.parameters(), about["grad_clip_value"])
            for name, value in network.named_parameters():
                if value.grad is not None:
                    least[name] = torch.minimum(
                        least[name], (value.grad + about["weight_decay"] * value).abs().detach()
                    )
            optimizer.step()
        for name, value in network.named_parameters():
            expected, is_noise = case.tensors[f"train.w.{name}"], least[name] <= NOISE
            if name.endswith("in_proj_bias"):  # The keys' true gradient is zero.
                is_noise[len(is_noise) // 3 : 2 * len(is_noise) // 3] = True
                number = 0
            else:
                number = int((is_noise & ((value - expected).abs() > TRAINED)).sum())
            found = torch.where(is_noise, expected, value.detach())
            require_near(found, expected, TRAINED, f"{stem}: {name} after training")
            assert number <= MOST_NOISE * is_noise.numel(), f"{stem}: {name}"


def test_a_changed_value_is_found(golden: Path) -> None:
    case = next(iter(cases(golden).values()))
    name = next(name for name, parameter in case.network.named_parameters() if parameter.numel() > 1)
    with torch.no_grad():
        dict(case.network.named_parameters())[name].flatten()[0] += 1e-3
        found = case.network(case.streams(slice(0, 8)))
    logits = case.tensors["eval.emos_out"]
    with pytest.raises(AssertionError, match="off"):
        require_output(found.emotions, logits if logits.ndim == 2 else logits.mean(1), "emotions")


def test_the_search_space_is_the_official_one(golden: Path) -> None:
    official = json.loads((golden / "search_space.json").read_text())["models"]
    assert SPACES
    for name in SPACES:
        assert {key: list(values) for key, values in space_of(name).items()} == official[name], name


def test_bilinear_pooling_is_its_formula(golden: Path) -> None:
    if not (golden / "fbp_unit.safetensors").exists():
        pytest.skip(f"{golden} has no fbp_unit.safetensors")
    tensors = load_file(golden / "fbp_unit.safetensors")
    about = json.loads((golden / "fbp_unit.json").read_text())
    sizes = about["x"], about["y"], about["hidden"], about["factors"]
    for is_signed, name in ((False, "out.l2"), (True, "out.sqrt_l2")):
        pooling = BilinearPooling(*sizes, 0.0, signed_sqrt=is_signed)
        for layer, weight in ((pooling.first, tensors["w.U"]), (pooling.second, tensors["w.V"])):
            layer.weight.data = weight.t().contiguous() if weight.shape != layer.weight.shape else weight
        found = pooling(tensors["in.x"], tensors["in.y"])
        require_near(found.detach(), tensors[name], 1e-6, name)
    pooling.signed_sqrt = False
    (pooling(tensors["in.x"], tensors["in.y"]) ** 3).sum().backward()
    for layer, name in ((pooling.first, "grad.U"), (pooling.second, "grad.V")):
        gradient = layer.weight.grad
        expected = tensors[name]
        require_near(gradient.t() if gradient.shape != expected.shape else gradient, expected, GRADIENTS, name)


def test_sequences_get_the_official_lengths(golden: Path) -> None:
    if not (golden / "data_functions.safetensors").exists():
        pytest.skip(f"{golden} has no data_functions.safetensors")
    tensors = load_file(golden / "data_functions.safetensors")
    for number, length in enumerate(json.loads((golden / "data_functions.json").read_text())["map_dst"]):
        require_near(in_steps(tensors[f"map.{number}.in"], length), tensors[f"map.{number}.out"], OUTPUTS, f"{number}")
    ragged = {name: value for name, value in tensors.items() if name.startswith("ragged.")}
    for name, value in ragged.items():
        scaled = tensors[name.replace("ragged", "scale6")]
        require_near(shrunk(value, 6), scaled, OUTPUTS, name)
        padded = tensors[name.replace("ragged", "unalign")]
        require_near(in_steps(value, len(padded)), padded, OUTPUTS, name)


def test_the_mask_of_mult_is_the_official_one(golden: Path) -> None:
    if not (golden / "edge_cases.json").exists():
        pytest.skip(f"{golden} has no edge_cases.json")
    table = json.loads((golden / "edge_cases.json").read_text())["mult mask (Lq,Lk) -> last visible key per query"]
    for sizes, visible in table.items():
        queries, keys = map(int, sizes.split(","))
        assert [int((~row).sum()) for row in hidden_keys(queries, keys)] == visible


def rows_of(tensors: Mapping[str, Tensor], name: str) -> Rows:
    streams = [tensors[f"{name}.feat{letter}"] for letter in "ATV"]
    return Rows(streams, tensors[f"{name}.emo"].long(), tensors[f"{name}.val"].float())


def test_the_official_run_is_reproduced(golden: Path) -> None:
    """Five folds of every epoch: the same best ones, and scores within 1e-6."""
    if not (golden / "merbench_run.safetensors").exists():
        pytest.skip(f"{golden} has no merbench_run.safetensors")
    tensors = load_file(golden / "merbench_run.safetensors")
    about = json.loads((golden / "merbench_run.json").read_text())
    names = sorted(name for name in about["sizes"] if name != "train")
    train, tests = rows_of(tensors, "train"), {name: rows_of(tensors, name) for name in names}
    recipe = Recipe(
        lr=about["lr"], weight_decay=about["weight_decay"], batch_size=about["batch_size"], epochs=about["epochs_n"]
    )
    done = []
    for number in range(len(about["epochs"])):
        prefix = f"fold{number}.w.model."
        state = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
        shape = Shape([stream.shape[1] for stream in train.streams], len(about["emos"]), True, "utterance")
        network = Attention(shape, hidden_dim=about["hidden_dim"], dropout=0.0)
        network.load_state_dict(state)
        learned, held_out = (tensors[f"fold{number}.{part}_idx"].long() for part in ("train", "eval"))
        fold = train_fold(network, train.at(learned), train.at(held_out), tests, recipe, seed=0)
        assert fold.epoch == about["best_epoch"][number]
        for found, epoch in zip(fold.scores, about["epochs"][number], strict=True):
            for name in ("f1", "acc", "mse", "metric"):
                assert abs(found[name] - epoch["eval"][name]) <= 1e-6 * max(1, abs(epoch["eval"][name])), (number, name)
        done.append(fold)
    for name in names:
        average = averaged([fold.tests[name] for fold in done])
        require_near(average.logits, tensors[f"{name}.avg_logits"], LOSSES, name)
        assert average.valence is not None
        require_near(average.valence, tensors[f"{name}.avg_vals"].flatten(), LOSSES, name)
    summary = summarised(done, tests)
    said = [f"f1:{s['f1']:.4f}_acc:{s['acc']:.4f}_val:{s['mse']:.4f}" for s in (summary[n] for n in ("cv", *names))]
    assert said == about["results"]
