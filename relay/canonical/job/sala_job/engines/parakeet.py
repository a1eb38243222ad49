"""Parakeet-TDT-0.6b-v3 by NeMo: windows of 20 s with 5 s before and 3 s after, the decoder's state carried on.

Not tried on a graphics processor. The calls are those of NeMo 3's `speech_to_text_streaming_infer_rnnt.py`.
"""

from __future__ import annotations

import copy
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ..audio import RATE, Recording
from ..faults import unavailable
from ..library import device_of, load, model_at
from ..progress import Progress
from ..result import EngineInfo, ResultFile, Word
from ..slices import slices
from ..windows import Contexts, Window, contexts, windows
from ..words import Token, segments_of, words_of
from .base import Request

MODEL = Path("/opt/sala/models/parakeet-tdt-0.6b-v3.nemo")
CHUNK_SECONDS, LEFT_SECONDS, RIGHT_SECONDS = 20.0, 5.0, 3.0
#: The 25 languages of the model's card; it finds out by itself which one is spoken.
LANGUAGES = frozenset("bg cs da de el en es et fi fr hr hu it lt lv mt nl pl pt ro ru sk sl sv uk".split())
#: Features are normalized over a window; of next to nothing there is no deviation.
MIN_SAMPLES = RATE
#: Without streaming: what is heard at once, with attention limited to 256 frames on both sides.
PASS_SAMPLES, PASS_SEARCH_SAMPLES = 15 * 60 * RATE, 60 * RATE
LOCAL_ATTENTION = [256, 256]
BOOST = 0.5


@dataclass(frozen=True, slots=True)
class Decoded:
    """Pieces of words of one window; frames of the encoder counted from the start of the recording."""

    pieces: list[str]
    frames: list[int]
    durations: list[int] | None
    confidences: list[float] | None


class Model(Protocol):
    """What is needed of NeMo."""

    version: str
    frame_samples: int

    def decode(self, samples: array[int], window: Window, state: Any) -> tuple[Decoded, Any]:
        """What is said in a window's chunk, and the state for the next one."""
        ...

    def hear(self, samples: array[int]) -> list[dict[str, Any]]:
        """All words of some audio, heard at once: `word`, `start` and `end` in seconds."""
        ...


class ParakeetEngine:
    """Holds one window of audio at a time."""

    def __init__(self, request: Request, model: Callable[[Request], Model] | None = None) -> None:
        if request.language.split("-")[0].lower() not in LANGUAGES:
            raise unavailable(
                "language-unsupported",
                f"Parakeet does not know {request.language}",
                f"It knows {', '.join(sorted(LANGUAGES))}. Take another engine: whisper.",
            )
        self._request = request
        self._model = (model or NemoModel)(request)
        self.info = EngineInfo("parakeet", (request.model or MODEL).stem, f"nemo {self._model.version}")

    def transcribe(self, recording: Recording, result: ResultFile, progress: Progress) -> None:
        """Sentence by sentence."""
        # All of it: it invents nothing in silence, and digital silence would upset the features of speech beside it.
        blocks = recording.blocks()
        if self._request.streaming:
            sizes = contexts(CHUNK_SECONDS, LEFT_SECONDS, RIGHT_SECONDS, self._model.frame_samples)
            words = words_of(self._tokens(blocks, recording.samples, sizes, progress))
        else:
            words = self._passes(blocks, progress)
        for segment in segments_of(words):
            result.add(segment)

    def _tokens(
        self, blocks: Iterator[array[int]], samples: int, sizes: Contexts, progress: Progress
    ) -> Iterator[Token]:
        state: Any = None
        for window, heard in windowed(blocks, samples, sizes):
            if len(heard) < MIN_SAMPLES:
                heard.extend(array("h", bytes(2 * (MIN_SAMPLES - len(heard)))))
            decoded, state = self._model.decode(heard, window, state)
            yield from tokens_of(decoded, window, samples)
            progress.at(window.chunk_end)

    def _passes(self, blocks: Iterator[array[int]], progress: Progress) -> Iterator[Word]:
        for piece in slices(blocks, PASS_SAMPLES, PASS_SEARCH_SAMPLES):
            start_ms = piece.start * 1000 // RATE
            length_ms = len(piece.samples) * 1000 // RATE
            for word in self._model.hear(piece.samples):
                start, end = (min(round(word[name] * 1000), length_ms) for name in ("start", "end"))
                yield Word(word["word"], start_ms + start, start_ms + max(start, end), None)
            progress.at(piece.start + len(piece.samples))


def windowed(blocks: Iterator[array[int]], samples: int, sizes: Contexts) -> Iterator[tuple[Window, array[int]]]:
    """Each window with its samples; no more than a window and a block are held. All blocks are read to their end."""
    held = array("h")
    held_from = 0
    for window in windows(samples, sizes):
        while held_from + len(held) < window.end:
            held.extend(next(blocks))
        del held[: window.start - held_from]
        held_from = window.start
        yield window, held[: window.end - window.start]
    for _ in blocks:
        pass


def tokens_of(decoded: Decoded, window: Window, samples: int) -> Iterator[Token]:
    """Pieces of words with times in ms."""
    duration_ms = samples * 1000 // RATE

    def ms(frame: int) -> int:
        return min(frame * window.frame * 1000 // RATE, duration_ms)

    for index, (piece, frame) in enumerate(zip(decoded.pieces, decoded.frames, strict=True)):
        if not window.first_frame <= frame <= -(-window.chunk_end // window.frame):
            raise unavailable(
                "nemo-version",
                f"NeMo places a word at frame {frame}, out of the window from {window.first_frame} on",
                "This engine was written for the version in relay/canonical/job/Dockerfile.",
            )
        length = decoded.durations[index] if decoded.durations else 1
        confidence = decoded.confidences[index] if decoded.confidences else None
        yield Token(piece, ms(frame), ms(frame + max(length, 1)), confidence)


class NemoModel:
    """The library; everything of it that is used is in here."""

    def __init__(self, request: Request) -> None:
        path = model_at(request.model or MODEL, "The model of Parakeet")
        self._torch = load("torch", "torch")
        nemo = load("nemo", "nemo_toolkit[asr]")
        models = load("nemo.collections.asr.models", "nemo_toolkit[asr]")
        self.version = str(nemo.__version__)
        self._device = device_of(self._torch.cuda.is_available, request.device)
        self._torch.set_grad_enabled(False)
        self._torch.set_float32_matmul_precision("high")
        model = models.ASRModel.restore_from(str(path), map_location=self._device)
        model.freeze()
        model.eval()
        model.preprocessor.featurizer.dither = 0.0
        model.preprocessor.featurizer.pad_to = 0
        self._model = model
        if request.streaming:
            self._set_decoding(request.vocabulary)
        else:
            model.change_attention_model("rel_pos_local_attn", LOCAL_ATTENTION)
            model.change_subsampling_conv_chunking_factor(1)
        feature_samples = int(RATE * model.cfg.preprocessor["window_stride"])
        self.frame_samples = feature_samples * model.encoder.subsampling_factor

    def _set_decoding(self, vocabulary: tuple[str, ...]) -> None:
        open_dict = load("omegaconf", "omegaconf").open_dict
        decoding = copy.deepcopy(self._model.cfg.decoding)
        with open_dict(decoding):
            decoding.strategy = "greedy_batch"
            decoding.fused_batch_size = -1
            decoding.tdt_include_token_duration = True
            decoding.greedy.loop_labels = True
            decoding.greedy.use_cuda_graph_decoder = False
            decoding.greedy.preserve_alignments = False
            # How likely each piece is, without which nobody could tell a sure word from a guess.
            decoding.confidence_cfg = {
                "preserve_token_confidence": True,
                "exclude_blank": True,
                "method_cfg": {"name": "max_prob"},
            }
            if vocabulary:
                decoding.greedy.boosting_tree = {
                    "key_phrases_list": list(vocabulary),
                    "context_score": 1.0,
                    "depth_scaling": 2.0,
                }
                decoding.greedy.boosting_tree_alpha = BOOST
        self._model.change_decoding_strategy(decoding)
        self._decoder = self._model.decoding.decoding.decoding_computer

    def decode(self, samples: array[int], window: Window, state: Any) -> tuple[Decoded, Any]:
        """Encodes the whole window, decodes its chunk."""
        torch = self._torch
        with torch.inference_mode():
            signal = self._signal(samples)
            length = torch.tensor([signal.shape[1]], dtype=torch.long, device=self._device)
            encoded, encoded_length = self._model(input_signal=signal, input_signal_length=length)
            # [batch, frames, features], from the chunk's first frame on.
            encoded = encoded.transpose(1, 2)[:, window.left_frames :]
            rest = encoded_length - window.left_frames
            chunk = rest if window.chunk_frames is None else torch.full_like(rest, window.chunk_frames)
            found, _, state = self._decoder(x=encoded, out_len=chunk, prev_batched_state=state)
            count = int(found.current_lengths[0])

            def row(values: Any) -> list[Any] | None:
                return None if values is None else values[0, :count].tolist()

            pieces = self._model.tokenizer.ids_to_tokens(row(found.transcript))
            durations, confidences = (row(getattr(found, of, None)) for of in ("token_durations", "step_confidence"))
            return Decoded(pieces, row(found.timestamps) or [], durations, confidences), state

    def hear(self, samples: array[int]) -> list[dict[str, Any]]:
        """One pass over all of it."""
        with self._torch.inference_mode():
            signal = self._signal(samples)[0].cpu().numpy()
            heard = self._model.transcribe([signal], batch_size=1, timestamps=True, verbose=False)
        words: list[dict[str, Any]] = heard[0].timestamp["word"]
        return words

    def _signal(self, samples: array[int]) -> Any:
        torch = self._torch
        values = torch.frombuffer(samples, dtype=torch.int16).to(device=self._device, dtype=torch.float32)
        return (values / 32768).unsqueeze(0)
