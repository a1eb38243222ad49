"""PocketSphinx: modest, US English only, without need of a graphics processor or a package; invents no sentences."""

from __future__ import annotations

import ctypes
import re
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..audio import RATE, Recording, ms_of
from ..faults import Exit, JobFault, unavailable
from ..progress import Progress
from ..result import EngineInfo, ResultFile, Segment, Word
from .base import Request

LIBRARY = "libpocketsphinx.so.3"
MODEL = Path("/usr/share/pocketsphinx/model/en-us")
INSTALL = "Install it: sudo apt install libpocketsphinx3 pocketsphinx-en-us"

#: The decoder's frame: 10 ms.
FRAME_SAMPLES = RATE // 100
#: One decoding step; the end of speech is noticed no finer than this.
STEP_SAMPLES = RATE // 20
#: A speaker without pauses: from here on the first silence between words ends the utterance, however short …
CUT_AFTER_SAMPLES = 15 * RATE
CUT_SILENCE_SAMPLES = RATE // 10
CUT_CHECK_SAMPLES = RATE // 4
#: … and here it ends anyway: the time and memory of its last pass grow with it.
MAX_UTTERANCE_SAMPLES = 25 * RATE

MARKER = re.compile(r"^(<.*>|\[.*\]|\+\+.*\+\+)$")
VARIANT = re.compile(r"\(\d+\)$")


@dataclass(frozen=True, slots=True)
class Piece:
    """A dictionary word, a variant of one (`good(2)`) or a marker (`<sil>`, `[NOISE]`); samples since the start."""

    text: str
    start: int
    end: int
    confidence: float

    @property
    def is_marker(self) -> bool:
        """Whether nothing was said here."""
        return MARKER.match(self.text) is not None


class PocketSphinxEngine:
    """Utterance by utterance, so that memory stays flat."""

    def __init__(self, request: Request) -> None:
        if not re.match(r"^en(-|$)", request.language, re.IGNORECASE):
            raise unavailable(
                "language-unsupported",
                f"PocketSphinx knows English only, not {request.language}",
                "Take another engine: parakeet or whisper.",
            )
        model = request.model or MODEL
        self._decoder = Decoder(_load(), model)
        self.info = EngineInfo("pocketsphinx", model.name, "0.8+5prealpha")

    def transcribe(self, recording: Recording, result: ResultFile, progress: Progress) -> None:
        """One segment for each utterance in which a word was heard."""
        for pieces in utterances(self._decoder, recording, progress.at):
            segment = _segment_of(pieces, recording.duration_ms)
            if segment:
                result.add(segment)


class Decoder:
    """The library as a small object. Memory that belongs to the library is never kept."""

    def __init__(self, library: ctypes.CDLL, model: Path) -> None:
        self._library = library
        arguments = [*_model_arguments(model), "-logfn", "/dev/null"]
        argv = (ctypes.c_char_p * len(arguments))(*[each.encode() for each in arguments])
        configuration = library.cmd_ln_parse_r(None, library.ps_args(), len(arguments), argv, 1)
        self._decoder = configuration and library.ps_init(configuration)
        if not self._decoder:
            raise unavailable("pocketsphinx-start", "PocketSphinx does not start with this model", INSTALL)
        # What the configuration names is kept by the library as pointers into it.
        self._kept = argv
        library.ps_start_stream(self._decoder)

    def start_utterance(self) -> None:
        """To be followed by audio."""
        self._must(self._library.ps_start_utt(self._decoder))

    def end_utterance(self) -> None:
        """The last pass over the utterance; its pieces are final then."""
        self._must(self._library.ps_end_utt(self._decoder))

    def process(self, samples: array[int]) -> bool:
        """Hears samples; whether somebody speaks at their end."""
        address, count = samples.buffer_info()
        self._must(self._library.ps_process_raw(self._decoder, address, count, 0, 0))
        return bool(self._library.ps_get_in_speech(self._decoder))

    def pieces(self) -> Iterator[Piece]:
        """The best reading of the utterance that is open, or of the last one."""
        library = self._library
        start, end = ctypes.c_int(), ctypes.c_int()
        logmath = library.ps_get_logmath(self._decoder)
        segment = library.ps_seg_iter(self._decoder)
        while segment:
            library.ps_seg_frames(segment, ctypes.byref(start), ctypes.byref(end))
            confidence = library.logmath_exp(logmath, library.ps_seg_prob(segment, None, None, None))
            text = (library.ps_seg_word(segment) or b"").decode(errors="replace")
            yield Piece(text, start.value * FRAME_SAMPLES, (end.value + 1) * FRAME_SAMPLES, confidence)
            segment = library.ps_seg_next(segment)

    def _must(self, status: int) -> None:
        if status < 0:
            raise JobFault(
                Exit.TRY_AGAIN, "pocketsphinx-failed", "PocketSphinx gave up within the recording", "Try again."
            )


def utterances(decoder: Decoder, recording: Recording, done: Callable[[int], None]) -> Iterator[list[Piece]]:
    """The pieces of one utterance after the other; `done` is told how many samples are behind."""
    samples = checked = 0
    speech_since: int | None = None
    decoder.start_utterance()
    for block in recording.blocks():
        for at in range(0, len(block), STEP_SAMPLES):
            step = block[at : at + STEP_SAMPLES]
            speaks = decoder.process(step)
            samples += len(step)
            if speaks and speech_since is None:
                speech_since = samples
            if speech_since is None:
                continue
            ends = not speaks
            if speaks and samples - speech_since >= CUT_AFTER_SAMPLES and samples - checked >= CUT_CHECK_SAMPLES:
                checked = samples
                ends = samples - speech_since >= MAX_UTTERANCE_SAMPLES or _is_between_words(list(decoder.pieces()))
            if ends:
                decoder.end_utterance()
                yield list(decoder.pieces())
                decoder.start_utterance()
                speech_since = None
        done(samples)
    decoder.end_utterance()
    yield list(decoder.pieces())


def _is_between_words(pieces: list[Piece]) -> bool:
    return bool(pieces) and pieces[-1].is_marker and pieces[-1].end - pieces[-1].start >= CUT_SILENCE_SAMPLES


def _segment_of(pieces: list[Piece], duration_ms: int) -> Segment | None:
    words = [
        Word(
            VARIANT.sub("", piece.text),
            min(ms_of(piece.start), duration_ms),
            min(ms_of(piece.end), duration_ms),
            min(1.0, max(0.0, piece.confidence)),
        )
        for piece in pieces
        if not piece.is_marker
    ]
    if not words:
        return None
    mean = sum(word.confidence or 0 for word in words) / len(words)
    text = " ".join(word.text for word in words)
    return Segment(words[0].start_ms or 0, words[-1].end_ms or 0, text, words, mean)


def _model_arguments(model: Path) -> list[str]:
    files = {"-hmm": "en-us", "-lm": "en-us.lm.bin", "-dict": "cmudict-en-us.dict"}
    for name in files.values():
        if not (model / name).exists():
            raise unavailable(
                "pocketsphinx-model", f"The PocketSphinx model is incomplete: {model / name} is not there", INSTALL
            )
    return [each for flag, name in files.items() for each in (flag, str(model / name))]


def _load(name: str = LIBRARY) -> ctypes.CDLL:
    """The library, once it is known to be the version whose calls are made here."""
    try:
        library = ctypes.CDLL(name)
        library.ps_args
    except OSError as error:
        raise unavailable(
            "pocketsphinx-library",
            f"The PocketSphinx library {name} does not load: {error}",
            f"{INSTALL} (Debian 12 or 13; version 5, of later ones, has other calls).",
        ) from error
    except AttributeError as error:
        raise unavailable(
            "pocketsphinx-version",
            f"The PocketSphinx library {name} is of another version; this engine speaks to 0.8+5prealpha",
            INSTALL,
        ) from error
    for call, (returns, takes) in _CALLS.items():
        function = getattr(library, call)
        function.restype = returns
        function.argtypes = takes
    return library


_p, _int = ctypes.c_void_p, ctypes.c_int
#: Of pocketsphinx.h, cmd_ln.h and logmath.h.
_CALLS = {
    "ps_args": (_p, []),
    "cmd_ln_parse_r": (_p, [_p, _p, ctypes.c_int32, ctypes.POINTER(ctypes.c_char_p), ctypes.c_int32]),
    "ps_init": (_p, [_p]),
    "ps_start_stream": (_int, [_p]),
    "ps_start_utt": (_int, [_p]),
    "ps_end_utt": (_int, [_p]),
    "ps_process_raw": (_int, [_p, _p, ctypes.c_size_t, _int, _int]),
    "ps_get_in_speech": (ctypes.c_uint8, [_p]),
    "ps_get_logmath": (_p, [_p]),
    "logmath_exp": (ctypes.c_double, [_p, _int]),
    "ps_seg_iter": (_p, [_p]),
    "ps_seg_next": (_p, [_p]),
    "ps_seg_word": (ctypes.c_char_p, [_p]),
    "ps_seg_frames": (None, [_p, ctypes.POINTER(_int), ctypes.POINTER(_int)]),
    "ps_seg_prob": (ctypes.c_int32, [_p, _p, _p, _p]),
}
