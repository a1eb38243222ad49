"""The gate before an engine."""

from __future__ import annotations

import json
import random
import unittest
from array import array

from sala_job.audio import RATE
from sala_job.vad import gated, read_vad
from support import blocks_of, numbered


def speech_of(stretches: list[tuple[int, int]], **options: float) -> list[tuple[int, int]]:
    speech = [{"start_ms": start, "end_ms": end} for start, end in stretches]
    return list(read_vad(json.dumps({"speech": speech, **options})).speech or ())


class Gate(unittest.TestCase):
    def test_lets_speech_through_at_its_own_place_and_nothing_else(self) -> None:
        chance = random.Random(3)
        for _ in range(60):
            samples = numbered(chance.randrange(1, 5 * RATE))
            edges = sorted(chance.sample(range(6 * RATE), 2 * chance.randrange(0, 6)))
            speech = list(zip(edges[::2], edges[1::2]))
            lengths = iter(lambda: chance.choice((1, 3000, 16_000)) if len(samples) < RATE else 16_000, 0)
            heard = array("h")
            for block in gated(blocks_of(samples, lengths), speech):
                heard.extend(block)
            expected = array("h", bytes(2 * len(samples)))
            for start, end in speech:
                expected[start : min(end, len(samples))] = samples[start:end]
            self.assertEqual(heard, expected)

    def test_without_a_map_lets_all_through(self) -> None:
        samples = numbered(3 * RATE)
        self.assertEqual(list(gated([samples], None)), [samples])

    def test_with_an_empty_map_lets_nothing_through(self) -> None:
        self.assertEqual(list(gated([numbered(9)], ())), [array("h", bytes(18))])


class VoiceMap(unittest.TestCase):
    def test_is_in_samples(self) -> None:
        self.assertEqual(speech_of([(0, 10), (1000, 2500)]), [(0, 160), (16_000, 40_000)])

    def test_is_padded_and_stretches_that_touch_become_one(self) -> None:
        self.assertEqual(speech_of([(100, 500), (900, 1000), (5000, 6000)], speech_pad_ms=200), [
            (0, 19_200),
            (76_800, 99_200),
        ])

    def test_of_the_job_is_taken_as_it_is(self) -> None:
        found = read_vad('{"speech":[{"start_ms":5,"end_ms":9}],"speech_ms":4,"duration_ms":100,"threshold":0.4}')
        self.assertEqual((dict(found.options), found.speech), ({"threshold": 0.4}, [(80, 144)]))

    def test_that_is_wrong_is_refused_with_what_is_wrong(self) -> None:
        wrong = {
            "[]": "object",
            "{": "",
            '{"treshold": 0.5}': "treshold is no option",
            '{"threshold": 2}': "from 0 to 1",
            '{"threshold": true}': "from 0 to 1",
            '{"speech": 5}': "list",
            '{"speech": [{"start_ms": 1}]}': "whole numbers",
            '{"speech": [{"start_ms": 1.5, "end_ms": 2}]}': "whole numbers",
            '{"speech": [{"start_ms": 5, "end_ms": 4}]}': "order",
            '{"speech": [{"start_ms": 50, "end_ms": 60}, {"start_ms": 5, "end_ms": 6}]}': "order",
        }
        for text, said in wrong.items():
            with self.assertRaises(ValueError, msg=text) as caught:
                read_vad(text)
            self.assertIn(said, str(caught.exception))


if __name__ == "__main__":
    unittest.main()
