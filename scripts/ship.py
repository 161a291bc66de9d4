"""Put trained models into the package: ``python scripts/ship.py runs/scream-type runs/scream-detection``.

Refuses what may not be shipped: weights trained on a corpus whose licence forbids it, a file over 3 MB, more than 10 MB
in all. Beside the models go their pins and the split of their speakers, so that anyone can measure the same again.
"""

import json
import shutil
import sys
from pathlib import Path

from exclaim.corpora.registry import corpus_info
from exclaim.model import load_model, pin

ASSETS = Path(__file__).parents[1] / "src/exclaim/assets"
MOST_BYTES, MOST_BYTES_IN_ALL = 3_000_000, 10_000_000


def ship(run: Path) -> None:
    """Copy a run's model file and pin it."""
    name = run.name
    source = run / f"{name}.onnx"
    model = load_model(source)
    forbidden = [use.name for use in model.card.corpora if not corpus_info(use.name).may_ship]
    if forbidden:
        sys.exit(f"{source} was trained on {', '.join(forbidden)}, whose licence does not allow to ship the weights")
    if source.stat().st_size > MOST_BYTES:
        sys.exit(f"{source} has {source.stat().st_size} bytes; at most {MOST_BYTES} may be shipped")
    shutil.copyfile(source, ASSETS / source.name)
    pin(ASSETS / source.name)
    split = json.loads((run / "split.json").read_text("utf-8"))
    shipped = ASSETS / "split.json"
    before = json.loads(shipped.read_text("utf-8")) if shipped.is_file() else {}
    merged = {
        part: {kind: sorted({*names, *before.get(part, {}).get(kind, [])}) for kind, names in kinds.items()}
        for part, kinds in split.items()
    }
    speakers = [set(merged[part]["speakers"]) for part in merged]
    if any(one & other for i, one in enumerate(speakers) for other in speakers[:i]):
        sys.exit(f"{run} puts a speaker into another part than the models shipped before")
    shipped.write_text(json.dumps(merged, indent=1) + "\n", "utf-8")
    print(f"shipped {source.name}, {source.stat().st_size} bytes")


if __name__ == "__main__":
    for folder in sys.argv[1:]:
        ship(Path(folder))
    whole = sum(path.stat().st_size for path in ASSETS.glob("*.onnx"))
    if whole > MOST_BYTES_IN_ALL:
        sys.exit(f"the shipped models have {whole} bytes; at most {MOST_BYTES_IN_ALL} may be")
