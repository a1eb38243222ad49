"""Who speaks when, by pyannote's community-1: turns that never overlap, for words to be assigned to.

Not tried on a graphics processor. The calls are those of pyannote.audio 4.0.7.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

from .audio import RATE, Recording
from .library import device_of, load, model_at
from .result import Turn
from .slices import slices

MODEL = Path("/opt/sala/models/speaker-diarization-community-1")
#: Its clustering takes time and memory by the square of the length. Beyond it speakers are told apart anew.
SLICE_SAMPLES, SEARCH_SAMPLES = 2 * 60 * 60 * RATE, 10 * 60 * RATE

#: Exclusive turns of some audio: `start` and `end` in seconds, `speaker`.
Diarize: TypeAlias = "Callable[[array[int]], list[dict[str, Any]]]"


def turns_of(recording: Recording, diarize: Diarize) -> Iterator[Turn]:
    """All turns in order; the same speaker has the same name within one slice."""
    for number, piece in enumerate(slices(recording.blocks(), SLICE_SAMPLES, SEARCH_SAMPLES), 1):
        start_ms = piece.start * 1000 // RATE
        length_ms = len(piece.samples) * 1000 // RATE
        for turn in diarize(piece.samples):
            start, end = (min(max(0, round(turn[name] * 1000)), length_ms) for name in ("start", "end"))
            if end > start:
                speaker = str(turn["speaker"])
                yield Turn(start_ms + start, start_ms + end, speaker if number == 1 else f"{number}-{speaker}")


def pyannote(model: Path | None, device: str) -> Diarize:
    """The library; everything of it that is used is in here.

    Raises:
        JobFault: library, model or graphics processor missing (69).
    """
    path = model_at(model or MODEL, "The model of speakers' turns")
    torch = load("torch", "torch")
    audio = load("pyannote.audio", "pyannote.audio")
    pipeline = audio.Pipeline.from_pretrained(str(path))
    pipeline.to(torch.device(device_of(torch.cuda.is_available, device)))

    def diarize(samples: array[int]) -> list[dict[str, Any]]:
        values = torch.frombuffer(samples, dtype=torch.int16).to(dtype=torch.float32) / 32768
        found = pipeline({"waveform": values.unsqueeze(0), "sample_rate": RATE})
        turns: list[dict[str, Any]] = found.serialize()["exclusive_diarization"]
        return turns

    return diarize
