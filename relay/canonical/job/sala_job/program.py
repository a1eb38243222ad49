"""One run: from the command line to a result, or to a fault in words."""

import json
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from .audio import Recording
from .engines.base import Engine, Request
from .faults import Exit, JobFault, Stopped, stopped
from .library import gpu_fault, is_fault_of_gpu
from .options import RECORDED, Options, read_options
from .progress import Progress
from .result import ResultFile
from .turns import pyannote, turns_of


def main(arguments: Sequence[str]) -> int:
    """Runs the program and says what became of it; the exit status."""
    options = read_options(arguments)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    try:
        run(options)
    except (Stopped, BrokenPipeError):
        return _told(stopped())
    except JobFault as fault:
        return _told(fault)
    except MemoryError:
        return _told(JobFault(Exit.TRY_AGAIN, "memory", "There is not enough memory", "Take a larger machine."))
    except Exception as error:
        traceback.print_exc()
        return _told(_unexpected(error))
    return Exit.DONE


def run(options: Options) -> None:
    """Hears the recording and writes the result."""
    recording = Recording(options.audio)
    diarize = pyannote(options.turns_model, options.request.device) if options.turns else None
    engine = engine_of(options.engine, options.request)
    progress = Progress(recording.samples, sys.stdout)
    try:
        result_file = ResultFile(options.out, engine.info, recording.duration_ms)
    except OSError as error:
        raise JobFault(
            Exit.USAGE, "out", f"{options.out} cannot be written: {error.strerror}", "Name a file in a folder of yours."
        ) from error
    with result_file as result:
        engine.transcribe(recording, result, progress)
        if diarize:
            result.turns = list(turns_of(recording, diarize))


def engine_of(name: str, request: Request) -> Engine:
    """The engine of that name, its model loaded; only now is its code read."""
    if name == "parakeet":
        from .engines.parakeet import ParakeetEngine

        return ParakeetEngine(request)
    if name == "whisper":
        from .engines.whisper import WhisperEngine

        return WhisperEngine(request)
    if name == "pocketsphinx":
        from .engines.pocketsphinx import PocketSphinxEngine

        return PocketSphinxEngine(request)
    from .engines.recorded import RecordedEngine

    return RecordedEngine(Path(name.removeprefix(RECORDED)), request)


def _stop(number: int, _frame: object) -> None:
    # A second one ends the program at once.
    signal.signal(number, signal.SIG_DFL)
    raise Stopped


def _told(fault: JobFault) -> int:
    line = {"error": {"code": fault.code, "message": fault.message, "hint": fault.hint}}
    print(json.dumps(line, ensure_ascii=False), file=sys.stderr, flush=True)
    return fault.status


def _unexpected(error: Exception) -> JobFault:
    if is_fault_of_gpu(error):
        return gpu_fault(error)
    if isinstance(error, OSError):
        return JobFault(Exit.TRY_AGAIN, "system", f"The system refused: {error}", "Is a disk full? Try again.")
    return JobFault(
        Exit.INTERNAL, "unexpected", f"{type(error).__name__}: {error}", "This is a mistake in the program: report it."
    )
