"""What an engine heard, written to disk as it comes: ten hours of words take no more memory than ten minutes."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

SCHEMA = "sala.engine.v1"


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """Who heard it."""

    name: str
    model: str
    version: str


@dataclass(frozen=True, slots=True)
class Word:
    """Times from the first sample of the recording; None: the engine does not say."""

    text: str
    start_ms: int | None
    end_ms: int | None
    confidence: float | None


@dataclass(frozen=True, slots=True)
class Segment:
    """Some words that belong together."""

    start_ms: int
    end_ms: int
    text: str
    words: Sequence[Word] = ()
    confidence: float | None = None
    no_speech: float | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """A stretch in which one person speaks."""

    start_ms: int
    end_ms: int
    speaker: str


@dataclass
class ResultFile:
    """The file, there only once it is whole: written beside its place, synced, then put there.

    Each segment has a line of its own, the segments' brackets end the line before and begin the line behind them: who reads
    it (`result-file.ts`) never has more than a line in memory.
    """

    path: Path
    engine: EngineInfo
    duration_ms: int
    segments: int = 0
    turns: Sequence[Turn] | None = None
    _dropped: list[Mapping[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._beside = self.path.with_name(f".{self.path.name}.part")
        self._file: TextIO = self._beside.open("w", encoding="utf-8")
        self._file.write(f'{{"schema":{_json(SCHEMA)},"segments":[')

    def add(self, segment: Segment) -> None:
        """Segments come in order."""
        words = [
            {"w": each.text, "start_ms": each.start_ms, "end_ms": each.end_ms, "conf": _rounded(each.confidence)}
            for each in segment.words
        ]
        self.add_raw(_segment_fields(segment) | {"words": words})

    def add_raw(self, segment: Mapping[str, Any]) -> None:
        """A segment that is in the contract's form already."""
        self._file.write((",\n" if self.segments else "\n") + _json(segment))
        self.segments += 1

    def drop(self, segment: Segment) -> None:
        """A segment that is withheld for good, and listed."""
        self._dropped.append(_segment_fields(segment))

    def drop_raw(self, segment: Mapping[str, Any]) -> None:
        """The same, in the contract's form already."""
        self._dropped.append(segment)

    def __enter__(self) -> "ResultFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._file.close()
            self._beside.unlink(missing_ok=True)

    def _finish(self) -> None:
        turns = None
        if self.turns is not None:
            turns = [{"start_ms": each.start_ms, "end_ms": each.end_ms, "speaker": each.speaker} for each in self.turns]
        engine = {"name": self.engine.name, "model": self.engine.model, "version": self.engine.version}
        rest = {"engine": engine, "duration_ms": self.duration_ms, "dropped": self._dropped, "turns": turns}
        self._file.write("\n]," + _json(rest)[1:] + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._beside.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _segment_fields(segment: Segment) -> dict[str, Any]:
    return {
        "start_ms": segment.start_ms,
        "end_ms": segment.end_ms,
        "text": segment.text,
        "confidence": _rounded(segment.confidence),
        "no_speech": _rounded(segment.no_speech),
    }


def _rounded(share: float | None) -> float | None:
    """Three places of a number that has to lie from 0 to 1; what is not a number is not known."""
    if share is None or share != share:
        return None
    return round(min(1.0, max(0.0, share)), 3)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
