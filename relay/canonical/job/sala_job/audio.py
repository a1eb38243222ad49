"""A recording: files of FLAC or WAV as one run of mono samples at 16 kHz, read in blocks, never whole."""

from __future__ import annotations

import subprocess
import sys
import wave
from array import array
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from .faults import Exit, JobFault, bad_audio, unavailable

RATE = 16_000
#: The most that is held of a recording at once.
BLOCK_SAMPLES = RATE


@dataclass(frozen=True)
class AudioFile:
    """What the head of a file says of it."""

    path: Path
    flac: bool
    channels: int
    samples: int


class Recording:
    """Files that follow each other without a gap."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Reads the heads alone.

        Raises:
            JobFault: a file is missing or is not what it has to be (65).
        """
        self._files = [_head_of(path) for path in paths]
        self.samples = sum(file.samples for file in self._files)

    @property
    def duration_ms(self) -> int:
        """Length, rounded to the next ms."""
        return ms_of(self.samples)

    def blocks(self) -> Iterator[array[int]]:
        """All samples in order, as arrays of at most `BLOCK_SAMPLES` signed 16-bit values; both channels' mean.

        Raises:
            JobFault: a file is corrupt or shorter than its head says (65), the program `flac` is missing (69).
        """
        for file in self._files:
            done = 0
            with closing(_flac_blocks(file) if file.flac else _wav_blocks(file)) as raw:
                for block in raw:
                    samples = array("h")
                    samples.frombytes(block[: len(block) - len(block) % (2 * file.channels)])
                    if sys.byteorder == "big":
                        samples.byteswap()
                    mono = samples if file.channels == 1 else _mean(samples)
                    done += len(mono)
                    if mono:
                        yield mono
            if done != file.samples:
                raise bad_audio(f"{file.path.name} has {done} samples; its head promises {file.samples}")


def ms_of(samples: int) -> int:
    """Samples as milliseconds."""
    return round(samples * 1000 / RATE)


def _mean(stereo: array[int]) -> array[int]:
    return array("h", [(left + right) >> 1 for left, right in zip(stereo[0::2], stereo[1::2])])


def _head_of(path: Path) -> AudioFile:
    try:
        with path.open("rb") as file:
            head = file.read(42)
    except OSError as error:
        raise bad_audio(f"{path.name} cannot be read: {error.strerror}") from error
    if head[:4] == b"fLaC":
        found, rate, bits = _flac_head(path, head)
    elif head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        found, rate, bits = _wav_head(path)
    else:
        raise bad_audio(f"{path.name} is neither FLAC nor WAV")
    if rate != RATE or bits != 16 or found.channels not in (1, 2):
        raise bad_audio(f"{path.name} has {found.channels} channels of {bits} bit at {rate} Hz")
    return found


def _flac_head(path: Path, head: bytes) -> tuple[AudioFile, int, int]:
    """The block STREAMINFO, which comes first in every FLAC file."""
    if len(head) < 42 or head[4] & 0x7F != 0:
        raise bad_audio(f"{path.name} is a FLAC file without a whole head")
    packed = int.from_bytes(head[18:26], "big")
    rate, channels, bits = packed >> 44, (packed >> 41 & 7) + 1, (packed >> 36 & 31) + 1
    return AudioFile(path, True, channels, packed & (1 << 36) - 1), rate, bits


def _wav_head(path: Path) -> tuple[AudioFile, int, int]:
    try:
        with wave.open(str(path), "rb") as file:
            found = AudioFile(path, False, file.getnchannels(), file.getnframes())
            return found, file.getframerate(), file.getsampwidth() * 8
    except (wave.Error, EOFError) as error:
        raise bad_audio(f"{path.name} is no WAV file of plain samples: {error or 'it is cut short'}") from error


def _wav_blocks(file: AudioFile) -> Generator[bytes, None, None]:
    with wave.open(str(file.path), "rb") as source:
        while block := source.readframes(BLOCK_SAMPLES):
            yield block


def _flac_blocks(file: AudioFile) -> Generator[bytes, None, None]:
    """What the program `flac` decodes; it compares the samples with the file's own checksums."""
    command = ["flac", "--decode", "--silent", "--stdout", "--force-raw-format", "--endian=little", "--sign=signed"]
    try:
        child = subprocess.Popen(
            [*command, "--", str(file.path)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
    except FileNotFoundError as error:
        hint = "Install it: sudo apt install flac"
        raise unavailable("flac-missing", "The program flac is not there", hint) from error
    # It says little, and only once it fails: a pipe holds that.
    with child:
        try:
            assert child.stdout and child.stderr
            while block := child.stdout.read(BLOCK_SAMPLES * 2 * file.channels):
                yield block
            said = child.stderr.read(2000).decode(errors="replace")
            if child.wait() < 0:
                raise JobFault(Exit.TRY_AGAIN, "flac-killed", "The program flac was killed", "Is there enough memory?")
            if child.returncode != 0:
                raise bad_audio(f"{file.path.name} does not decode: {_last_line(said)}")
        finally:
            child.kill()


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "flac gives no reason"
