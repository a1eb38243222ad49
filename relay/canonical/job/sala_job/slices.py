"""A recording in slices that an engine can hear at once, cut where it is quietest."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .audio import RATE

#: What loudness is measured over, and how many of these in a row have to be quiet.
STEP_SAMPLES = RATE // 50
QUIET_STEPS = 15


@dataclass(frozen=True, slots=True)
class Slice:
    """Samples from a place of the recording on."""

    start: int
    samples: array[int]


def slices(blocks: Iterable[array[int]], most: int, search: int) -> Iterator[Slice]:
    """Slices of at most `most` samples; each but the last ends at the quietest place of its last `search` samples."""
    if not QUIET_STEPS * STEP_SAMPLES <= search <= most:
        raise ValueError("a slice must be longer than what is searched, and that longer than a quiet place")
    held = array("h")
    start = 0
    for block in blocks:
        held.extend(block)
        while len(held) > most:
            cut = most - search + quietest(held[most - search : most])
            yield Slice(start, held[:cut])
            del held[:cut]
            start += cut
    if held:
        yield Slice(start, held)


def quietest(samples: array[int]) -> int:
    """The middle of the quietest stretch."""
    steps = [
        sum([abs(sample) for sample in samples[at : at + STEP_SAMPLES]])
        for at in range(0, len(samples) - STEP_SAMPLES + 1, STEP_SAMPLES)
    ]
    loudness = least = sum(steps[:QUIET_STEPS])
    found = 0
    for at in range(1, len(steps) - QUIET_STEPS + 1):
        loudness += steps[at + QUIET_STEPS - 1] - steps[at - 1]
        if loudness <= least:
            least, found = loudness, at
    return found * STEP_SAMPLES + QUIET_STEPS * STEP_SAMPLES // 2
