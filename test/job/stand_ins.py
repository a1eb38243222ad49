"""Stand-ins for the engines' libraries: their calls as documented, saying what was recorded.

A call with an argument that the library does not know is an error here as it is there. Tensors are lists with a shape.
"""

from __future__ import annotations

import contextlib
import json
import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest import mock

RECORDED = Path(__file__).parent / "recorded"


def recorded(name: str) -> Any:
    """What a library once said, or says by its documentation."""
    return json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8"))


@contextlib.contextmanager
def installed(**modules: Any) -> Iterator[None]:
    """As if these modules were there; `a__b` is `a.b`."""
    found = {}
    for name, content in modules.items():
        module = ModuleType(name.replace("__", "."))
        module.__dict__.update(content)
        found[name.replace("__", ".")] = module
    with mock.patch.dict(sys.modules, found):
        yield


class Tensor:
    """Of one to three dimensions; the values of the last one are only there where a test needs them."""

    def __init__(self, shape: tuple[int, ...], values: list[Any] | None = None) -> None:
        self.shape = shape
        self.values = values

    def to(self, *, dtype: str, device: str | None = None) -> Tensor:
        return self

    def __truediv__(self, by: int) -> Tensor:
        return Tensor(self.shape, [value / by for value in self.values or ()])

    def __sub__(self, by: int) -> Tensor:
        return Tensor(self.shape, [value - by for value in self.values or ()])

    def unsqueeze(self, at: int) -> Tensor:
        assert at == 0
        return Tensor((1, *self.shape), self.values)

    def transpose(self, one: int, other: int) -> Tensor:
        assert (one, other) == (1, 2)
        return Tensor((self.shape[0], self.shape[2], self.shape[1]))

    def __getitem__(self, place: Any) -> Any:
        if place == 0:
            return self.values[0] if len(self.shape) == 1 and self.values else Tensor(self.shape[1:], self.values)
        first, second = place
        if first == 0:
            return Tensor((second.stop,), (self.values or [])[: second.stop])
        assert first == slice(None)
        return Tensor((self.shape[0], self.shape[1] - second.start, self.shape[2]))

    def cpu(self) -> Tensor:
        return self

    def numpy(self) -> list[Any]:
        return self.values or []

    def tolist(self) -> list[Any]:
        return self.values or []


def torch(has_cuda: bool) -> dict[str, Any]:
    """The few calls of torch that are made."""

    def from_buffer(buffer: array[int], *, dtype: str) -> Tensor:
        assert dtype == "int16" and buffer.itemsize == 2
        return Tensor((len(buffer),), list(buffer))

    return {
        "int16": "int16",
        "float32": "float32",
        "long": "long",
        "cuda": SimpleNamespace(is_available=lambda: has_cuda),
        "device": lambda name: name,
        "set_grad_enabled": lambda on: None,
        "set_float32_matmul_precision": lambda precision: None,
        "inference_mode": contextlib.nullcontext,
        "frombuffer": from_buffer,
        "tensor": lambda values, *, dtype, device: Tensor((len(values),), values),
        "full_like": lambda like, value: Tensor(like.shape, [value] * like.shape[0]),
    }


@dataclass
class Hypotheses:
    """`BatchedHyps` of NeMo: storage that is longer than what is in it."""

    current_lengths: Tensor
    transcript: Tensor
    timestamps: Tensor
    token_durations: Tensor | None
    step_confidence: Tensor | None


FRAME = 1280


@dataclass
class Nemo:
    """A model that says what was recorded window by window; keeps what it was asked."""

    windows: list[dict[str, list[Any]]]
    pieces: dict[str, str]
    words: list[dict[str, Any]] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    version: str = "3.0.0"

    def __post_init__(self) -> None:
        greedy = SimpleNamespace(max_symbols=10)
        decoding = SimpleNamespace(strategy="greedy", model_type="tdt", durations=[0, 1, 2, 3, 4], greedy=greedy)
        self.cfg = SimpleNamespace(preprocessor={"window_stride": 0.01, "sample_rate": 16_000}, decoding=decoding)
        self.encoder = SimpleNamespace(subsampling_factor=8)
        self.preprocessor = SimpleNamespace(featurizer=SimpleNamespace(dither=1e-5, pad_to=16))
        self.tokenizer = SimpleNamespace(ids_to_tokens=lambda ids: [self.pieces[str(each)] for each in ids])

    # Of the class ASRModel.
    def restore_from(
        self,
        restore_path: str,
        override_config_path: Any = None,
        map_location: Any = None,
        strict: bool = True,
        return_config: bool = False,
        save_restore_connector: Any = None,
        trainer: Any = None,
    ) -> Nemo:
        self.restored = (restore_path, map_location)
        return self

    def freeze(self) -> None:
        self.calls.append("freeze")

    def eval(self) -> None:
        self.calls.append("eval")

    def change_decoding_strategy(self, decoding_cfg: Any, verbose: bool = True) -> None:
        self.decoding_cfg = decoding_cfg
        self.decoding = SimpleNamespace(decoding=SimpleNamespace(decoding_computer=self._decode))

    def change_attention_model(
        self, self_attention_model: str | None = None, att_context_size: Any = None, update_config: bool = True
    ) -> None:
        self.attention = (self_attention_model, att_context_size)

    def change_subsampling_conv_chunking_factor(self, factor: int, update_config: bool = True) -> None:
        self.calls.append("chunking")

    def transcribe(
        self,
        audio: Any,
        use_lhotse: bool = True,
        batch_size: int = 4,
        return_hypotheses: bool = False,
        num_workers: int = 0,
        channel_selector: Any = None,
        augmentor: Any = None,
        verbose: bool = True,
        timestamps: bool | None = None,
        override_config: Any = None,
    ) -> list[Any]:
        assert timestamps, "without them there are no words"
        self.asked.append({"samples": len(audio[0]), "first": audio[0][0]})
        return [SimpleNamespace(text="", timestamp={"word": self.words, "segment": [], "char": []})]

    def __call__(self, *, input_signal: Tensor, input_signal_length: Tensor) -> tuple[Tensor, Tensor]:
        assert input_signal.shape == (1, input_signal_length[0])
        frames = -(-input_signal.shape[1] // FRAME)
        self.asked.append({"samples": input_signal.shape[1], "first": (input_signal.values or [0])[0]})
        return Tensor((1, 1024, frames)), Tensor((1,), [frames])

    def _decode(
        self, x: Tensor, out_len: Tensor, prev_batched_state: Any = None, multi_biasing_ids: Any = None
    ) -> tuple[Hypotheses, None, int]:
        number = len(self.asked) - 1
        assert prev_batched_state == (number if number else None), "the state goes on from window to window"
        assert out_len[0] <= x.shape[1], "no more frames can be decoded than are encoded"
        self.asked[-1] |= {"frames": x.shape[1], "decoded": out_len[0]}
        said = self.windows[number]
        count = len(said["transcript"])

        def padded(name: str) -> Tensor | None:
            return Tensor((1, count + 5), said[name] + [0] * 5) if name in said else None

        transcript, timestamps = padded("transcript"), padded("timestamps")
        assert transcript and timestamps
        lengths = Tensor((1,), [count])
        found = Hypotheses(lengths, transcript, timestamps, padded("token_durations"), padded("step_confidence"))
        return found, None, number + 1

    @contextlib.contextmanager
    def installed(self, has_cuda: bool = True) -> Iterator[None]:
        with installed(
            torch=torch(has_cuda),
            nemo={"__version__": self.version, "__path__": []},
            nemo__collections={"__path__": []},
            nemo__collections__asr={"__path__": []},
            nemo__collections__asr__models={"ASRModel": self},
            omegaconf={"open_dict": contextlib.nullcontext},
        ):
            yield


@dataclass
class VadOptions:
    """Of faster-whisper 1.2.1."""

    threshold: float = 0.5
    neg_threshold: float | None = None
    min_speech_duration_ms: int = 0
    max_speech_duration_s: float = float("inf")
    min_silence_duration_ms: int = 2000
    speech_pad_ms: int = 400


@dataclass
class FasterWhisper:
    """A library that says what was recorded slice by slice; keeps what it was asked."""

    slices: list[list[dict[str, Any]]]
    asked: list[dict[str, Any]] = field(default_factory=list)
    gpus: int = 1

    def model(
        self,
        model_size_or_path: str,
        device: str = "auto",
        device_index: int = 0,
        compute_type: str = "default",
        cpu_threads: int = 0,
        num_workers: int = 1,
        download_root: str | None = None,
        local_files_only: bool = False,
        files: Any = None,
        revision: str | None = None,
        use_auth_token: Any = None,
    ) -> SimpleNamespace:
        assert local_files_only, "no model is fetched"
        self.made = (model_size_or_path, device, compute_type)
        return SimpleNamespace(transcribe=self.transcribe, supported_languages=["en", "it", "no", "zh"])

    def transcribe(
        self,
        audio: Any,
        language: str | None = None,
        task: str = "transcribe",
        log_progress: bool = False,
        beam_size: int = 5,
        best_of: int = 5,
        patience: float = 1,
        length_penalty: float = 1,
        repetition_penalty: float = 1,
        no_repeat_ngram_size: int = 0,
        temperature: Any = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0),
        compression_ratio_threshold: float | None = 2.4,
        log_prob_threshold: float | None = -1.0,
        no_speech_threshold: float | None = 0.6,
        condition_on_previous_text: bool = True,
        prompt_reset_on_temperature: float = 0.5,
        initial_prompt: str | None = None,
        prefix: str | None = None,
        suppress_blank: bool = True,
        suppress_tokens: Any = (-1,),
        without_timestamps: bool = False,
        max_initial_timestamp: float = 1.0,
        word_timestamps: bool = False,
        prepend_punctuations: str = "",
        append_punctuations: str = "",
        multilingual: bool = False,
        vad_filter: bool = False,
        vad_parameters: dict[str, Any] | VadOptions | None = None,
        max_new_tokens: int | None = None,
        chunk_length: int | None = None,
        clip_timestamps: Any = "0",
        hallucination_silence_threshold: float | None = None,
        hotwords: str | None = None,
        language_detection_threshold: float | None = 0.5,
        language_detection_segments: int = 1,
    ) -> tuple[Iterator[Any], Any]:
        if isinstance(vad_parameters, dict):
            vad_parameters = VadOptions(**vad_parameters)
        given = {name: value for name, value in locals().items() if name not in ("self", "audio")}
        self.asked.append(given | {"audio": audio})
        return (_segment(each) for each in self.slices[len(self.asked) - 1]), SimpleNamespace(language=language)

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        with installed(
            faster_whisper={"__version__": "1.2.1", "WhisperModel": self.model},
            ctranslate2={"get_cuda_device_count": lambda: self.gpus},
            numpy={"int16": "int16", "float32": "float32", "frombuffer": _Floats},
        ):
            yield


class _Floats:
    """numpy's array of the samples, as far as it is used."""

    def __init__(self, buffer: array[int], *, dtype: str) -> None:
        assert dtype == "int16"
        self.values: list[float] = list(buffer)

    def astype(self, dtype: str) -> _Floats:
        assert dtype == "float32"
        return self

    def __truediv__(self, by: int) -> list[float]:
        return [value / by for value in self.values]


def _segment(fields: dict[str, Any]) -> SimpleNamespace:
    words = None if fields["words"] is None else [SimpleNamespace(**word) for word in fields["words"]]
    return SimpleNamespace(**(fields | {"words": words}))
