"""The one object by which the rest of the package knows models on servers. Heavy imports wait for the methods."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from emolightning.models.chat_server.inputs import INPUTS
from emolightning.models.family import Family, Occasion, Sees, Weights
from emolightning.models.parts.chat_questions import TASKS, question_of
from emolightning.prompt.questions import Questions, questions_of, with_general
from emolightning.records.inputs import Inputs
from emolightning.records.labels import vocabulary

if TYPE_CHECKING:
    from emolightning.models.chat_server.model import ServerModel
    from emolightning.models.chat_server.processor import ServerProcessor
    from emolightning.models.chat_server.server import Server


class ChatServerFamily:
    """Chat models that answer over HTTP."""

    name = "chat_server"
    weights: Weights = "elsewhere"
    inputs: Inputs = INPUTS
    layouts: Sequence[str] = ("train",)
    tasks: Sequence[str] = with_general(tuple(TASKS))
    fresh_parts: Sequence[str] = ()

    def takes(self, settings: Mapping[str, Any]) -> Inputs:
        """All of them."""
        return self.inputs

    def require(self, settings: Mapping[str, Any]) -> None:
        """Refuse settings that no server can be asked with; nothing is asked.

        Raises:
            UserError: says which.
        """
        self._server(settings).require()

    def require_on(self, occasion: Occasion, settings: Mapping[str, Any]) -> None:
        """Nothing is excluded."""

    def require_weights(self, settings: Mapping[str, Any]) -> None:
        """Look whether the server is there and has the model.

        Raises:
            UserError: in one sentence, what is wrong.
        """
        self._server(settings).find()

    def language(self, settings: Mapping[str, Any]) -> None:
        """None: it is elsewhere."""
        return

    def frame_sizes(self, settings: Mapping[str, Any]) -> dict[str, int]:
        """Nothing: frames are seen elsewhere."""
        return {}

    def trained(self, settings: Mapping[str, Any], inputs: Sequence[str]) -> dict[str, str]:
        """Nothing."""
        return {}

    def questions(
        self, prompt: Mapping[str, Any], *, labels: Sequence[str], protocol: Sequence[str], seed: int
    ) -> Questions:
        """One question a task, with the labels that are offered.

        Raises:
            UserError: there is no such task.
        """
        offered = list(vocabulary(chosen)) if (chosen := prompt.get("labels")) else list(protocol or labels)
        alone = {**prompt, "tasks": {}}
        return questions_of(alone, offered, lambda task: (question_of(task, offered),), known=TASKS, seed=seed)

    def processor(self, settings: Mapping[str, Any], *, layout: str) -> "ServerProcessor":
        """Holds files and questions together."""
        from emolightning.models.chat_server.processor import ServerProcessor

        return ServerProcessor()

    def build(self, settings: Mapping[str, Any], *, sees: Sees, is_empty: bool = False) -> "ServerModel":
        """The model, if the server has it."""
        from emolightning.models.chat_server.model import ServerModel

        return ServerModel(self._server(settings), inputs=sees.inputs, labels=sees.labels)

    def sees_of(self, shapes: Mapping[str, tuple[int, ...]], told: Sees) -> Sees:
        """No weights are of such a model.

        Raises:
            ValueError: always.
        """
        raise ValueError("a model on a server has no weights here")

    def _server(self, settings: Mapping[str, Any]) -> "Server":
        from emolightning.config.building import build

        return build(settings, "model")


FAMILY: Family = ChatServerFamily()
"""Any model behind `/v1/chat/completions`: vLLM, `transformers serve`, a commercial one, or `emolightning serve`."""
