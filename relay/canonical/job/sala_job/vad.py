"""The gate before an engine that does not bear silence well: what is no speech is heard as silence, at its own time."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .audio import RATE

#: Options of faster-whisper's detector, by its own names, with the smallest and largest value.
OPTIONS: Mapping[str, tuple[float, float]] = {
    "threshold": (0, 1),
    "neg_threshold": (0, 1),
    "min_speech_duration_ms": (0, 60_000),
    "max_speech_duration_s": (1, 3600),
    "min_silence_duration_ms": (0, 60_000),
    "speech_pad_ms": (0, 10_000),
}


@dataclass(frozen=True)
class Vad:
    """Options of a detector, and where somebody else has found speech already (samples, in order, apart)."""

    options: Mapping[str, float | int]
    speech: Sequence[tuple[int, int]] | None


def read_vad(text: str) -> Vad:
    """Options and `speech`, `[{"start_ms", "end_ms"}]`, of a JSON object; stretches that touch become one.

    Raises:
        ValueError: with what is wrong.
    """
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError("must be a JSON object")
    speech = value.pop("speech", None)
    # A voice map as the job has it.
    for name in ("speech_ms", "duration_ms"):
        value.pop(name, None)
    for name, each in value.items():
        if name not in OPTIONS:
            raise ValueError(f"{name} is no option; there are {', '.join(OPTIONS)} and speech")
        low, high = OPTIONS[name]
        if isinstance(each, bool) or not isinstance(each, (int, float)) or not low <= each <= high:
            raise ValueError(f"{name} must be from {low} to {high}")
    return Vad(value, None if speech is None else _stretches(speech, int(value.get("speech_pad_ms", 0))))


def _stretches(speech: Any, pad_ms: int) -> list[tuple[int, int]]:
    if not isinstance(speech, list):
        raise ValueError("speech must be a list")
    found: list[tuple[int, int]] = []
    for each in speech:
        if not isinstance(each, dict) or not all(type(each.get(name)) is int for name in ("start_ms", "end_ms")):
            raise ValueError("speech must have start_ms and end_ms, whole numbers")
        start, end = each["start_ms"] - pad_ms, each["end_ms"] + pad_ms
        if found and each["start_ms"] * RATE // 1000 < found[-1][0] or end < start:
            raise ValueError("speech must be in order")
        start_sample, end_sample = max(0, start) * RATE // 1000, end * RATE // 1000
        if found and start_sample <= found[-1][1]:
            found[-1] = (found[-1][0], max(end_sample, found[-1][1]))
        else:
            found.append((start_sample, end_sample))
    return found


def gated(blocks: Iterable[array[int]], speech: Sequence[tuple[int, int]] | None) -> Iterator[array[int]]:
    """The same samples, with silence wherever nobody speaks; None: all of them."""
    if speech is None:
        yield from blocks
        return
    at = index = 0
    for block in blocks:
        end = at + len(block)
        kept = array("h", bytes(2 * len(block)))
        while index < len(speech) and speech[index][0] < end:
            start, stop = max(speech[index][0], at), min(speech[index][1], end)
            if start < stop:
                kept[start - at : stop - at] = block[start - at : stop - at]
            if speech[index][1] > end:
                break
            index += 1
        yield kept
        at = end
