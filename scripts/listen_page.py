"""Write what docs/listen/ takes from Python: ``python scripts/listen_page.py``.

The page's constants, its filterbank, the list of models with their cards and the models themselves come from the
package, so that nothing is written twice by hand; a test fails when they disagree with it.
``python scripts/listen_page.py --vendor FOLDER`` renews the runtime from an unpacked npm package of onnxruntime-web.
"""

import argparse
import gzip
import hashlib
import json
from pathlib import Path

import msgspec
import numpy as np

from exclaim.card import FRONT_END
from exclaim.commands.listen import default_models
from exclaim.config import GateOptions
from exclaim.episodes import ONSET_FRAMES, EpisodeOptions
from exclaim.features import CODE_STEPS_PER_DB, FLOOR_DB, WINDOW_FRAMES, filterbank
from exclaim.lines import SPEECH, SPEECH_OPTIONS
from exclaim.model import read_card, shipped_models
from exclaim.windows import STEP_FRAMES

PAGE = Path(__file__).parents[1] / "docs/listen"
VENDOR = "vendor/onnxruntime-web"
VENDORED = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")


def sparse_filterbank() -> list[dict[str, object]]:
    """Return of each band the first FFT bin that reaches it, and the weights from there on."""
    rows = []
    for weights in filterbank():
        reached = np.flatnonzero(weights)
        rows.append({"first": int(reached[0]), "weights": weights[reached[0] : reached[-1] + 1].tolist()})
    return rows


def front_end() -> str:
    """Return the constants of front-end, gate, windows and episodes as JSON."""
    gate = GateOptions()
    definition = {
        "front_end": msgspec.to_builtins(FRONT_END),
        "step_frames": STEP_FRAMES,
        "gate": {
            "enabled": gate.enabled,
            "threshold_code": int(np.ceil(CODE_STEPS_PER_DB * (gate.threshold_db - FLOOR_DB))),
            "hold_frames": gate.hold_frames,
            "preroll_frames": gate.preroll_frames,
        },
        "lines": {
            "yielding": SPEECH,
            "options": episodes(EpisodeOptions()),
            "yielding_options": episodes(SPEECH_OPTIONS),
        },
        "filterbank": sparse_filterbank(),
    }
    return json.dumps(definition, separators=(",", ":")) + "\n"


def episodes(options: EpisodeOptions) -> dict[str, object]:
    """Return how windows become episodes, with the constants that go with it."""
    return {**msgspec.to_builtins(options), "onset_frames": ONSET_FRAMES, "window_frames": WINDOW_FRAMES}


def models() -> tuple[str, dict[str, bytes]]:
    """Return the list of shipped models with their cards as JSON, and the models' bytes by their place in the page."""
    entries, files = [], {}
    for name, path in sorted(shipped_models().items()):
        place = f"models/{path.name}"
        files[place] = path.read_bytes()
        entries.append(
            {
                "name": name,
                "file": place,
                "sha256": hashlib.sha256(files[place]).hexdigest(),
                "card": msgspec.to_builtins(read_card(path)),
            }
        )
    return json.dumps({"listening": default_models(), "models": entries}, indent=1) + "\n", files


def generated() -> dict[str, bytes]:
    """Return every file of the page that comes from Python, by its place, but data/files.js."""
    listed, files = models()
    return {"data/front-end.json": front_end().encode(), "data/models.json": listed.encode(), **files}


def file_list(page: Path) -> bytes:
    """Return data/files.js: what the page consists of, for its service worker, and a version that changes with it."""
    names = sorted(path.relative_to(page).as_posix() for path in page.rglob("*") if path.is_file())
    kept = [name for name in names if name not in ("data/files.js", "service-worker.js")]
    digest = hashlib.sha256()
    for name in kept:
        digest.update(f"{name}\0".encode() + hashlib.sha256((page / name).read_bytes()).digest())
    listed = json.dumps({"version": digest.hexdigest()[:16], "files": ["./", *kept]}, indent=1)
    return f"// Written by scripts/listen_page.py.\nself.LISTEN = {listed};\n".encode()


def vendor(package: Path, page: Path) -> None:
    """Take the runtime from an unpacked npm package; its WebAssembly is kept compressed, a quarter of the size."""
    taken = {}
    for name in VENDORED:
        data = (package / "dist" / name).read_bytes()
        entry: dict[str, object] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        kept = name
        if name.endswith(".wasm"):
            kept, data = f"{name}.gz", gzip.compress(data, 9, mtime=0)
            entry["unpacked"] = {"name": name, **entry}
            entry |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        (page / VENDOR / kept).write_bytes(data)
        taken[kept] = entry
    about = json.loads((package / "package.json").read_text("utf-8"))
    told = {"name": about["name"], "version": about["version"], "licence": about["license"], "files": taken}
    (page / VENDOR / "vendor.json").write_text(json.dumps(told, indent=1) + "\n", "utf-8")


def write(page: Path) -> None:
    """Write everything that comes from Python, and remove models that are shipped no more."""
    files = generated()
    for name, data in files.items():
        (page / name).parent.mkdir(parents=True, exist_ok=True)
        (page / name).write_bytes(data)
    for stale in (page / "models").iterdir():
        if f"models/{stale.name}" not in files:
            stale.unlink()
    (page / "data/files.js").write_bytes(file_list(page))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vendor", type=Path, metavar="FOLDER", help="unpacked npm package of onnxruntime-web")
    chosen = parser.parse_args()
    if chosen.vendor is not None:
        vendor(chosen.vendor, PAGE)
    write(PAGE)
    print(f"wrote docs/listen/data and {len(generated()) - 2} models")
