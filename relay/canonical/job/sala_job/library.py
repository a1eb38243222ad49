"""What only the engines on a graphics processor need: their libraries, loaded late, and never the network."""

import importlib
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from .faults import Exit, JobFault, unavailable


def load(module: str, package: str) -> ModuleType:
    """A Python module of a package that may not be there.

    Raises:
        JobFault: `library-missing` (69).
    """
    stay_offline()
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise unavailable(
            "library-missing",
            f"The Python package {package} does not load: {error}",
            "Use the container of relay/canonical/job/Dockerfile, which has it, or another engine: pocketsphinx.",
        ) from error


def stay_offline() -> None:
    """Models come with the container: none is fetched, nobody is told what is used."""
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", PYANNOTE_METRICS_ENABLED="0")


def model_at(path: Path, what: str) -> Path:
    """The model's place, if it is there.

    Raises:
        JobFault: `model-missing` (69).
    """
    if not path.exists():
        raise unavailable(
            "model-missing",
            f"{what} is not at {path}",
            "The container has it there; elsewhere say where it is (--model, --turns-model).",
        )
    return path


def device_of(has_cuda: Callable[[], bool], wanted: str) -> str:
    """`cuda` or `cpu`, as wanted.

    Raises:
        JobFault: `gpu-missing` (69).
    """
    if wanted == "cuda" and not has_cuda():
        raise unavailable(
            "gpu-missing",
            "There is no graphics processor that CUDA can use",
            "Look for the driver and for the container's GPU resource; --device cpu works, many times slower.",
        )
    return wanted


def is_fault_of_gpu(error: Exception) -> bool:
    """Whether the graphics processor failed or was full, which may be otherwise on another host."""
    return type(error).__name__ == "OutOfMemoryError" or (
        isinstance(error, RuntimeError) and any(word in str(error) for word in ("CUDA", "cuBLAS", "cuDNN"))
    )


def gpu_fault(error: Exception) -> JobFault:
    """The same in words."""
    return JobFault(
        Exit.TRY_AGAIN, "gpu-failed", f"The graphics processor failed: {error}", "Try again, maybe on another machine."
    )
