"""Whisper-large-v3-turbo by faster-whisper. It can invent: silence is kept from it, what it says of it is listed.

Not tried on a graphics processor. The calls are those of faster-whisper 1.2.1.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

from ..audio import RATE, Recording
from ..faults import unavailable
from ..library import device_of, load, model_at
from ..progress import Progress
from ..result import EngineInfo, ResultFile, Segment, Word
from ..slices import slices
from ..vad import gated
from .base import Request

MODEL = Path("/opt/sala/models/whisper-large-v3-turbo")
#: The library holds all that it is given, several times over; slices are heard one by one.
SLICE_SAMPLES, SEARCH_SAMPLES = 10 * 60 * RATE, 60 * RATE
#: Both must be so for a segment to be dropped: the library's own thresholds.
NO_SPEECH, LOW_LOG_PROBABILITY = 0.6, -1.0
#: Where Whisper's name of a language is not the first part of its tag.
LANGUAGES = {"nb": "no", "fil": "tl", "jv": "jw", "iw": "he", "cmn": "zh"}


class Model(Protocol):
    """What is needed of faster-whisper."""

    version: str
    languages: Iterable[str]

    def hear(self, samples: array[int], options: dict[str, Any]) -> Iterable[Any]:
        """Its segments, times in seconds from the first sample."""
        ...


class WhisperEngine:
    """Holds one slice of audio at a time."""

    def __init__(self, request: Request, model: Callable[[Request], Model] | None = None) -> None:
        self._request = request
        self._model = (model or FasterWhisper)(request)
        first = request.language.split("-")[0].lower()
        self._language = LANGUAGES.get(first, first)
        if self._language not in self._model.languages:
            raise unavailable(
                "language-unsupported",
                f"This Whisper does not know {request.language}",
                "Take another model or engine.",
            )
        self.info = EngineInfo("whisper", (request.model or MODEL).name, f"faster-whisper {self._model.version}")

    def transcribe(self, recording: Recording, result: ResultFile, progress: Progress) -> None:
        """Segment by segment; those of no speech and little confidence are dropped, and listed."""
        options = options_of(self._request, self._language)
        for piece in slices(gated(recording.blocks(), self._request.vad.speech), SLICE_SAMPLES, SEARCH_SAMPLES):
            bounds = (piece.start * 1000 // RATE, (piece.start + len(piece.samples)) * 1000 // RATE)
            for heard in self._model.hear(piece.samples, options):
                segment = segment_of(heard, *bounds)
                if is_invented(heard):
                    result.drop(segment)
                elif segment.text:
                    result.add(segment)
            progress.at(piece.start + len(piece.samples))


def options_of(request: Request, language: str) -> dict[str, Any]:
    """How the library is asked."""
    return {
        "language": language,
        "task": "transcribe",
        "word_timestamps": True,
        # What it says once would be said again and again.
        "condition_on_previous_text": False,
        "vad_filter": True,
        "vad_parameters": dict(request.vad.options),
        # With it the library would drop segments that nobody is told of; the same is decided here.
        "no_speech_threshold": None,
        "log_prob_threshold": LOW_LOG_PROBABILITY,
        "hotwords": ", ".join(request.vocabulary) or None,
    }


def is_invented(heard: Any) -> bool:
    """No speech *and* little confidence; one of them alone is no reason."""
    return bool(heard.no_speech_prob > NO_SPEECH and heard.avg_logprob < LOW_LOG_PROBABILITY)


def segment_of(heard: Any, start_ms: int, end_ms: int) -> Segment:
    """The library's segment at its place in the recording, in its slice's bounds."""

    def ms(seconds: float) -> int:
        return min(start_ms + max(0, round(seconds * 1000)), end_ms)

    words = [
        Word(word.word.strip(), ms(word.start), max(ms(word.start), ms(word.end)), word.probability)
        for word in heard.words or ()
        if word.word.strip()
    ]
    return Segment(
        ms(heard.start),
        max(ms(heard.start), ms(heard.end)),
        heard.text.strip(),
        words,
        math.exp(min(0.0, heard.avg_logprob)),
        heard.no_speech_prob,
    )


class FasterWhisper:
    """The library; everything of it that is used is in here."""

    def __init__(self, request: Request) -> None:
        path = model_at(request.model or MODEL, "The model of Whisper")
        library = load("faster_whisper", "faster-whisper")
        self._numpy = load("numpy", "numpy")
        cuda = load("ctranslate2", "ctranslate2")
        self.version = str(library.__version__)
        device = device_of(lambda: bool(cuda.get_cuda_device_count()), request.device)
        self._model = library.WhisperModel(
            str(path), device=device, compute_type="float16" if device == "cuda" else "int8", local_files_only=True
        )
        self.languages = frozenset(self._model.supported_languages)

    def hear(self, samples: array[int], options: dict[str, Any]) -> Iterable[Any]:
        """A generator: each of the model's windows is heard when its segments are asked for."""
        audio = self._numpy.frombuffer(samples, dtype=self._numpy.int16).astype(self._numpy.float32) / 32768
        segments: Iterable[Any]
        segments, _ = self._model.transcribe(audio, **options)
        return segments
