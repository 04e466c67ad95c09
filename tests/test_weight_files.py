"""Files of weights read and written in pieces: the same values as the libraries' own readers find."""

import pytest
import torch
from safetensors.torch import load_file, save_file

from emolightning.models.emotion_llama.upstream.writing import fresh
from emolightning.models.parts import torch_files
from emolightning.models.parts.safetensors_files import (
    DTYPES,
    SafetensorsFolder,
    read_safetensor,
    safetensors_infos,
    write_safetensors,
)
from emolightning.models.parts.tensor_info import TensorInfo, dtype_name
from emolightning.models.parts.torch_files import TorchFile

TENSORS = {
    "bytes": torch.arange(5, dtype=torch.uint8),
    "half": torch.randn(3, 5).half(),
    "brain": torch.randn(7).bfloat16(),
    "one": torch.tensor(1.5),
    "none": torch.zeros(0, 4),
    "double": torch.randn(2, 2).double(),
    "whole": torch.arange(6).reshape(2, 3),
    "yes": torch.tensor([True, False, True]),
}


def infos(tensors) -> dict[str, TensorInfo]:
    return {name: TensorInfo(tuple(tensor.shape), dtype_name(tensor)) for name, tensor in tensors.items()}


def test_a_file_written_in_pieces_is_read_by_the_library(tmp_path):
    path = tmp_path / "x.safetensors"
    write_safetensors(path, infos(TENSORS), reversed(TENSORS.items()))
    found = load_file(path)
    assert found.keys() == TENSORS.keys()
    assert all(torch.equal(found[name], TENSORS[name]) and found[name].dtype == TENSORS[name].dtype for name in TENSORS)
    assert safetensors_infos(path) == infos(TENSORS)
    assert torch.equal(read_safetensor(path, "brain"), TENSORS["brain"])


def test_a_file_of_the_library_is_read_here(tmp_path):
    save_file(TENSORS, tmp_path / "x.safetensors")
    assert safetensors_infos(tmp_path / "x.safetensors") == infos(TENSORS)


def test_strided_tensors_are_written_as_they_look(tmp_path):
    tensors = {
        "turned": torch.arange(6.0).reshape(2, 3).T,
        "spread": torch.ones(1).expand(4),
        "part": torch.arange(9.0)[2:5],
    }
    write_safetensors(tmp_path / "x.safetensors", infos(tensors), tensors.items())
    found = load_file(tmp_path / "x.safetensors")
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)


def test_other_tensors_than_announced_are_our_own_mistake(tmp_path):
    path = tmp_path / "x.safetensors"
    with pytest.raises(ValueError, match="did not come"):
        write_safetensors(path, infos(TENSORS), [("one", TENSORS["one"])])
    with pytest.raises(ValueError, match="Expected one to be"):
        write_safetensors(path, infos(TENSORS), [("one", torch.zeros(2))])


def test_every_type_has_its_name():
    assert all(isinstance(getattr(torch, name), torch.dtype) for name in DTYPES.values())


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("group", [1, 100, 10**9])
def test_a_torch_file_streams_all_that_is_asked_for_in_order(tmp_path, monkeypatch, legacy, group):
    monkeypatch.setattr(torch_files, "GROUP_BYTES", group)
    path = tmp_path / "x.pth"
    torch.save({"model": TENSORS}, path, _use_new_zipfile_serialization=not legacy)
    file = TorchFile(path)
    assert file.tensors == infos(TENSORS)
    names = [name for name in reversed(TENSORS) if name != "one"]
    streamed = list(file.stream(names))
    assert [name for name, _ in streamed] == names
    assert all(torch.equal(tensor, TENSORS[name]) for name, tensor in streamed)
    assert list(file.stream([])) == []


def test_the_single_file_counts_where_there_are_shards_too(tmp_path):
    """As transformers reads it."""
    save_file({"a": torch.zeros(1)}, tmp_path / "model.safetensors")
    save_file({"a": torch.ones(1), "b": torch.ones(1)}, tmp_path / "model-00001-of-00001.safetensors")
    (tmp_path / "model.safetensors.index.json").write_text('{"weight_map": {"b": "model-00001-of-00001.safetensors"}}')
    folder = SafetensorsFolder(tmp_path)
    assert folder.tensors.keys() == {"a"}
    assert torch.equal(folder.load(["a"])["a"], torch.zeros(1))


def test_fresh_parameters_are_the_same_each_time_and_differ_by_name():
    first = fresh("projections.face.weight", (40, 30))
    assert torch.equal(first, fresh("projections.face.weight", (40, 30)))
    assert not torch.equal(first, fresh("projections.motion.weight", (40, 30)))
    assert first.abs().max() <= 30**-0.5
    assert first.std() == pytest.approx(30**-0.5 / 3**0.5, rel=0.1)  # of a uniform distribution
    assert not fresh("projections.face.bias", (40,)).any()
    assert not fresh("base_model.model.q_proj.lora_B.weight", (40, 4)).any()
    assert fresh("base_model.model.q_proj.lora_A.weight", (4, 40)).any()
    assert torch.equal(fresh("encoder.layers.0.layer_norm2.weight", (5,)), torch.ones(5))
