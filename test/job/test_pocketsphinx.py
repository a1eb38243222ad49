"""PocketSphinx: words with times and confidences; a minute and more of it in long_pocketsphinx.py."""

from __future__ import annotations

import signal
import time
import unittest
from typing import Any

from sala_job.audio import RATE
from sala_job.engines.pocketsphinx import PocketSphinxEngine, _load
from sala_job.faults import JobFault
from speech import welcome, word_error
from support import WELCOME, JobTest, last_error, request, write_flac, write_wav

SAID = "good morning and welcome to the conference the words on this screen are written by a machine".split()
END = 73 * RATE // 10


class Speech(JobTest):
    def test_in_several_files_is_heard_as_one_with_each_word_in_its_place(self) -> None:
        speech = welcome()[:END]
        cut = 2 * RATE  # Within a sentence.
        first = write_flac(self.folder / "1.flac", write_wav(self.folder / "1.wav", speech[:cut]))
        # Two channels that are the same.
        both = [sample for sample in speech[cut:] for _ in range(2)]
        second = write_wav(self.folder / "2.wav", both, channels=2)
        result = self.heard_by(PocketSphinxEngine(request()), first, second)

        words = [word for segment in result["segments"] for word in segment["words"]]
        self.assertLess(word_error(SAID, [word["w"] for word in words]), 0.2)
        at = 900
        for word in words:
            self.assertRegex(word["w"], r"^[a-z'.-]+$")
            self.assertTrue(at <= word["start_ms"] < word["end_ms"] <= 7300)
            self.assertTrue(0 <= word["conf"] <= 1)
            at = word["end_ms"]
        # The second sentence begins after a second of silence.
        places = [word["start_ms"] for word in words if word["w"] in ("morning", "words")]
        self.assertEqual([round(place / 1000) for place in places], [1, 5])
        for segment in result["segments"]:
            self.assertEqual(segment["text"], " ".join(word["w"] for word in segment["words"]))
            self.assertEqual(segment["start_ms"], segment["words"][0]["start_ms"])
            self.assertEqual(segment["end_ms"], segment["words"][-1]["end_ms"])
            self.assertTrue(0 <= segment["confidence"] <= 1)
        self.assertEqual((result["duration_ms"], result["progress"][-1]), (7300, 7300))
        self.assertEqual(result["engine"], {"name": "pocketsphinx", "model": "en-us", "version": "0.8+5prealpha"})

    def test_stops_in_the_midst_of_it(self) -> None:
        arguments = ["--engine", "pocketsphinx", "--language", "en", *["--audio", str(WELCOME)] * 20]
        with self.start(*arguments, "--out", self.folder / "r.json") as child:
            assert child.stdout
            child.stdout.readline()
            before = time.monotonic()
            child.send_signal(signal.SIGTERM)
            _, errors = child.communicate(timeout=60)
        self.assertEqual((child.returncode, (last_error(errors) or {})["code"]), (75, "stopped"))
        self.assertLess(time.monotonic() - before, 10)
        self.assertEqual(list(self.folder.iterdir()), [])


class Missing(JobTest):
    def refused(self, call: Any, code: str) -> None:
        with self.assertRaises(JobFault) as caught:
            call()
        self.assertEqual((caught.exception.code, caught.exception.status), (code, 69))
        self.assertIn("apt install libpocketsphinx3", caught.exception.hint)

    def test_library_is_told(self) -> None:
        self.refused(lambda: _load("libpocketsphinx.so.none"), "pocketsphinx-library")

    def test_library_of_another_version_is_told(self) -> None:
        self.refused(lambda: _load("libc.so.6"), "pocketsphinx-version")

    def test_model_is_told(self) -> None:
        self.refused(lambda: PocketSphinxEngine(request(model=self.folder)), "pocketsphinx-model")

    def test_model_that_is_broken_is_told(self) -> None:
        (self.folder / "en-us").mkdir()
        for name in ("en-us.lm.bin", "cmudict-en-us.dict"):
            (self.folder / name).write_bytes(b"")
        self.refused(lambda: PocketSphinxEngine(request(model=self.folder)), "pocketsphinx-start")


if __name__ == "__main__":
    unittest.main()
