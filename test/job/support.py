"""What the tests of sala_job share: audio made here, engines' requests, and the program as a child."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
import wave
from array import array
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from sala_job.audio import RATE, Recording
from sala_job.engines.base import Engine, Request
from sala_job.program import main
from sala_job.progress import Progress
from sala_job.result import ResultFile

ROOT = Path(__file__).parents[2]
JOB = ROOT / "relay/canonical/job"
RECORDED = Path(__file__).parent / "recorded"
WELCOME = ROOT / "provisioning/speech/welcome.wav"


_PERIOD = array("h", [place * 7919 % 65_536 - 32_768 for place in range(65_536)])


def numbered(samples: int, start: int = 0) -> array[int]:
    """Samples that tell their own places, within four seconds."""
    first = start % len(_PERIOD)
    return (_PERIOD * ((first + samples) // len(_PERIOD) + 1))[first : first + samples]


def write_wav(path: Path, samples: Sequence[int], *, channels: int = 1, rate: int = RATE, width: int = 2) -> Path:
    """A WAV file; `samples` interleaved."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(array("h", samples).tobytes())
    return path


def write_flac(path: Path, wav: Path) -> Path:
    """The same as FLAC, by the program that Sala writes recordings with."""
    subprocess.run(["flac", "--silent", "--force", "-o", str(path), str(wav)], check=True)
    return path


def blocks_of(samples: array[int], lengths: Iterator[int]) -> Iterator[array[int]]:
    """The samples in blocks of such lengths."""
    at = 0
    while at < len(samples):
        length = next(lengths)
        yield samples[at : at + length]
        at += length


class JobTest(unittest.TestCase):
    """A test with a folder of its own."""

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="sala-job-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def heard_by(self, engine: Engine, *paths: Path) -> dict[str, Any]:
        """The result of an engine, and what it said of its progress as `progress`."""
        recording = Recording(paths)
        said = io.StringIO()
        out = self.folder / "result.json"
        with ResultFile(out, engine.info, recording.duration_ms) as result:
            engine.transcribe(recording, result, Progress(recording.samples, said, interval_seconds=0))
        if kept := os.environ.get("SALA_TEST_RESULTS"):
            shutil.copy(out, Path(kept) / f"{self.id()}.json")
        read: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
        read["progress"] = [json.loads(line)["progress"]["done_ms"] for line in said.getvalue().splitlines()]
        return read

    def start(
        self, *arguments: str | Path, program: Sequence[str] = ("-m", "sala_job")
    ) -> subprocess.Popen[str]:
        """The program as a child; its output is text in pipes."""
        return subprocess.Popen(
            [sys.executable, *program, *map(str, arguments)],
            env=os.environ | {"PYTHONPATH": str(JOB)},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run_job(self, *arguments: str | Path) -> tuple[int, list[dict[str, Any]], str]:
        """The program within this one: its exit status, its progress and what it said of errors."""
        said, errors = io.StringIO(), io.StringIO()
        handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            with redirect_stdout(said), redirect_stderr(errors):
                status = int(main(list(map(str, arguments))))
        except SystemExit as end:
            status = int(end.code or 0)
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        return status, [json.loads(line)["progress"] for line in said.getvalue().splitlines()], errors.getvalue()


def last_error(errors: str) -> dict[str, str] | None:
    """The JSON of the last line, if it is that of an error."""
    lines = errors.splitlines()
    if not lines or not lines[-1].startswith("{"):
        return None
    error: dict[str, str] = json.loads(lines[-1])["error"]
    return error


def request(language: str = "en-US", **more: Any) -> Request:
    """What an engine is asked for."""
    return Request(language, **more)
