"""Says what a file says: an engine's result that was kept, for tests and for chains without an engine."""

import json
from pathlib import Path
from typing import Any

from ..audio import Recording
from ..faults import unavailable
from ..progress import Progress
from ..result import SCHEMA, EngineInfo, ResultFile, Turn
from .base import Request


class RecordedEngine:
    """The file is an engine's result; its length is taken from the audio, which is read whole as by any engine."""

    def __init__(self, file: Path, request: Request) -> None:
        self._kept = _read(file)
        engine = self._kept["engine"]
        self.info = EngineInfo(engine["name"], engine["model"], engine["version"])

    def transcribe(self, recording: Recording, result: ResultFile, progress: Progress) -> None:
        """All of what was kept, whatever the audio."""
        done = 0
        for block in recording.blocks():
            done += len(block)
            progress.at(done)
        for segment in self._kept["segments"]:
            result.add_raw(segment)
        for segment in self._kept["dropped"]:
            result.drop_raw(segment)
        turns = self._kept["turns"]
        if turns is not None:
            result.turns = [Turn(each["start_ms"], each["end_ms"], each["speaker"]) for each in turns]


def _read(file: Path) -> dict[str, Any]:
    hint = f"Give the file of a result of the form {SCHEMA}: recorded:FILE."
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise unavailable("recorded-missing", f"{file} cannot be read: {error.strerror}", hint) from error
    except ValueError as error:
        raise unavailable("recorded-malformed", f"{file} is not JSON: {error}", hint) from error
    whole = {"engine", "segments", "dropped", "turns"}
    if not isinstance(kept, dict) or kept.get("schema") != SCHEMA or not whole <= kept.keys():
        raise unavailable("recorded-malformed", f"{file} is not a whole result of an engine", hint)
    return kept
