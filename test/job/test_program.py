"""The program as it is called: exit statuses, lines, and what is left behind."""

from __future__ import annotations

import json
import signal
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path
from unittest import mock

from sala_job.audio import RATE
from sala_job.result import EngineInfo
from support import WELCOME, JobTest, last_error, numbered, write_flac, write_wav

KEPT = {
    "schema": "sala.engine.v1",
    "engine": {"name": "parakeet", "model": "parakeet-tdt-0.6b-v3", "version": "nemo 2"},
    "duration_ms": 1,
    "segments": [{"start_ms": 0, "end_ms": 900, "text": "ciao", "words": [], "confidence": None, "no_speech": None}],
    "dropped": [{"start_ms": 1, "end_ms": 2, "text": "x", "confidence": 0.1, "no_speech": 0.9}],
    "turns": [{"start_ms": 0, "end_ms": 900, "speaker": "SPEAKER_00"}],
}


def without_libraries() -> AbstractContextManager[object]:
    """As a machine that has none of the engines' libraries."""
    return mock.patch.dict(sys.modules, {name: None for name in ("torch", "faster_whisper", "pyannote")})


class Program(JobTest):
    def setUp(self) -> None:
        super().setUp()
        self.wav = write_wav(self.folder / "a.wav", numbered(3 * RATE))
        self.kept = self.folder / "kept.json"
        self.kept.write_text(json.dumps(KEPT))
        self.out = self.folder / "out" / "result.json"
        self.out.parent.mkdir()

    def arguments(self, *more: str | Path, engine: str | None = None, audio: Path | None = None) -> list[str | Path]:
        audio = audio or self.wav
        engine = engine or f"recorded:{self.kept}"
        return ["--engine", engine, "--language", "en-US", "--audio", audio, "--out", self.out, *more]

    def refused(self, status: int, code: str, *arguments: str | Path) -> str:
        """The hint of a run that ends so, and leaves nothing."""
        ended, _, errors = self.run_job(*arguments)
        error = last_error(errors)
        assert error, errors
        self.assertEqual((ended, error["code"]), (status, code), error)
        self.assertEqual(sorted(error), ["code", "hint", "message"])
        self.assertTrue(error["message"] and error["hint"])
        self.assertEqual(list(self.out.parent.iterdir()), [])
        return error["hint"]


class Done(Program):
    def test_writes_the_result_and_says_how_far_it_is(self) -> None:
        second = write_flac(self.folder / "b.flac", self.wav)
        with self.start(*self.arguments("--audio", second)) as child:
            out, errors = child.communicate(timeout=60)
        self.assertEqual((child.returncode, errors), (0, ""))
        progress = [json.loads(line)["progress"] for line in out.splitlines()]
        self.assertEqual(json.loads(self.out.read_text()), KEPT | {"duration_ms": 6000})
        self.assertEqual([path.name for path in self.out.parent.iterdir()], ["result.json"])
        self.assertEqual(progress[-1], {"done_ms": 6000, "of_ms": 6000})
        self.assertEqual(sorted(each["done_ms"] for each in progress), [each["done_ms"] for each in progress])

    def test_of_an_empty_recording_is_done_at_once(self) -> None:
        empty = write_wav(self.folder / "empty.wav", [])
        status, _, _ = self.run_job(*self.arguments(audio=empty))
        self.assertEqual(status, 0)
        self.assertEqual(json.loads(self.out.read_text())["duration_ms"], 0)

    def test_takes_the_place_of_an_earlier_result(self) -> None:
        self.out.write_text("before")
        self.assertEqual(self.run_job(*self.arguments())[0], 0)
        self.assertEqual(json.loads(self.out.read_text())["schema"], "sala.engine.v1")

    def test_takes_every_option(self) -> None:
        vocabulary = self.folder / "words.txt"
        vocabulary.write_text("Kubernetes\n\n  Città di Castello \n")
        vad = self.folder / "vad.json"
        vad.write_text('{"speech": [{"start_ms": 0, "end_ms": 500}]}')
        more: list[str | Path] = ["--vad", vad, "--vocabulary", vocabulary, "--device", "cpu"]
        more += ["--streaming", "no", "--turns", "no"]
        self.assertEqual(self.run_job(*self.arguments(*more, "--model", self.folder))[0], 0)
        self.assertEqual(self.run_job(*self.arguments("--vad", '{"threshold": 0.4}'))[0], 0)


class Refused(Program):
    def test_bad_audio_is_65(self) -> None:
        self.wav.write_bytes(self.wav.read_bytes()[:-7])
        self.refused(65, "audio-bad", *self.arguments())
        self.refused(65, "audio-bad", *self.arguments(audio=self.folder / "none.flac"))

    def test_missing_engine_is_69(self) -> None:
        for engine in ("parakeet", "whisper"):
            without_model = self.arguments("--model", self.folder / "none", engine=engine)
            self.refused(69, "model-missing", *without_model)
            with_model = self.arguments("--model", self.folder, engine=engine)
            with without_libraries():
                self.assertIn("Dockerfile", self.refused(69, "library-missing", *with_model))
        self.refused(69, "pocketsphinx-model", *self.arguments("--model", self.folder, engine="pocketsphinx"))
        self.refused(69, "recorded-missing", *self.arguments(engine=f"recorded:{self.folder}/none.json"))

    def test_turns_that_cannot_be_told_are_69_before_anything_is_heard(self) -> None:
        self.refused(69, "model-missing", *self.arguments("--turns", "yes", "--turns-model", self.folder / "none"))
        with without_libraries():
            self.refused(69, "library-missing", *self.arguments("--turns", "yes", "--turns-model", self.folder))

    def test_language_that_an_engine_lacks_is_69(self) -> None:
        for engine, language in (("pocketsphinx", "it-IT"), ("parakeet", "ja-JP")):
            arguments = self.arguments(engine=engine)
            arguments[3] = language
            self.assertIn("another engine", self.refused(69, "language-unsupported", *arguments))

    def test_kept_result_that_is_none_is_69(self) -> None:
        for content in ("{", "[]", '{"schema":"sala.engine.v1"}', json.dumps(KEPT | {"schema": "sala.engine.v2"})):
            self.kept.write_text(content)
            self.refused(69, "recorded-malformed", *self.arguments())

    def test_folder_that_is_not_there_is_2(self) -> None:
        arguments = self.arguments()
        arguments[7] = self.folder / "none" / "result.json"
        self.refused(2, "out", *arguments)

    def test_call_that_is_wrong_is_2(self) -> None:
        wrong: list[list[str | Path]] = [
            [],
            self.arguments(engine="vosk"),
            self.arguments(engine="recorded:"),
            self.arguments("--streaming", "maybe"),
            self.arguments("--vad", '{"treshold": 1}'),
            self.arguments("--vad", self.folder / "none.json"),
            self.arguments("--vocabulary", self.folder / "none.txt"),
            self.arguments("--out"),
            self.arguments("--lang", "it"),
        ]
        for arguments in wrong:
            status, _, errors = self.run_job(*arguments)
            self.assertEqual(status, 2, arguments)
            self.assertIn("usage:", errors)
            self.assertEqual(list(self.out.parent.iterdir()), [])

    def test_full_disk_is_75(self) -> None:
        big = json.dumps(KEPT | {"segments": KEPT["segments"] * 20_000})  # type: ignore[operator]
        self.kept.write_text(big)
        limit = "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000));"
        limit += "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        limit += "sys.argv[0] = 'sala_job'; runpy.run_module('sala_job', run_name='__main__')"
        with self.start(*self.arguments(), program=("-c", limit)) as child:
            _, errors = child.communicate(timeout=60)
        self.assertEqual(child.returncode, 75)
        self.assertEqual((last_error(errors) or {})["code"], "system")
        self.assertEqual(list(self.out.parent.iterdir()), [])


class Ended(Program):
    def long(self) -> list[str | Path]:
        """A run that takes many seconds: a minute of speech, many times over."""
        flac = write_flac(self.folder / "welcome.flac", WELCOME)
        return self.arguments(*["--audio", str(flac)] * 300, audio=flac)

    def test_by_sigterm_is_75_soon_and_leaves_nothing(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.start(*self.long()) as child:
                assert child.stdout
                child.stdout.readline()
                before = time.monotonic()
                child.send_signal(number)
                _, errors = child.communicate(timeout=60)
            self.assertEqual(child.returncode, 75, errors)
            self.assertEqual((last_error(errors) or {})["code"], "stopped")
            self.assertLess(time.monotonic() - before, 10)
            self.assertEqual(list(self.out.parent.iterdir()), [])
            self.assertEqual(processes_of(self.folder), [])

    def test_cannot_be_kept_from_it_by_a_library_that_catches_every_exception(self) -> None:
        class Deaf:
            info = EngineInfo("deaf", "none", "1")

            def transcribe(self, *_: object) -> None:
                try:
                    signal.raise_signal(signal.SIGTERM)
                except Exception:
                    pass

        with mock.patch("sala_job.program.engine_of", lambda *_: Deaf()):
            self.refused(75, "stopped", *self.arguments())

    def test_by_the_end_of_who_listens_is_75(self) -> None:
        with self.start(*self.long()) as child:
            assert child.stdout and child.stderr
            child.stdout.readline()
            child.stdout.close()
            errors = child.stderr.read()
            child.wait(60)
        self.assertEqual(child.returncode, 75)
        self.assertEqual((last_error(errors) or {})["code"], "stopped")
        self.assertEqual(list(self.out.parent.iterdir()), [])

    def test_by_sigkill_leaves_no_result(self) -> None:
        with self.start(*self.long()) as child:
            assert child.stdout
            child.stdout.readline()
            child.kill()
        self.assertFalse(self.out.exists())
        self.assertEqual(self.run_job(*self.arguments())[0], 0)
        self.assertEqual([path.name for path in self.out.parent.iterdir()], ["result.json"])


def processes_of(folder: Path) -> list[str]:
    """Programs that still run with something of this folder."""
    found = []
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = command.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if any(str(folder) in word for word in words):
            found.append(" ".join(words))
    return found


if __name__ == "__main__":
    import unittest

    unittest.main()
