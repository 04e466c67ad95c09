"""The one object by which the rest of the package knows fusion networks. Heavy imports wait for the methods."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from emolightning.config.problems import not_one_of
from emolightning.errors import InputErrors, UserError
from emolightning.models.family import Family, Occasion, Sees, Weights
from emolightning.models.fusion.inputs import INPUTS
from emolightning.prompt.questions import SEVERAL, Questions
from emolightning.records.inputs import Inputs

if TYPE_CHECKING:
    from emolightning.models.fusion.classifier import FusionClassifier
    from emolightning.models.fusion.processor import FusionProcessor

TASKS = ("emotion", "valence", SEVERAL)
"""What can be asked: a label, a number, and any number of labels."""


class FusionFamily:
    """Networks on feature vectors that give a label or several, and perhaps valence."""

    name = "fusion"
    weights: Weights = "run"
    inputs: Inputs = INPUTS
    layouts: Sequence[str] = ("train",)
    tasks: Sequence[str] = TASKS
    fresh_parts: Sequence[str] = ("network",)

    def takes(self, settings: Mapping[str, Any]) -> Inputs:
        """All of them."""
        return self.inputs

    def require(self, settings: Mapping[str, Any]) -> None:
        """Refuse settings that exclude each other.

        Raises:
            InputErrors: all of them.
        """
        network = self._network(settings)
        name, problems = type(network).__name__.removesuffix("Settings"), []
        if settings["level"] not in network.levels:
            problems.append(f"model.level: for {name} {not_one_of(settings['level'], network.levels)}")
        if settings["valence"] and not network.has_valence:
            problems.append(f"model.valence=true: {name} has no head for it; say model.valence=false")
        heads, width = getattr(network, "num_heads", 1), getattr(network, "hidden_dim", 0)
        if width % heads:
            problems.append(f"model.network.hidden_dim={width}: must be divisible by num_heads={heads}")
        kernel = getattr(network, "conv1d_kernel_size", 1)
        if settings["steps"] < kernel:
            problems.append(f"model.steps={settings['steps']}: must be at least conv1d_kernel_size={kernel}")
        if problems:
            raise InputErrors("model", problems)

    def require_on(self, occasion: Occasion, settings: Mapping[str, Any]) -> None:
        """Refuse a number of a network without a head for it, and a loss that a number does not have.

        Raises:
            UserError: says which setting to change.
        """
        if set(occasion.reshaped) == {"valence"}:
            raise UserError(
                "loss.focal_gamma and loss.label_smoothing are about labels, and this network learns valence alone, by "
                "its squared error; leave them out"
            )
        if "valence" in occasion.tasks and not settings["valence"]:
            raise UserError("prompt.task=valence: this network has no head for a number; say model.valence=true")

    def require_weights(self, settings: Mapping[str, Any]) -> None:
        """Nothing: they have no base."""

    def language(self, settings: Mapping[str, Any]) -> None:
        """None: they have no language model."""
        return

    def frame_sizes(self, settings: Mapping[str, Any]) -> dict[str, int]:
        """Nothing: they see no frames."""
        return {}

    def trained(self, settings: Mapping[str, Any], inputs: Sequence[str]) -> dict[str, str]:
        """All of it."""
        return {"network": "full"}

    def questions(
        self, prompt: Mapping[str, Any], *, labels: Sequence[str], protocol: Sequence[str], seed: int
    ) -> Questions:
        """What is asked, without words.

        Raises:
            UserError: another task, or words to ask in.
        """
        task = prompt["task"]
        tasks = {name: weight for name, weight in (prompt.get("tasks") or {}).items() if weight} or {task: 1.0}
        if other := {*tasks, task} - {*TASKS}:
            raise UserError(f"prompt.task={', '.join(sorted(other))}: this model answers {', '.join(TASKS)} alone")
        if prompt.get("questions") is not None:
            raise UserError("prompt.questions: this model is not asked in words; leave it out")
        return Questions({name: ("",) for name in {**tasks, task: 1.0}}, task, tasks, tuple(labels), seed=seed)

    def processor(self, settings: Mapping[str, Any], *, layout: str) -> "FusionProcessor":
        """Turns vectors of clips into what the network reads."""
        from emolightning.models.fusion.processor import FusionProcessor

        return FusionProcessor(settings["level"], settings["steps"], settings["scale"])

    def build(self, settings: Mapping[str, Any], *, sees: Sees, is_empty: bool = False) -> "FusionClassifier":
        """The classifier."""
        from emolightning.config.building import build

        about = {"inputs": list(sees.inputs), "feature_widths": dict(sees.feature_widths), "labels": list(sees.labels)}
        return build(settings, "model", **about)

    def sees_of(self, shapes: Mapping[str, tuple[int, ...]], told: Sees) -> Sees:
        """What the file of the weights says: shapes do not tell which input is where.

        Raises:
            ValueError: it says nothing.
        """
        if not told.feature_widths:
            raise ValueError("it does not say what its network was trained with")
        return told

    def _network(self, settings: Mapping[str, Any]) -> Any:
        from emolightning.config.building import build

        return build(settings["network"], "model.network")


FAMILY: Family = FusionFamily()
