"""Windows that slide over a recording."""

from __future__ import annotations

import itertools
import random
import unittest
from array import array

from sala_job.audio import RATE
from sala_job.engines.parakeet import windowed
from sala_job.windows import Contexts, Window, contexts, windows
from support import blocks_of, numbered

FRAME = 1280
HOUR = 3600 * RATE
PARAKEET = contexts(20, 5, 3, FRAME)


def cases() -> list[tuple[int, Contexts]]:
    """Lengths from 1 s to 10 h, all edges of a window and many by chance, with several sizes of windows."""
    chance = random.Random(20)
    sizes = [PARAKEET, contexts(10, 10, 5, FRAME), contexts(0.08, 0, 0, FRAME), contexts(2, 0.5, 7, 640)]
    edges = [
        edge + by
        for sizes_ in sizes
        for edge in (sizes_.chunk, sizes_.chunk + sizes_.right, sizes_.most, 2 * sizes_.chunk + sizes_.right)
        for by in (-FRAME, -1, 0, 1, FRAME)
    ]
    lengths = [RATE, RATE + 1, 10 * HOUR, 10 * HOUR - 1, *edges]
    lengths += [int(RATE * 36_000 ** chance.random()) for _ in range(60)]
    # Small windows over hours are too many to look at one by one.
    return [(length, each) for length in lengths for each in sizes if 0 < length <= 2000 * each.chunk]


class EveryWindow(unittest.TestCase):
    def test_decides_each_sample_exactly_once(self) -> None:
        for samples, sizes in cases():
            decided = 0
            for window in windows(samples, sizes):
                self.assertEqual(window.chunk_start, decided)
                self.assertGreater(window.chunk_end, window.chunk_start)
                decided = window.chunk_end
            self.assertEqual(decided, samples)

    def test_hears_what_is_around_it_as_far_as_there_is_any(self) -> None:
        for samples, sizes in cases():
            for window in windows(samples, sizes):
                self.assertEqual(window.start, max(0, window.chunk_start - sizes.left))
                self.assertEqual(window.end, min(samples, window.chunk_start + sizes.chunk + sizes.right))
                self.assertLessEqual(window.end - window.start, sizes.most)
                if window.end < samples:
                    self.assertEqual(window.end - window.chunk_end, sizes.right)

    def test_is_of_whole_frames_but_for_the_end_of_the_recording(self) -> None:
        for samples, sizes in cases():
            for window in windows(samples, sizes):
                for edge in (window.start, window.chunk_start):
                    self.assertEqual(edge % sizes.frame, 0)
                self.assertTrue(window.chunk_end % sizes.frame == 0 or window.chunk_end == samples)

    def test_counts_its_frames_on_from_the_one_before(self) -> None:
        for samples, sizes in cases():
            frames = 0
            found = list(windows(samples, sizes))
            for window in found:
                self.assertEqual(window.first_frame, frames)
                self.assertEqual(window.left_frames * sizes.frame, window.chunk_start - window.start)
                if window is not found[-1]:
                    self.assertEqual(window.chunk_frames, sizes.chunk // sizes.frame)
                    frames += window.chunk_frames or 0
            self.assertIsNone(found[-1].chunk_frames)

    def test_goes_by_the_schedule_of_nemo(self) -> None:
        """Its loop adds chunk + right at first, a chunk each time, and decides all that it has at the end."""
        for samples, sizes in cases():
            decided: list[int] = []
            added = min(sizes.chunk + sizes.right, samples)
            end = 0
            while added < samples:
                end += sizes.chunk
                decided.append(end)
                added = min(added + sizes.chunk, samples)
            decided.append(samples)
            self.assertEqual([window.chunk_end for window in windows(samples, sizes)], decided)


class Sizes(unittest.TestCase):
    def test_are_rounded_down_to_frames_of_80_ms(self) -> None:
        self.assertEqual((PARAKEET.chunk, PARAKEET.left, PARAKEET.right), (250 * FRAME, 62 * FRAME, 37 * FRAME))
        self.assertEqual(PARAKEET.most, 349 * FRAME)

    def test_that_decide_nothing_are_refused(self) -> None:
        with self.assertRaises(ValueError):
            contexts(0.07, 5, 3, FRAME)

    def test_make_1800_windows_of_ten_hours(self) -> None:
        self.assertEqual(sum(1 for _ in windows(10 * HOUR, PARAKEET)), 1800)

    def test_of_nothing_are_no_windows(self) -> None:
        self.assertEqual(list(windows(0, PARAKEET)), [])


class SamplesOfWindows(unittest.TestCase):
    def test_are_those_of_their_places_whatever_the_blocks(self) -> None:
        chance = random.Random(21)
        sizes = contexts(0.8, 0.4, 0.24, FRAME)
        for _ in range(40):
            samples = numbered(chance.randrange(1, 6 * RATE))
            lengths = iter(lambda: chance.choice((1, 700, 16_000, 40_000)), 0)
            heard = list(windowed(blocks_of(samples, lengths), len(samples), sizes))
            self.assertEqual([window for window, _ in heard], list(windows(len(samples), sizes)))
            for window, audio in heard:
                self.assertEqual(audio, samples[window.start : window.end])

    def test_are_asked_for_when_they_are_needed_and_read_to_the_end(self) -> None:
        given = 0

        def blocks() -> itertools.chain[array[int]]:
            def one(length: int) -> array[int]:
                nonlocal given
                given += length
                return array("h", bytes(2 * length))

            return itertools.chain((one(RATE) for _ in range(100)), (one(0) for _ in range(3)))

        ahead: list[int] = []
        for window, _ in windowed(blocks(), 100 * RATE, PARAKEET):
            ahead.append(given - window.end)
        self.assertLessEqual(max(ahead), RATE)
        self.assertEqual(given, 100 * RATE)

    def test_window_knows_its_own_places(self) -> None:
        window = Window(62 * FRAME, 124 * FRAME, 374 * FRAME, 411 * FRAME, FRAME, False)
        self.assertEqual((window.left_frames, window.first_frame, window.chunk_frames), (62, 124, 250))


if __name__ == "__main__":
    unittest.main()
