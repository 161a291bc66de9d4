"""Print the SHA-256 of the demo's clips, for ``sha256:`` in src/exclaim/demo/scene.yaml. Needs git and a network.

What git fetched is proved by the pinned commit's id; the hashes printed here prove it without resting on SHA-1.
"""

import hashlib
import tempfile
from pathlib import Path

from exclaim.demo.fetching import fetch_clips
from exclaim.demo.scene import load_scene

if __name__ == "__main__":
    scene = load_scene()
    with tempfile.TemporaryDirectory() as folder:
        paths = fetch_clips(
            scene.clips, Path(folder), repository=scene.repository, commit=scene.commit, sha256=scene.sha256
        )
        print("sha256:")
        for clip, path in paths.items():
            print(f"  {clip}: {hashlib.sha256(path.read_bytes()).hexdigest()}")
