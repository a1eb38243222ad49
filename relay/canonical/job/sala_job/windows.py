"""Windows that slide over a recording: each sample is decided in exactly one of them, with context on both sides.

The arithmetic is that of NeMo's buffered streaming (`speech_to_text_streaming_infer_rnnt.py`), with one difference:
left context begins at a whole frame of the encoder in the last window, too, so that frames keep their places.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from .audio import RATE


@dataclass(frozen=True, slots=True)
class Contexts:
    """Lengths in samples, all of them whole frames of the encoder."""

    left: int
    chunk: int
    right: int
    frame: int

    @property
    def most(self) -> int:
        """The longest a window can be."""
        return self.left + self.chunk + self.right


@dataclass(frozen=True, slots=True)
class Window:
    """What the encoder hears, [start, end), and what is decided of it, [chunk_start, chunk_end), in samples."""

    start: int
    chunk_start: int
    chunk_end: int
    end: int
    frame: int
    is_last: bool

    @property
    def left_frames(self) -> int:
        """Frames of the encoder before what is decided."""
        return (self.chunk_start - self.start) // self.frame

    @property
    def first_frame(self) -> int:
        """The first frame that is decided, counted from the start of the recording."""
        return self.chunk_start // self.frame

    @property
    def chunk_frames(self) -> int | None:
        """How many frames are decided; None: all that are left, in the last window."""
        return None if self.is_last else (self.chunk_end - self.chunk_start) // self.frame


def contexts(chunk_seconds: float, left_seconds: float, right_seconds: float, frame_samples: int) -> Contexts:
    """Contexts rounded down to whole frames."""

    def whole(seconds: float) -> int:
        return int(seconds * RATE) // frame_samples * frame_samples

    found = Contexts(whole(left_seconds), whole(chunk_seconds), whole(right_seconds), frame_samples)
    if found.chunk <= 0:
        raise ValueError("a window must decide at least one frame")
    return found


def windows(samples: int, sizes: Contexts) -> Iterator[Window]:
    """All windows of a recording of so many samples, in order; the last one decides its right context as well."""
    chunk_start = 0
    while chunk_start < samples:
        end = min(chunk_start + sizes.chunk + sizes.right, samples)
        is_last = end == samples
        chunk_end = samples if is_last else chunk_start + sizes.chunk
        yield Window(max(0, chunk_start - sizes.left), chunk_start, chunk_end, end, sizes.frame, is_last)
        chunk_start = chunk_end
