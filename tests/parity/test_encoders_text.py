"""Encoders of transcripts against recorded token ids and vectors of the published scripts."""

import json

import pytest
from parity.recorded_features import STEPS, architecture, model_of, models, off, recorded, tensors, transcripts

from emolightning.models.encoders.encoder import utterance
from emolightning.models.encoders.text import CLASSES, TextEncoder


@pytest.fixture(scope="module")
def golden(request):
    return recorded(request, "golden_features", "features_text.safetensors")


@pytest.fixture(scope="module")
def encoders(golden):
    """Name of the folder of weights -> its encoder."""
    kinds = {name: architecture(golden / "models" / name) for name in models(golden)}
    return {
        name: TextEncoder(weights=str(golden / "models" / name), architecture=kind, missing="zero")
        for name, kind in kinds.items()
        if kind in CLASSES
    }


def test_token_ids_are_equal(golden, encoders):
    texts = transcripts(golden)
    expected = json.loads((golden / "token_ids.json").read_text(encoding="utf-8"))
    assert expected
    for name, clips in expected.items():
        for clip, columns in clips.items():
            for column, ids in columns.items():
                assert encoders[name].token_ids(texts[clip][column]) == ids, (name, clip, column)


def test_every_recorded_vector_of_a_transcript(golden, encoders):
    texts = transcripts(golden)
    expected = tensors(golden / "features_text.safetensors")
    assert expected
    for key, vectors in expected.items():
        script, folder, clip = key.split("/")
        column = "english" if "-langeng-" in folder else "sentence" if script == "mer2023" else "chinese"
        (steps,) = encoders[model_of(folder, list(encoders))].encode([texts[clip][column]])
        assert off(utterance(steps) if folder.endswith("-UTT") else steps, vectors) <= STEPS, key
