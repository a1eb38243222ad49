"""What an engine is."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ..audio import Recording
from ..progress import Progress
from ..result import EngineInfo, ResultFile
from ..vad import Vad


@dataclass(frozen=True)
class Request:
    """What is asked of an engine."""

    #: BCP 47.
    language: str
    #: Model's file or folder; None: the engine's own place for it.
    model: Path | None = None
    vad: Vad = field(default_factory=lambda: Vad({}, None))
    #: Names and terms that are likely to be said.
    vocabulary: tuple[str, ...] = ()
    #: Windows that slide over the recording, instead of all of it at once.
    streaming: bool = True
    #: `cuda` or `cpu`, for the engines that can use a graphics processor.
    device: str = "cuda"


class Engine(Protocol):
    """Made for one request; making it loads the model.

    Its constructor raises `JobFault` (69) where library, model or language are missing.
    """

    info: EngineInfo

    def transcribe(self, recording: Recording, result: ResultFile, progress: Progress) -> None:
        """Hears the whole recording, in order, in bounded memory.

        Raises:
            JobFault: audio bad (65), something that may work another time (75).
        """
        ...
