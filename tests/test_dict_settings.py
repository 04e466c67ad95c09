"""Settings that are dicts take new keys from the command line; those of structs stay as they are."""

from collections.abc import Iterator

import pytest
from hydra.core.hydra_config import HydraConfig

from emolightning.config.check import ConfigError
from emolightning.config.composing import composed
from emolightning.config.dict_settings import new_keys
from emolightning.config.errors import CONFIG_ERRORS, Launch, explain
from emolightning.config.places import CONFIG_DIR
from emolightning.config.schema import register_schemas

JUDGED = ("scoring=reasoning", "judge=openai", "judge.base_url=x", "judge.model=y")


@pytest.fixture(autouse=True)
def _schemas() -> Iterator[None]:
    register_schemas()
    yield
    HydraConfig.instance().cfg = None  # explain() sets it, as for a program that ends then


def refused(*words: str) -> tuple[Exception, Launch]:
    launch = Launch(CONFIG_DIR, "train", list(words))
    with pytest.raises(CONFIG_ERRORS) as caught:
        launch.compose(words)
    return caught.value, launch


@pytest.mark.parametrize(
    ("words", "key", "value"),
    [
        (["prompt.tasks={reason: 1.0}"], "prompt.tasks", {"reason": 1.0}),
        (["prompt.tasks.reason=2", "prompt.tasks.emotion=1"], "prompt.tasks", {"reason": 2.0, "emotion": 1.0}),
        ([*JUDGED, "judge.parameters={seed: 3}"], "judge.parameters.seed", 3),
        ([*JUDGED, "judge.parameters.stop=[x]", "judge.parameters.temperature=1"], "judge.parameters.stop", ["x"]),
    ],
)
def test_a_dict_takes_keys_without_a_plus(words: list[str], key: str, value: object) -> None:
    new = new_keys(*refused(*words))
    cfg = refused(*words)[1].compose([f"++{word}" if word in new else word for word in words])
    for name in key.split("."):
        cfg = cfg[name]
    assert cfg == value


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["prompt.taks={reason: 1.0}"], "prompt.taks: no such setting; did you mean tasks?"),
        pytest.param(
            ["evaluation.beams=3"], "evaluation.beams: no such setting; did you mean num_beams?", marks=pytest.mark.slow
        ),
        (["model.lora={rank: 8}"], "model.lora.rank: emolightning.models.parts.lora.LoraSettings has no such argument"),
        (["optimizer={lr: 1, nesterov: true}"], "optimizer.nesterov: torch.optim.AdamW has no such argument"),
        pytest.param(
            [*JUDGED, "judge.parametrs.seed=3"],
            "has no such argument; did you mean parameters?",
            marks=pytest.mark.slow,
        ),
        (["trainer.strategy.stage=3"], "trainer.strategy has no keys, it is 'auto'"),
    ],
)
def test_a_misspelt_key_is_still_refused(words: list[str], said: str) -> None:
    error, launch = refused(*words)
    assert new_keys(error, launch) == set()
    assert any(said in line for line in explain(error, launch))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["data=several", "data.root=X", "++data.corpora={meld: 1}"],
            "is said of one of them: data.corpora.NAME.root=",
        ),
        (
            ["data=several", "data.scale=[1,5]", "++data.corpora={meld: 1}"],
            "it is said of one of them: data.corpora.NAME.scale=...",
        ),
        (["data=several", "data.corpora=[]"], "names with values, e.g. 'data.corpora={NAME: ...}'"),
        (["data=several", "data.corpora=[meld: 1]"], "names with values, e.g. 'data.corpora={meld: 1}'"),
        (["checkpoints.every_minutes=true"], "checkpoints.every_minutes: must be float, not true"),
        (
            ["data=several", "data.corpora=[meld,iemocap]"],
            "names with values, e.g. 'data.corpora={meld: ..., iemocap: ...}",
        ),
        (["checkpoints.every_minutes=null"], "checkpoints.every_minutes: must not be null; left out, it is 5.0"),
    ],
)
def test_one_mistake_is_one_line(words: list[str], said: str) -> None:
    error, launch = refused(*words)
    (line,) = explain(error, launch)
    assert said in line


def test_what_is_required_has_no_value_where_it_is_left_out() -> None:
    said = r"checkpoint: must not be null; it is required, say checkpoint=\.\.\. \(on the command line\)$"
    with pytest.raises(ConfigError, match=said), composed("predict", ["checkpoint=null", "media=x"]):
        pass
