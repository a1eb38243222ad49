"""One run: from the command line to a result, or to a fault in words."""

import json
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from .audio import Recording
from .engines.base import Engine, Request
from .faults import Exit, JobFault, Stopped, unavailable
from .options import RECORDED, Options, read_options
from .progress import Progress
from .result import ResultFile


def main(arguments: Sequence[str]) -> int:
    """Runs the program and says what became of it; the exit status."""
    options = read_options(arguments)
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    try:
        run(options)
    except JobFault as fault:
        return _told(fault)
    except BrokenPipeError:
        return _told(Stopped())
    except MemoryError:
        return _told(JobFault(Exit.TRY_AGAIN, "memory", "There is not enough memory", "Take a machine with more of it."))
    except Exception as error:
        traceback.print_exc()
        return _told(_unexpected(error))
    return Exit.DONE


def run(options: Options) -> None:
    """Hears the recording and writes the result."""
    if not options.out.parent.is_dir():
        raise JobFault(Exit.USAGE, "out-folder", f"There is no folder {options.out.parent}", "Make it, or name another.")
    recording = Recording(options.audio)
    engine = engine_of(options.engine, options.request)
    progress = Progress(recording.samples, sys.stdout)
    with ResultFile(options.out, engine.info, recording.duration_ms) as result:
        engine.transcribe(recording, result, progress)


def engine_of(name: str, request: Request) -> Engine:
    """The engine of that name, its model loaded; only now is its code read."""
    if name.startswith(RECORDED):
        from .engines.recorded import RecordedEngine

        return RecordedEngine(Path(name.removeprefix(RECORDED)), request)
    if name == "pocketsphinx":
        from .engines.pocketsphinx import PocketSphinxEngine

        return PocketSphinxEngine(request)
    raise unavailable("engine-missing", f"The engine {name} is not there", "Take another.")


def _stop(number: int, _frame: object) -> None:
    # A second one ends the program at once.
    signal.signal(number, signal.SIG_DFL)
    raise Stopped


def _told(fault: JobFault) -> int:
    line = {"error": {"code": fault.code, "message": fault.message, "hint": fault.hint}}
    print(json.dumps(line, ensure_ascii=False), file=sys.stderr, flush=True)
    return fault.status


def _unexpected(error: Exception) -> JobFault:
    if isinstance(error, OSError):
        return JobFault(Exit.TRY_AGAIN, "system", f"The system refused: {error}", "Look for a full disk, and try again.")
    return JobFault(
        Exit.INTERNAL, "unexpected", f"{type(error).__name__}: {error}", "This is a mistake in the program: report it."
    )
