"""The file that a run leaves, or does not leave."""

from __future__ import annotations

import json
import unittest
from pathlib import Path
from typing import Any

from sala_job.result import EngineInfo, ResultFile, Segment, Turn, Word
from support import JobTest

ENGINE = EngineInfo("recorded", "none", "1")


class Result(JobTest):
    def write(self, *segments: Segment, dropped: tuple[Segment, ...] = ()) -> dict[str, Any]:
        path = self.folder / "r.json"
        with ResultFile(path, ENGINE, 90_000) as result:
            for segment in segments:
                result.add(segment)
            for segment in dropped:
                result.drop(segment)
        read: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return read

    def test_of_nothing_said_is_whole(self) -> None:
        self.assertEqual(
            self.write(),
            {
                "schema": "sala.engine.v1",
                "engine": {"name": "recorded", "model": "none", "version": "1"},
                "duration_ms": 90_000,
                "segments": [],
                "dropped": [],
                "turns": None,
            },
        )

    def test_has_all_that_was_heard_in_any_script(self) -> None:
        words = [Word("perché", 0, 400, 0.51249), Word("日本\u2028\"\\", 400, 900, None), Word("x", None, None, 1.0)]
        read = self.write(Segment(0, 900, "perché 日本", words, 0.7), Segment(1000, 2000, "b", (), None, 0.25))
        self.assertEqual([word["w"] for word in read["segments"][0]["words"]], ["perché", "日本\u2028\"\\", "x"])
        self.assertEqual([word["conf"] for word in read["segments"][0]["words"]], [0.512, None, 1.0])
        self.assertEqual([word["start_ms"] for word in read["segments"][0]["words"]], [0, 400, None])
        self.assertEqual((read["segments"][0]["confidence"], read["segments"][1]["confidence"]), (0.7, None))
        self.assertEqual([segment["no_speech"] for segment in read["segments"]], [None, 0.25])

    def test_has_confidences_from_0_to_1_alone(self) -> None:
        given = [float("nan"), float("inf"), -0.1, 1.0000001]
        read = self.write(Segment(0, 1, "a", [Word("a", 0, 1, each) for each in given]))
        self.assertEqual([word["conf"] for word in read["segments"][0]["words"]], [None, 1.0, 0.0, 1.0])

    def test_has_a_line_for_each_segment(self) -> None:
        one, other = Segment(0, 1, "a\n\u2028b"), Segment(1, 2, "b", [Word("b", 1, 2, 1)])
        for segments in ([], [one], [one, other, one]):
            self.write(*segments, dropped=(other,))
            first, *lines, last = (self.folder / "r.json").read_bytes().decode().removesuffix("\n").split("\n")
            self.assertEqual([json.loads(line.removesuffix(","))["text"] for line in lines], [s.text for s in segments])
            self.assertEqual(json.loads(first + last)["segments"], [])

    def test_lists_what_was_dropped(self) -> None:
        read = self.write(dropped=(Segment(5, 9, "thanks for watching", (), 0.1, 0.9),))
        self.assertEqual(
            read["dropped"],
            [{"start_ms": 5, "end_ms": 9, "text": "thanks for watching", "confidence": 0.1, "no_speech": 0.9}],
        )

    def test_has_turns_where_there_were_any(self) -> None:
        path = self.folder / "r.json"
        with ResultFile(path, ENGINE, 5) as result:
            result.turns = [Turn(1, 4, "SPEAKER_00")]
        turns = json.loads(path.read_text(encoding="utf-8"))["turns"]
        self.assertEqual(turns, [{"start_ms": 1, "end_ms": 4, "speaker": "SPEAKER_00"}])

    def test_is_not_there_before_it_is_whole(self) -> None:
        path = self.folder / "r.json"
        with ResultFile(path, ENGINE, 5) as result:
            result.add(Segment(0, 1, "a"))
            self.assertFalse(path.exists())
        self.assertEqual(self.files(), ["r.json"])

    def test_is_as_before_when_the_run_breaks_off(self) -> None:
        path = self.folder / "r.json"
        path.write_text("before")
        for error in (ValueError, KeyboardInterrupt, SystemExit):
            with self.assertRaises(error), ResultFile(path, ENGINE, 5) as result:
                result.add(Segment(0, 1, "a"))
                raise error
            self.assertEqual(path.read_text(), "before")
            self.assertEqual(self.files(), ["r.json"])

    def test_takes_the_place_of_what_a_killed_run_left(self) -> None:
        (self.folder / ".r.json.part").write_text("half of it" * 1000)
        self.assertEqual(self.write()["segments"], [])
        self.assertEqual(self.files(), ["r.json"])

    def files(self) -> list[str]:
        return sorted(path.name for path in Path(self.folder).iterdir())


if __name__ == "__main__":
    unittest.main()
