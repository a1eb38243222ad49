"""Recordings cut where they are quiet."""

from __future__ import annotations

import random
import unittest
from array import array

from sala_job.audio import RATE
from sala_job.slices import QUIET_STEPS, STEP_SAMPLES, quietest, slices
from support import blocks_of, numbered

QUIET = QUIET_STEPS * STEP_SAMPLES


class Slices(unittest.TestCase):
    def test_are_the_recording_and_nothing_else(self) -> None:
        chance = random.Random(1)
        for _ in range(30):
            samples = numbered(chance.randrange(0, 12 * RATE))
            most = chance.randrange(RATE, 4 * RATE)
            search = chance.randrange(QUIET, most)
            lengths = iter(lambda: chance.choice((1000, 16_000, 90_000)), 0)
            together = array("h")
            for piece in slices(blocks_of(samples, lengths), most, search):
                self.assertEqual(piece.start, len(together))
                self.assertTrue(0 < len(piece.samples) <= most)
                together.extend(piece.samples)
            self.assertEqual(together, samples)

    def test_end_where_it_is_quiet(self) -> None:
        loud = numbered(10 * RATE)
        quiet_at = 3 * RATE + 4321
        loud[quiet_at : quiet_at + RATE // 2] = array("h", bytes(RATE))
        first = next(slices([loud], 4 * RATE, 2 * RATE))
        self.assertTrue(quiet_at < len(first.samples) < quiet_at + RATE // 2)

    def test_are_as_long_as_they_may_be_where_all_is_silent(self) -> None:
        silence = array("h", bytes(2 * 20 * RATE))
        lengths = [len(piece.samples) for piece in slices([silence], 4 * RATE, RATE)]
        self.assertGreater(min(lengths[:-1]), 4 * RATE - QUIET)
        self.assertEqual(sum(lengths), 20 * RATE)

    def test_shorter_than_a_quiet_place_are_refused(self) -> None:
        with self.assertRaises(ValueError):
            next(slices([numbered(RATE)], RATE, QUIET - 1))

    def test_quietest_place_is_found_at_the_very_edges(self) -> None:
        for at in (0, RATE - QUIET):
            samples = array("h", [9000] * RATE)
            samples[at : at + QUIET] = array("h", [-10] * QUIET)
            self.assertEqual(quietest(samples), at + QUIET // 2)


if __name__ == "__main__":
    unittest.main()
