"""Whisper by a stand-in for faster-whisper that says what is in recorded/whisper.json."""

from __future__ import annotations

import unittest
from array import array
from typing import Any
from unittest import mock

from sala_job.audio import RATE
from sala_job.engines import whisper
from sala_job.engines.whisper import WhisperEngine
from sala_job.faults import JobFault
from sala_job.vad import read_vad
from stand_ins import FasterWhisper, recorded
from support import JobTest, numbered, request, write_wav

SAID = recorded("whisper")["slices"]


class Whisper(JobTest):
    def setUp(self) -> None:
        super().setUp()
        self.library = FasterWhisper(SAID)

    def hear(self, samples: array[int], language: str = "it-IT", **more: Any) -> dict[str, Any]:
        wav = write_wav(self.folder / "a.wav", samples)
        with self.library.installed():
            return self.heard_by(WhisperEngine(request(language, model=self.folder, **more)), wav)

    def test_segments_are_dropped_on_no_speech_and_little_confidence_only_and_listed(self) -> None:
        result = self.hear(numbered(40 * RATE))
        texts = [segment["text"] for segment in result["segments"]]
        self.assertEqual(texts, ["Buongiorno a tutti.", "Grazie.", "ehm città di", "Fine."])
        dropped = {"start_ms": 20_000, "end_ms": 29_980, "text": "Sottotitoli creati dalla comunità"}
        self.assertEqual(result["dropped"], [dropped | {"confidence": 0.27, "no_speech": 0.88}])

    def test_words_have_times_and_confidences(self) -> None:
        first, second, third, last = self.hear(numbered(40 * RATE))["segments"]
        self.assertEqual(first["words"][0], {"w": "Buongiorno", "start_ms": 520, "end_ms": 1100, "conf": 0.97})
        self.assertEqual((first["confidence"], first["no_speech"]), (0.811, 0.01))
        self.assertEqual((second["no_speech"], third["confidence"]), (0.93, 0.247))
        # It has none where it gives none.
        self.assertEqual((last["words"], last["confidence"]), ([], 1.0))
        self.assertEqual((last["start_ms"], last["end_ms"]), (33_000, 34_000))

    def test_slices_are_bounded_and_their_words_in_place_and_in_bounds(self) -> None:
        with mock.patch.multiple(whisper, SLICE_SAMPLES=40 * RATE, SEARCH_SAMPLES=RATE):
            result = self.hear(array("h", bytes(2 * 60 * RATE)))
        lengths = [len(asked["audio"]) for asked in self.library.asked]
        self.assertEqual(sum(lengths), 60 * RATE)
        self.assertLessEqual(max(lengths), 40 * RATE)
        start = lengths[0] * 1000 // RATE
        later = result["segments"][4:]
        self.assertEqual([segment["text"] for segment in later], ["Seconda", "parte."])
        self.assertEqual(later[0]["words"], [{"w": "Seconda", "start_ms": start, "end_ms": start + 800, "conf": 1.0}])
        # It may place words after the end.
        self.assertEqual(later[1]["words"][0]["end_ms"], 60_000)
        self.assertEqual(result["progress"], [start, 60_000])

    def test_asks_for_what_keeps_it_from_inventing(self) -> None:
        self.hear(numbered(RATE))
        asked = self.library.asked[0]
        self.assertEqual(asked["language"], "it")
        self.assertEqual(asked["task"], "transcribe")
        self.assertTrue(asked["vad_filter"] and asked["word_timestamps"])
        self.assertFalse(asked["condition_on_previous_text"])
        # The library itself drops nothing in silence.
        self.assertIsNone(asked["no_speech_threshold"])
        self.assertIsNone(asked["hallucination_silence_threshold"])
        self.assertIsNone(asked["hotwords"])
        self.assertEqual(self.library.made, (str(self.folder), "cuda", "float16"))
        self.assertEqual(asked["audio"], [sample / 32_768 for sample in numbered(RATE)])

    def test_takes_the_options_of_the_detector_and_the_vocabulary(self) -> None:
        vad = read_vad('{"threshold": 0.4, "min_silence_duration_ms": 1500, "speech": []}')
        self.hear(numbered(RATE), vad=vad, vocabulary=("Kubernetes", "Sala"))
        asked = self.library.asked[0]
        detector = asked["vad_parameters"]
        self.assertEqual((detector.threshold, detector.min_silence_duration_ms), (0.4, 1500))
        self.assertEqual(asked["hotwords"], "Kubernetes, Sala")
        self.assertEqual(set(asked["audio"]), {0})

    def test_knows_languages_by_their_names_for_it(self) -> None:
        for tag, name in (("it", "it"), ("en-GB", "en"), ("nb-NO", "no"), ("cmn-Hans-CN", "zh")):
            self.library = FasterWhisper(SAID)
            self.hear(numbered(RATE), language=tag)
            self.assertEqual(self.library.asked[0]["language"], name)
        with self.assertRaises(JobFault) as caught:
            self.hear(numbered(RATE), language="fur-IT")
        self.assertEqual((caught.exception.code, caught.exception.status), ("language-unsupported", 69))

    def test_machine_without_graphics_processor_is_told_unless_cpu_was_asked_for(self) -> None:
        self.library.gpus = 0
        with self.assertRaises(JobFault) as caught:
            self.hear(numbered(RATE))
        self.assertEqual((caught.exception.code, caught.exception.status), ("gpu-missing", 69))
        self.hear(numbered(RATE), device="cpu")
        self.assertEqual(self.library.made, (str(self.folder), "cpu", "int8"))

    def test_nothing_is_asked_of_an_empty_recording(self) -> None:
        self.assertEqual(self.hear(array("h"))["segments"], [])
        self.assertEqual(self.library.asked, [])


if __name__ == "__main__":
    unittest.main()
