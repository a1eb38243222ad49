"""Speakers' turns by a stand-in for pyannote that says what is in recorded/turns.json."""

from __future__ import annotations

import json
import os
import unittest
from array import array
from types import SimpleNamespace
from typing import Any
from unittest import mock

import stand_ins
from sala_job import turns
from sala_job.audio import RATE, Recording
from sala_job.program import run
from sala_job.options import read_options
from sala_job.result import Turn
from sala_job.turns import turns_of
from support import JobTest, numbered, write_wav

SAID: dict[str, list[dict[str, Any]]] = stand_ins.recorded("turns")


class Turns(JobTest):
    def recording(self, seconds: int) -> Recording:
        return Recording([write_wav(self.folder / "a.wav", numbered(seconds * RATE))])

    def test_are_the_exclusive_ones_within_the_recording(self) -> None:
        found = list(turns_of(self.recording(10), lambda samples: SAID["exclusive_diarization"]))
        # One is shorter than a ms, one ends after the recording.
        self.assertEqual(
            found,
            [Turn(31, 4050, "SPEAKER_00"), Turn(4050, 9007, "SPEAKER_01"), Turn(9900, 10_000, "SPEAKER_00")],
        )

    def test_of_a_second_slice_are_of_speakers_told_apart_anew(self) -> None:
        heard: list[int] = []

        def diarize(samples: array[int]) -> list[dict[str, Any]]:
            heard.append(len(samples))
            return [{"start": 0.0, "end": 1.0, "speaker": "SPEAKER_00"}]

        with mock.patch.multiple(turns, SLICE_SAMPLES=8 * RATE, SEARCH_SAMPLES=RATE):
            first, second = turns_of(self.recording(15), diarize)
        self.assertEqual(sum(heard), 15 * RATE)
        start = heard[0] * 1000 // RATE
        self.assertEqual((first, second), (Turn(0, 1000, "SPEAKER_00"), Turn(start, start + 1000, "2-SPEAKER_00")))

    def test_are_asked_of_the_library_without_a_word_to_anybody_else(self) -> None:
        asked: list[Any] = []

        class Pipeline:
            @classmethod
            def from_pretrained(
                cls,
                checkpoint: str,
                revision: str | None = None,
                hparams_file: str | None = None,
                subfolder: str | None = None,
                token: str | None = None,
                cache_dir: str | None = None,
            ) -> Pipeline:
                asked.append((checkpoint, os.environ["PYANNOTE_METRICS_ENABLED"], os.environ["HF_HUB_OFFLINE"]))
                return cls()

            def to(self, device: str) -> None:
                asked.append(device)

            def __call__(self, file: dict[str, Any]) -> Any:
                asked.append((file["waveform"].shape, file["sample_rate"]))
                return SimpleNamespace(serialize=lambda: SAID)

        kept = self.folder / "kept.json"
        engine = {"name": "parakeet", "model": "m", "version": "1"}
        result = {"schema": "sala.engine.v1", "engine": engine, "segments": [], "dropped": [], "turns": None}
        kept.write_text(json.dumps(result))
        self.recording(10)
        out = self.folder / "result.json"
        arguments = ["--engine", f"recorded:{kept}", "--language", "it", "--audio", str(self.folder / "a.wav")]
        more = ["--out", str(out), "--turns", "yes", "--turns-model", str(self.folder)]
        with (
            mock.patch.dict(os.environ),
            mock.patch("sys.stdout"),
            stand_ins.installed(
                torch=stand_ins.torch(has_cuda=True),
                pyannote={"__path__": []},
                pyannote__audio={"Pipeline": Pipeline},
            ),
        ):
            run(read_options([*arguments, *more]))
        self.assertEqual(asked, [(str(self.folder), "0", "1"), "cuda", ((1, 10 * RATE), RATE)])
        self.assertEqual(len(json.loads(out.read_text())["turns"]), 3)


if __name__ == "__main__":
    unittest.main()
