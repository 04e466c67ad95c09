"""When the next request may go out: a number a minute, and pauses that the server asks for."""

import time
from collections.abc import Callable
from threading import Event, Lock


class Stopped(Exception):
    """The run ends: nothing more is to be asked."""


class Pacer:
    """Lets requests of several threads through one after the other.

    Args:
        per_minute: requests; None is no limit.
        stop: set when the run ends.
        clock: seconds, monotonic.
        sleep: waits for seconds or until `stop` is set.
    """

    def __init__(
        self,
        per_minute: float | None,
        *,
        stop: Event | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
    ):
        self.stop = stop or Event()
        self._gap = 60 / per_minute if per_minute else 0.0
        self._clock = clock
        self._sleep = sleep or self.stop.wait
        self._free_at = clock()
        self._lock = Lock()

    def wait(self) -> None:
        """Return when a request may go out.

        Raises:
            Stopped: the run ends.
        """
        while True:
            if self.stop.is_set():
                raise Stopped
            with self._lock:
                now = self._clock()
                if now >= self._free_at:
                    self._free_at = now + self._gap
                    return
                left = self._free_at - now
            self._sleep(left)

    def pause(self, seconds: float) -> None:
        """Hold back all threads, as a server asks with Retry-After."""
        with self._lock:
            self._free_at = max(self._free_at, self._clock() + seconds)

    def rest(self, seconds: float) -> None:
        """Hold back the calling thread alone."""
        self._sleep(seconds)
