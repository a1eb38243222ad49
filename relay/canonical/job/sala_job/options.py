"""The command line."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .engines.base import Request
from .vad import Vad, read_vad

ENGINES = ("parakeet", "whisper", "pocketsphinx")
RECORDED = "recorded:"
#: Larger files are a mistake.
MAX_FILE_BYTES = 8_000_000


@dataclass(frozen=True)
class Options:
    """What the program is asked for."""

    engine: str
    audio: tuple[Path, ...]
    out: Path
    request: Request
    turns: bool
    turns_model: Path | None


def read_options(arguments: Sequence[str]) -> Options:
    """The command line, understood; ends the program with status 2 where it is wrong."""
    parser = argparse.ArgumentParser(
        prog="sala_job", description="Writes down what an engine hears in the recording of a talk.", allow_abbrev=False
    )
    parser.add_argument("--engine", required=True, type=_engine, metavar="|".join((*ENGINES, f"{RECORDED}FILE")))
    parser.add_argument("--language", required=True, help="BCP 47, such as it-IT")
    parser.add_argument(
        "--audio", required=True, type=Path, action="append", help="FLAC or WAV, 16 kHz; several are one recording"
    )
    parser.add_argument("--out", required=True, type=Path, help="there only once it is whole")
    parser.add_argument("--model", type=Path, help="the engine's model; each has a place of its own for it")
    parser.add_argument(
        "--vad", type=_vad, default=Vad({}, None), help="options of the voice detector and speech: JSON, or its file"
    )
    parser.add_argument("--vocabulary", type=_vocabulary, default=(), help="file of names and terms, one a line")
    parser.add_argument("--streaming", type=_yes_or_no, default=True, help="yes (default) or no: parakeet by windows")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="for parakeet, whisper and turns")
    parser.add_argument("--turns", type=_yes_or_no, default=False, help="yes or no (default): who speaks when")
    parser.add_argument("--turns-model", type=Path, help="model of the speakers' turns")
    given = parser.parse_args(arguments)
    request = Request(given.language, given.model, given.vad, given.vocabulary, given.streaming, given.device)
    return Options(given.engine, tuple(given.audio), given.out, request, given.turns, given.turns_model)


def _engine(text: str) -> str:
    if text in ENGINES or (text.startswith(RECORDED) and len(text) > len(RECORDED)):
        return text
    raise argparse.ArgumentTypeError(f"must be one of {', '.join(ENGINES)} or {RECORDED}FILE, not {text!r}")


def _yes_or_no(text: str) -> bool:
    if text in ("yes", "no"):
        return text == "yes"
    raise argparse.ArgumentTypeError(f"must be yes or no, not {text!r}")


def _vad(text: str) -> Vad:
    try:
        return read_vad(text if text.lstrip().startswith("{") else _text_of(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _vocabulary(path: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in _text_of(path).splitlines() if line.strip())


def _text_of(path: str) -> str:
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{path} cannot be read: {error.strerror}") from error
    if len(content) > MAX_FILE_BYTES:
        raise argparse.ArgumentTypeError(f"{path} is larger than {MAX_FILE_BYTES} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise argparse.ArgumentTypeError(f"{path} is not UTF-8") from error
