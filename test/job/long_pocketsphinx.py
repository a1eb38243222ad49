"""PocketSphinx over minutes: speech without pauses, long silence, flat memory."""

from __future__ import annotations

import unittest
from array import array
from pathlib import Path
from typing import Any

from sala_job.audio import RATE
from sala_job.engines.pocketsphinx import MAX_UTTERANCE_SAMPLES, PocketSphinxEngine
from speech import welcome, without_pauses, word_error
from support import WELCOME, JobTest, request, write_wav

SENTENCE = 36 * RATE // 10


class Speech(JobTest):
    def heard(self, *paths: Path) -> dict[str, Any]:
        return self.heard_by(PocketSphinxEngine(request()), *paths)

    def test_of_a_minute_has_at_most_15_percent_of_its_words_wrong(self) -> None:
        said = WELCOME.with_suffix(".txt").read_text().lower()
        expected = "".join(letter if letter.isalnum() or letter == "'" else " " for letter in said).split()
        heard = " ".join(segment["text"] for segment in self.heard(WELCOME)["segments"])
        self.assertLessEqual(word_error(expected, heard.split()), 0.15)

    def test_keeps_its_place_after_long_silence(self) -> None:
        sentence = welcome()[:SENTENCE]
        silence = array("h", bytes(2 * 30 * RATE))
        result = self.heard(write_wav(self.folder / "a.wav", sentence + silence + sentence))
        first, second = result["segments"]
        self.assertAlmostEqual(second["start_ms"] - first["start_ms"], 33_600, delta=300)

    def test_without_pauses_ends_in_segments_of_bearable_length(self) -> None:
        result = self.heard(write_wav(self.folder / "a.wav", without_pauses(welcome())))
        self.assertGreaterEqual(len(result["segments"]), 2)
        for segment in result["segments"]:
            self.assertLessEqual(segment["end_ms"] - segment["start_ms"], MAX_UTTERANCE_SAMPLES / 16 + 1000)

    def test_is_nowhere_in_silence(self) -> None:
        result = self.heard(write_wav(self.folder / "a.wav", array("h", bytes(2 * 10 * RATE))))
        self.assertEqual((result["segments"], result["dropped"], result["turns"]), ([], [], None))

    def test_takes_no_more_memory_the_longer_it_is(self) -> None:
        engine = PocketSphinxEngine(request())

        def resident_after(times: int) -> int:
            self.heard_by(engine, *[WELCOME] * times)
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            return pages * 4096

        first = resident_after(1)
        self.assertLess(resident_after(4) - first, 10_000_000)


if __name__ == "__main__":
    unittest.main()
