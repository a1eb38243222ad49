"""Pieces of words to words, words to segments."""

from __future__ import annotations

import unittest

from sala_job.result import Word
from sala_job.words import MAX_WORDS, PAUSE_MS, Token, segments_of, words_of


def tokens(*pieces: tuple[str, int, int, float | None]) -> list[Token]:
    return [Token(*piece) for piece in pieces]


def spoken(text: str, every_ms: int = 400) -> list[Word]:
    return [Word(word, at * every_ms, at * every_ms + 300, 0.5) for at, word in enumerate(text.split())]


class Words(unittest.TestCase):
    def test_are_made_of_their_pieces(self) -> None:
        found = list(
            words_of(
                tokens(
                    ("▁Buon", 0, 160, 0.9),
                    ("gior", 160, 240, 0.8),
                    ("no", 240, 400, 0.95),
                    ("▁a", 480, 560, None),
                    ("▁tutti", 560, 900, 0.7),
                )
            )
        )
        self.assertEqual(
            found, [Word("Buongiorno", 0, 400, 0.8), Word("a", 480, 560, None), Word("tutti", 560, 900, 0.7)]
        )

    def test_end_where_they_were_said_not_where_their_comma_was_set(self) -> None:
        found = list(words_of(tokens(("▁sì", 0, 200, 0.9), (",", 1200, 1280, 0.1), ("▁no", 1300, 1400, 0.6))))
        self.assertEqual(found, [Word("sì,", 0, 200, 0.9), Word("no", 1300, 1400, 0.6)])

    def test_of_a_start_mark_alone_go_on_with_what_follows(self) -> None:
        found = list(words_of(tokens(("▁", 0, 80, 1), ("3", 80, 160, 0.5), ("▁", 200, 240, 1))))
        self.assertEqual(found, [Word("3", 80, 160, 0.5)])

    def test_of_punctuation_alone_are_kept(self) -> None:
        self.assertEqual(list(words_of(tokens(("▁—", 5, 9, 0.2)))), [Word("—", 5, 9, 0.2)])

    def test_of_a_run_that_begins_within_one_are_kept(self) -> None:
        self.assertEqual(list(words_of(tokens(("ing", 5, 9, 0.2)))), [Word("ing", 5, 9, 0.2)])

    def test_of_nothing_are_none(self) -> None:
        self.assertEqual(list(words_of([])), [])


class Segments(unittest.TestCase):
    def texts(self, words: list[Word]) -> list[str]:
        return [segment.text for segment in segments_of(words)]

    def test_are_sentences(self) -> None:
        text = "Good morning. How are you? “Fine.” And you"
        self.assertEqual(self.texts(spoken(text)), ["Good morning.", "How are you?", "“Fine.”", "And you"])

    def test_end_before_a_pause(self) -> None:
        words = [Word("a", 0, 100, None), Word("b", 99 + PAUSE_MS, 2000, None), Word("c", 2000 + PAUSE_MS, 4000, None)]
        self.assertEqual(self.texts(words), ["a b", "c"])

    def test_are_never_endless(self) -> None:
        self.assertEqual([len(text.split()) for text in self.texts(spoken("la " * 150))], [MAX_WORDS, MAX_WORDS, 30])

    def test_last_from_their_first_word_to_their_last_with_the_mean_of_their_confidences(self) -> None:
        words = [Word("a", 10, 20, 0.5), Word("b", 30, 45, None), Word("c.", 50, 60, 1.0)]
        (segment,) = segments_of(words)
        self.assertEqual((segment.start_ms, segment.end_ms, segment.confidence), (10, 60, 0.75))
        self.assertEqual(segment.words, words)

    def test_of_unknown_confidence_have_none(self) -> None:
        (segment,) = segments_of([Word("a", 0, 1, None)])
        self.assertIsNone(segment.confidence)


if __name__ == "__main__":
    unittest.main()
