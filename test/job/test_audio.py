"""Recordings of one or several files, whole or broken."""

from __future__ import annotations

import os
import tracemalloc
from array import array
from pathlib import Path
from unittest import mock

from sala_job.audio import BLOCK_SAMPLES, RATE, Recording
from sala_job.faults import Exit, JobFault
from support import JobTest, numbered, write_flac, write_wav


def samples_of(*paths: Path) -> array[int]:
    together = array("h")
    for block in Recording(paths).blocks():
        assert 0 < len(block) <= BLOCK_SAMPLES
        together.extend(block)
    return together


class Whole(JobTest):
    def test_files_are_one_run_of_samples(self) -> None:
        wav = write_wav(self.folder / "a.wav", numbered(50_001))
        flac = write_flac(self.folder / "b.flac", write_wav(self.folder / "b.wav", numbered(33_333, 50_001)))
        last = write_flac(self.folder / "c.flac", write_wav(self.folder / "c.wav", numbered(5, 83_334)))
        self.assertEqual(samples_of(wav, flac, last), numbered(83_339))
        self.assertEqual(Recording([wav, flac, last]).samples, 83_339)
        self.assertEqual(Recording([wav, flac, last]).duration_ms, 5209)

    def test_two_channels_are_heard_as_their_mean(self) -> None:
        """Rounded down, as the relay's live captions hear them."""
        pairs = [(0, 0), (1, 2), (-1, -2), (32_767, 32_767), (-32_768, -32_768), (100, -101), (-32_768, 32_767)]
        wav = write_wav(self.folder / "a.wav", [sample for pair in pairs for sample in pair], channels=2)
        mean = array("h", [0, 1, -2, 32_767, -32_768, -1, -1])
        self.assertEqual(samples_of(wav), mean)
        self.assertEqual(samples_of(write_flac(self.folder / "a.flac", wav)), mean)

    def test_nothing_said_is_a_recording_too(self) -> None:
        wav = write_wav(self.folder / "a.wav", [])
        self.assertEqual(samples_of(wav), array("h"))
        self.assertEqual(Recording([wav]).duration_ms, 0)

    def test_file_may_have_any_name(self) -> None:
        odd = write_flac(self.folder / "--help", write_wav(self.folder / "a.wav", numbered(10)))
        self.assertEqual(samples_of(odd), numbered(10))

    def test_can_be_heard_twice(self) -> None:
        recording = Recording([write_wav(self.folder / "a.wav", numbered(10))])
        self.assertEqual(list(recording.blocks()), list(recording.blocks()))

    def test_is_never_held_whole(self) -> None:
        flac = write_flac(self.folder / "a.flac", write_wav(self.folder / "a.wav", array("h", bytes(2 * 120 * RATE))))
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        for _ in Recording([flac]).blocks():
            pass
        self.assertLess(tracemalloc.get_traced_memory()[1], 20 * 2 * BLOCK_SAMPLES)


class Broken(JobTest):
    def refused(self, *paths: Path, code: str = "audio-bad", status: Exit = Exit.AUDIO) -> str:
        with self.assertRaises(JobFault) as caught:
            samples_of(*paths)
        self.assertEqual((caught.exception.code, caught.exception.status), (code, status))
        self.assertTrue(caught.exception.hint)
        return caught.exception.message

    def flac(self) -> Path:
        return write_flac(self.folder / "a.flac", write_wav(self.folder / "a.wav", numbered(200_000)))

    def test_flac_with_one_bit_changed(self) -> None:
        flac = self.flac()
        content = bytearray(flac.read_bytes())
        for place in (len(content) // 3, len(content) // 2, len(content) - 50):
            content[place] ^= 0x10
            flac.write_bytes(content)
            self.assertIn("a.flac", self.refused(flac))
            content[place] ^= 0x10
        flac.write_bytes(content)
        self.assertEqual(len(samples_of(flac)), 200_000)

    def test_flac_cut_short_anywhere(self) -> None:
        flac = self.flac()
        content = flac.read_bytes()
        for length in (0, 3, 20, 42, 60, len(content) // 2, len(content) - 1):
            flac.write_bytes(content[:length])
            self.refused(flac)

    def test_flac_whose_head_promises_more_or_less(self) -> None:
        flac = self.flac()
        content = bytearray(flac.read_bytes())
        for samples in (0, 199_999, 200_001):
            content[22:26] = samples.to_bytes(4, "big")
            flac.write_bytes(content)
            self.refused(flac)

    def test_flac_of_other_samples_than_its_checksum_says(self) -> None:
        flac = self.flac()
        content = bytearray(flac.read_bytes())
        content[30] ^= 1
        flac.write_bytes(content)
        self.assertIn("MD5", self.refused(flac))

    def test_wav_cut_short(self) -> None:
        wav = write_wav(self.folder / "a.wav", numbered(1000))
        content = wav.read_bytes()
        for length in (10, 30, 44, 45, len(content) - 1):
            wav.write_bytes(content[:length])
            self.refused(wav)

    def test_audio_of_another_kind(self) -> None:
        self.assertIn("8000 Hz", self.refused(write_wav(self.folder / "a.wav", [0] * 100, rate=8000)))
        self.assertIn("3 channels", self.refused(write_wav(self.folder / "b.wav", [0] * 99, channels=3)))
        self.assertIn("8 bit", self.refused(write_wav(self.folder / "c.wav", [0] * 100, width=1)))
        (self.folder / "d.flac").write_bytes(b"ID3 and so on" * 10)
        self.assertIn("neither", self.refused(self.folder / "d.flac"))

    def test_file_that_is_not_there(self) -> None:
        self.assertIn("No such file", self.refused(self.folder / "a.flac"))
        self.assertIn("directory", self.refused(self.folder))

    def test_one_file_of_many(self) -> None:
        good = write_wav(self.folder / "good.wav", numbered(10))
        flac = self.flac()
        flac.write_bytes(flac.read_bytes()[:-1])
        self.assertIn("a.flac", self.refused(good, flac, good))

    def test_program_flac_is_killed_which_is_no_fault_of_the_audio(self) -> None:
        flac = self.flac()
        program = self.folder / "flac"
        program.write_text("#!/bin/sh\nkill -9 $$\n")
        program.chmod(0o755)
        with mock.patch.dict(os.environ, PATH=f"{self.folder}:{os.environ['PATH']}"):
            self.refused(flac, code="flac-killed", status=Exit.TRY_AGAIN)

    def test_program_flac_is_not_there(self) -> None:
        flac = self.flac()
        with mock.patch.dict(os.environ, PATH=str(self.folder)):
            self.refused(flac, code="flac-missing", status=Exit.UNAVAILABLE)


if __name__ == "__main__":
    import unittest

    unittest.main()
