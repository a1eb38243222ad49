"""Parakeet by a stand-in for NeMo that says what is in recorded/parakeet.json."""

from __future__ import annotations

import unittest
from array import array
from typing import Any
from unittest import mock

from sala_job.audio import RATE
from sala_job.engines import parakeet
from sala_job.engines.parakeet import LANGUAGES, ParakeetEngine
from sala_job.faults import JobFault
from sala_job.vad import read_vad
from stand_ins import FRAME, Nemo, recorded
from support import JobTest, numbered, request, write_wav

SAID = recorded("parakeet")


class Parakeet(JobTest):
    def setUp(self) -> None:
        super().setUp()
        self.nemo = Nemo(SAID["windows"], SAID["pieces"], SAID["words"])
        self.samples = numbered(SAID["seconds"] * RATE)

    def hear(self, samples: array[int] | None = None, **more: Any) -> dict[str, Any]:
        wav = write_wav(self.folder / "a.wav", self.samples if samples is None else samples)
        with self.nemo.installed():
            return self.heard_by(ParakeetEngine(request("it-IT", model=self.folder, **more)), wav)

    def test_words_have_the_times_and_the_least_confidence_of_their_pieces(self) -> None:
        result = self.hear()
        words = [word for segment in result["segments"] for word in segment["words"]]
        self.assertEqual(
            [(word["w"], word["start_ms"], word["end_ms"], word["conf"]) for word in words],
            [
                ("Buongiorno", 480, 1040, 0.8),
                ("a", 1120, 1200, 0.99),
                ("tutti.", 1200, 1440, 0.97),
                ("la", 19_200, 19_360, 0.7),
                # Its pieces lie in two windows.
                ("conferenza.", 19_840, 20_320, 0.65),
                ("fine", 59_200, 59_520, 0.88),
            ],
        )
        texts = [segment["text"] for segment in result["segments"]]
        self.assertEqual(texts, ["Buongiorno a tutti.", "la conferenza.", "fine"])
        self.assertEqual(result["progress"], [20_000, 40_000, 60_000])
        self.assertEqual(result["engine"]["version"], "nemo 3.0.0")

    def test_windows_are_20_s_with_5_before_and_3_after_in_frames(self) -> None:
        self.hear()
        left, chunk, right = 62, 250, 37
        self.assertEqual(
            self.nemo.asked,
            [
                self.asked(0, chunk + right, 0, chunk),
                self.asked(chunk - left, left + chunk + right, left, chunk),
                # The last one decides all that is left.
                self.asked(2 * chunk - left, left + chunk, left, chunk),
            ],
        )

    def asked(self, start: int, length: int, left: int, decoded: int) -> dict[str, Any]:
        first = self.samples[start * FRAME] / 32_768
        return {"samples": length * FRAME, "first": first, "frames": length - left, "decoded": decoded}

    def test_next_to_nothing_is_filled_up_with_silence(self) -> None:
        self.nemo.windows = [{"transcript": [1], "timestamps": [0]}]
        result = self.hear(numbered(100))
        self.assertEqual(self.nemo.asked[0]["samples"], RATE)
        # The times of its words are within it all the same.
        words = [{"w": "Buon", "start_ms": 0, "end_ms": 6, "conf": None}]
        self.assertEqual(result["segments"][0]["words"], words)

    def test_nothing_is_heard_of_an_empty_recording(self) -> None:
        self.assertEqual(self.hear(array("h"))["segments"], [])
        self.assertEqual(self.nemo.asked, [])

    def test_hears_all_of_it_also_where_nobody_was_found_to_speak(self) -> None:
        self.hear(vad=read_vad('{"speech": []}'))
        self.assertNotIn(0, [window["first"] for window in self.nemo.asked])

    def test_decoder_is_set_as_the_streaming_script_sets_it(self) -> None:
        self.hear()
        decoding = vars(self.nemo.decoding_cfg) | {"greedy": vars(self.nemo.decoding_cfg.greedy)}
        self.assertEqual(decoding["model_type"], "tdt")
        self.assertEqual(decoding["durations"], [0, 1, 2, 3, 4])
        self.assertEqual((decoding["strategy"], decoding["tdt_include_token_duration"]), ("greedy_batch", True))
        self.assertEqual(
            decoding["greedy"],
            {"max_symbols": 10, "loop_labels": True, "use_cuda_graph_decoder": False, "preserve_alignments": False},
        )
        # The model's own settings stay as they were.
        self.assertEqual(self.nemo.cfg.decoding.strategy, "greedy")
        featurizer = self.nemo.preprocessor.featurizer
        self.assertEqual((featurizer.dither, featurizer.pad_to), (0.0, 0))
        self.assertEqual(self.nemo.restored, (str(self.folder), "cuda"))

    def test_vocabulary_is_made_likelier(self) -> None:
        self.hear(vocabulary=("Kubernetes", "Città di Castello"))
        tree = self.nemo.decoding_cfg.greedy.boosting_tree
        self.assertEqual(tree["key_phrases_list"], ["Kubernetes", "Città di Castello"])
        self.assertTrue(0 < self.nemo.decoding_cfg.greedy.boosting_tree_alpha < 1)

    def test_without_streaming_passes_are_bounded_and_their_words_in_place(self) -> None:
        samples = array("h", bytes(2 * 50 * RATE))
        with mock.patch.multiple(parakeet, PASS_SAMPLES=40 * RATE, PASS_SEARCH_SAMPLES=RATE):
            result = self.hear(samples, streaming=False)
        first, second = self.nemo.asked
        self.assertLessEqual(first["samples"], 40 * RATE)
        self.assertEqual(first["samples"] + second["samples"], len(samples))
        start_ms = first["samples"] * 1000 // RATE
        places = [word["start_ms"] for segment in result["segments"] for word in segment["words"]]
        self.assertEqual(places, [480, 1200, start_ms + 480, start_ms + 1200])
        self.assertEqual(self.nemo.attention, ("rel_pos_local_attn", [256, 256]))

    def test_frames_of_another_kind_are_told(self) -> None:
        """A version of NeMo that counts them anew in each window would put every word into the first 20 s."""
        self.nemo.windows = [dict(window) for window in SAID["windows"]]
        self.nemo.windows[1]["timestamps"] = [0, 4]
        with self.assertRaises(JobFault) as caught:
            self.hear()
        self.assertEqual((caught.exception.code, caught.exception.status), ("nemo-version", 69))

    def test_machine_without_graphics_processor_is_told_unless_cpu_was_asked_for(self) -> None:
        with self.nemo.installed(has_cuda=False):
            with self.assertRaises(JobFault) as caught:
                ParakeetEngine(request("it", model=self.folder))
            self.assertEqual((caught.exception.code, caught.exception.status), ("gpu-missing", 69))
            ParakeetEngine(request("it", model=self.folder, device="cpu"))
        self.assertEqual(self.nemo.restored, (str(self.folder), "cpu"))

    def test_knows_25_languages(self) -> None:
        self.assertEqual(len(LANGUAGES), 25)
        for language in ("ja-JP", "zh", "nb-NO"):
            with self.assertRaises(JobFault), self.nemo.installed():
                ParakeetEngine(request(language, model=self.folder))


if __name__ == "__main__":
    unittest.main()
