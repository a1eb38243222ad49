"""How far the work is, as JSON lines."""

import json
import time
from collections.abc import Callable
from typing import TextIO

from .audio import ms_of


class Progress:
    """At most one line each half second, and the last one."""

    def __init__(
        self, samples: int, out: TextIO, now: Callable[[], float] = time.monotonic, interval_seconds: float = 0.5
    ) -> None:
        self._samples = samples
        self._out = out
        self._now = now
        self._interval = interval_seconds
        self._last: float | None = None

    def at(self, samples: int) -> None:
        """So many samples are done."""
        now = self._now()
        if samples < self._samples and self._last is not None and now - self._last < self._interval:
            return
        self._last = now
        line = {"progress": {"done_ms": ms_of(samples), "of_ms": ms_of(self._samples)}}
        print(json.dumps(line, separators=(",", ":")), file=self._out, flush=True)
