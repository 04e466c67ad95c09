"""Generated answers: upstream's options by name, sampling that can be repeated, no defaults from elsewhere."""

import pytest
from hydra import compose, initialize_config_dir
from model_factory import make_batch, make_examples, make_model

from emolightning.config.places import CONFIG_DIR
from emolightning.config.schema import register_schemas
from emolightning.models.parts.generation import Generation

SAMPLED = Generation(max_new_tokens=8, do_sample=True, temperature=5.0)


@pytest.fixture(scope="module")
def model():
    return make_model()


def test_a_sampled_answer_depends_on_seed_and_clip_only(model):
    examples = make_examples(4)
    together = model.generate(make_batch(model, examples), SAMPLED, seed=1)
    alone = [model.generate(make_batch(model, [example]), SAMPLED, seed=1)[0] for example in examples]
    assert together == alone
    assert len(set(together)) == 4
    assert model.generate(make_batch(model, examples), SAMPLED, seed=2) != together


def test_sampling_leaves_the_run_s_random_numbers_alone(model):
    import torch

    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    model.generate(make_batch(model, make_examples(2)), SAMPLED, seed=1)
    assert torch.equal(torch.rand(1), expected)


def test_options_of_the_model_s_own_folder_do_not_count(model):
    batch = make_batch(model, make_examples(3))
    plain = model.generate(batch, Generation(max_new_tokens=8))
    stored = model.language.get_base_model().generation_config
    assert stored.to_diff_dict().keys() <= {"transformers_version", "_from_model_config"}
    assert model.generate(batch, Generation(max_new_tokens=8, repetition_penalty=50.0)) != plain


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("greedy", Generation()),
        ("upstream", Generation(max_new_tokens=20, top_p=0.9)),
        ("upstream_eval", Generation(max_new_tokens=500, top_p=0.9)),
        (
            "demo",
            Generation(max_new_tokens=500, do_sample=True, temperature=0.2, top_p=0.9, repetition_penalty=1.05),
        ),
    ],
)
def test_upstream_s_options_have_names(name, expected):
    register_schemas()
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        cfg = compose("train", overrides=[f"generation={name}"])
    assert Generation(**cfg.evaluation) == expected
