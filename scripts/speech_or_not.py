"""Write the clips that speech-or-not is judged on: ``python scripts/speech_or_not.py speechdet.csv``.

RAVDESS is speech and Deeply's bursts are none; ``speech-emotion`` met neither. Corpora are found by EXCLAIM_DATA.
"""

import csv
import sys
from pathlib import Path

from exclaim.corpora.data_root import data_root
from exclaim.corpora.labels import map_label
from exclaim.corpora.registry import load_corpus

CORPORA = ("ravdess", "deeply")


def write(path: Path) -> int:
    """Write path, label and speaker of every clip with a label; return how many there are."""
    clips = [clip for name in CORPORA for clip in load_corpus(name, data_root(None))]
    labelled = [
        (clip.path, label, clip.speaker_key) for clip in clips if (label := map_label("speech-detection", clip))
    ]
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("path", "label", "speaker"))
        table.writerows(labelled)
    return len(labelled)


if __name__ == "__main__":
    print(f"wrote {write(Path(sys.argv[1]))} clips to {sys.argv[1]}")
