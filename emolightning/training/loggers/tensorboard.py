"""TensorBoard: the same numbers, for those who look at them there."""

from importlib.util import find_spec

from pytorch_lightning.loggers import TensorBoardLogger

from emolightning.errors import UserError


def tensorboard_logger(*, folder: str) -> TensorBoardLogger:
    """A logger that writes `<folder>/tensorboard/`.

    Args:
        folder: the run folder.

    Raises:
        UserError: TensorBoard is not installed.
    """
    if find_spec("tensorboard") is None:
        raise UserError("logger=tensorboard: TensorBoard is not installed; pip install -e '.[tensorboard]'")
    return TensorBoardLogger(save_dir=folder, name="", version="tensorboard")
