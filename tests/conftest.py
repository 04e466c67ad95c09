"""Fixtures: where recorded data lies, whole runs that test files share, and a place for helpers that they import."""

import gc
import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from filelock import FileLock
from hydra.core.hydra_config import HydraConfig

REPO = Path(__file__).resolve().parents[1]
SHARED = REPO.parent / "shared"
# A shell starts background jobs with Ctrl-C ignored, and all processes below inherit that: undo it for its tests.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# Two workers and their programs share the cores; threads of each operation would only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# By default a run takes a GPU that is there, and these tests compare bytes that only a CPU repeats.
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
sys.path.insert(0, str(Path(__file__).parent))  # media_factory, model_factory, runs

from config_cache import parse_once  # noqa: E402
from forked_pools import fork_pools  # noqa: E402
from runs import Workplace, clips_below  # noqa: E402

parse_once()
fork_pools()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`pytest tests/parity --golden=DIR` compares with recorded values that lie elsewhere."""
    parser.addoption("--golden", metavar="DIR", help="recorded values of the released code, for tests/parity")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that start several processes come first, then those that start one: workers must end side by side."""
    if changing := [item.nodeid for item in items if " at 0x" in item.nodeid]:
        raise pytest.UsageError(f"two workers name these tests differently, say ids=: {', '.join(changing[:3])}")
    several = {item.path for item in items if item.get_closest_marker("multi_process")}
    one = {item.path for item in items if "workplace" in getattr(item, "fixturenames", ())}
    items.sort(key=lambda item: (item.path not in several, item.path not in one))


def pytest_collection_finish() -> None:
    """What is imported by now stays: the collector of garbage need not look through it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 20, 20)  # Configurations are many small objects that soon go by themselves.


@pytest.fixture(autouse=True)
def no_hydra_application() -> Iterator[None]:
    """A command that ends with an error leaves behind what it was composed of, since its process ends then."""
    yield
    HydraConfig.instance().cfg = None


@pytest.fixture(scope="session")
def shared() -> Path:
    """Recorded data beside the checkout; tests that need it skip where it is absent."""
    if not (SHARED / "data").is_dir():
        pytest.skip(f"{SHARED}/data is absent")
    return SHARED / "data"


@pytest.fixture(scope="session")
def shared_by_workers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of xdist have in common. What lies there is for looking at only."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared-by-workers"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def workplace(tmp_path_factory: pytest.TempPathFactory, shared_by_workers: Path) -> Iterator[Workplace]:
    """Where programs run, with rendered clips that are made once."""
    place = Workplace(tmp_path_factory.mktemp("workplace"), shared_by_workers)
    yield place
    place.close()


@pytest.fixture(scope="session")
def smoke_clips(shared_by_workers: Path) -> tuple[str, ...]:
    """Words that choose the clips of `experiment=smoke`, rendered and described by the first run that needs them."""
    return clips_below(shared_by_workers / "smoke")


@pytest.fixture(scope="session")
def background(workplace: Workplace) -> Iterator[ThreadPoolExecutor]:
    """Runs two programs at a time while tests look at others: starting one takes seconds of imports."""
    with ThreadPoolExecutor(2) as pool:
        yield pool
        workplace.close()
        pool.shutdown(cancel_futures=True)


@pytest.fixture(scope="session")
def trained(workplace: Workplace, shared_by_workers: Path) -> Path:
    """A small run, logged to W&B and to a file, and evaluated on its test split. For looking at only."""
    run = shared_by_workers / "outputs" / "trained"
    with FileLock(shared_by_workers / "trained.lock"):
        if not run.exists():
            workplace.evaluate(workplace.train(run, "logger=default"))
    return run
