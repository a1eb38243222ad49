"""Bundled speech, and how well it was heard."""

from __future__ import annotations

from array import array

from sala_job.audio import Recording
from support import WELCOME


def welcome() -> array[int]:
    """The bundled minute of speech."""
    together = array("h")
    for block in Recording([WELCOME]).blocks():
        together.extend(block)
    return together


def without_pauses(samples: array[int]) -> array[int]:
    """Speech whose silences are shortened to 0.1 s."""
    kept = array("h")
    quiet = 0
    for at in range(0, len(samples), 160):
        step = samples[at : at + 160]
        quiet = quiet + 1 if max(step) < 300 and min(step) > -300 else 0
        if quiet <= 10:
            kept.extend(step)
    return kept


def word_error(expected: list[str], heard: list[str]) -> float:
    """Substituted, missing and extra words, over those expected."""
    row = list(range(len(heard) + 1))
    for at, word in enumerate(expected, 1):
        before, row[0] = row[0], at
        for place, other in enumerate(heard, 1):
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + (word != other))
    return row[-1] / len(expected)
