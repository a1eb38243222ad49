"""Fetches the models into a folder while the container is built, each at one revision; the large ones by their hash.

    python3 fetch_models.py FOLDER [--turns TOKEN-FILE]
"""

import argparse
import hashlib
from pathlib import Path

from huggingface_hub import hf_hub_download, snapshot_download

PARAKEET = {
    "repo_id": "nvidia/parakeet-tdt-0.6b-v3",
    "revision": "541d1f99c6b0c3cd0b11a95167540bb8edefd82b",
    "filename": "parakeet-tdt-0.6b-v3.nemo",
}
PARAKEET_SHA256 = "3cbdc85877e668ca7b82d0d56770eb1fac76691f55d6b97545e8d61ca588d10d"
WHISPER = {
    "repo_id": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
    "revision": "0a363e9161cbc7ed1431c9597a8ceaf0c4f78fcf",
    "allow_patterns": ["model.bin", "*.json"],
}
WHISPER_SHA256 = "e76620f83d5f5b69efd3d87e3dc180c1bd21df9fbebacfd4335e5e1efcc018da"
#: Given only to those who have accepted its terms.
TURNS = {"repo_id": "pyannote/speaker-diarization-community-1"}


def main() -> None:
    """Fetches and checks; ends with a message where a hash is another."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--turns", type=Path, metavar="TOKEN-FILE")
    given = parser.parse_args()
    hf_hub_download(**PARAKEET, local_dir=given.folder)
    must_be(given.folder / PARAKEET["filename"], PARAKEET_SHA256)
    snapshot_download(**WHISPER, local_dir=given.folder / "whisper-large-v3-turbo")
    must_be(given.folder / "whisper-large-v3-turbo/model.bin", WHISPER_SHA256)
    if given.turns:
        place = given.folder / "speaker-diarization-community-1"
        snapshot_download(**TURNS, local_dir=place, token=given.turns.read_text(encoding="utf-8").strip())


def must_be(file: Path, sha256: str) -> None:
    """Ends the program where the file has another hash."""
    with file.open("rb") as content:
        found = hashlib.file_digest(content, "sha256").hexdigest()
    if found != sha256:
        raise SystemExit(f"{file.name} has the SHA-256 {found} instead of {sha256}")


if __name__ == "__main__":
    main()
