"""Pieces of words to words, words to segments."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .result import Segment, Word

#: A piece of SentencePiece that begins a word begins with this.
WORD_START = "\u2581"
SENTENCE_END = re.compile(r"[.?!…;:]['\"”»)\]]*$")
#: Where no sentence ends, a pause ends a segment, and so does its length.
PAUSE_MS = 1_000
MAX_WORDS = 60


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a word."""

    text: str
    start_ms: int
    end_ms: int
    confidence: float | None


def words_of(tokens: Iterable[Token]) -> Iterator[Word]:
    """Whole words; pieces of one word may lie far apart in the run of tokens' windows, and are still one word."""
    pieces: list[Token] = []
    for token in tokens:
        if token.text.startswith(WORD_START) and pieces:
            yield from _word_of(pieces)
            pieces = []
        pieces.append(token)
    yield from _word_of(pieces)


def _word_of(pieces: list[Token]) -> Iterator[Word]:
    text = "".join(piece.text for piece in pieces).replace(WORD_START, "")
    if not text:
        return
    # A comma is set long after its word was said.
    said = [piece for piece in pieces if not is_punctuation(piece.text)] or pieces
    known = [piece.confidence for piece in said if piece.confidence is not None]
    yield Word(text, said[0].start_ms, max(said[-1].end_ms, said[0].start_ms), min(known) if known else None)


def is_punctuation(text: str) -> bool:
    """Whether nobody says this aloud."""
    return all(letter == WORD_START or unicodedata.category(letter).startswith("P") for letter in text)


def segments_of(words: Iterable[Word]) -> Iterator[Segment]:
    """Sentences, or what comes before a pause; their words' times never step back."""
    held: list[Word] = []
    for word in words:
        last = held[-1] if held else None
        if last and (
            SENTENCE_END.search(last.text)
            or len(held) >= MAX_WORDS
            or (word.start_ms or 0) - (last.end_ms or 0) >= PAUSE_MS
        ):
            yield _segment_of(held)
            held = []
        held.append(word)
    if held:
        yield _segment_of(held)


def _segment_of(words: list[Word]) -> Segment:
    text = " ".join(word.text for word in words)
    return Segment(words[0].start_ms or 0, words[-1].end_ms or 0, text, words, mean_confidence(words))


def mean_confidence(words: Iterable[Word]) -> float | None:
    """Of those words whose confidence is known."""
    known = [word.confidence for word in words if word.confidence is not None]
    return sum(known) / len(known) if known else None
