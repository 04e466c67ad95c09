"""Learning rates of parts and layers that this run's model does not train."""

from omegaconf import DictConfig, OmegaConf

from emolightning.config.families import family_of, trained_parts
from emolightning.config.problems import Problem, not_one_of


def check_rates(cfg: DictConfig) -> list[Problem]:
    """Factors that would change nothing in this training, or that none can have."""
    given = OmegaConf.select(cfg, "rates", default=None)
    if given is None:
        return []
    problems = [
        Problem(
            f"rates.parts.{name}", f"must be a factor above 0, not {factor:g}; model.train.{name}=frozen trains none"
        )
        for name, factor in given.parts.items()
        if not 0 < factor < float("inf")
    ]
    is_asked = given.lora_plus_ratio != 1 or given.layer_decay != 1 or given.parts
    if problems or not is_asked or (parts := trained_parts(cfg)) is None:
        return problems
    trained = [name for name, how in parts.items() if how != "frozen"]
    problems += [Problem("rates.parts", not_one_of(name, trained)) for name in given.parts if name not in trained]
    if given.lora_plus_ratio != 1 and "lora" not in parts.values():
        said = "is about LoRA, by which no part of this run trains; say model.train.language=lora, or leave it out"
        problems.append(Problem("rates.lora_plus_ratio", said))
    if given.layer_decay != 1 and not set(trained) - {*family_of(cfg.model).fresh_parts}:
        said = f"is about layers of a trained base, and {' and '.join(trained)} has none; leave it out"
        problems.append(Problem("rates.layer_decay", said))
    return problems
