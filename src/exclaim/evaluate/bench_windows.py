"""One fresh process that hears windows: ``python -m exclaim.evaluate.bench_windows MODEL COUNT``.

It prints what only a fresh process can tell: the time to import the runtime and to load the first model, its peak
memory, and the time and energy of the windows themselves. Another process may count its instructions.
"""

import json
import sys
import time
from pathlib import Path

__all__ = ["energy_joules", "main", "peak_bytes"]

_RAPL = Path("/sys/class/powercap/intel-rapl:0")  # the first package; Linux, Intel and AMD


def peak_bytes() -> int | None:
    """Return this process's highest resident memory; None where the system does not tell.

    ``/proc`` counts from the start of this program; ``getrusage`` would count its parent's memory too.
    """
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), None)


def energy_joules() -> float | None:
    """Return the processor package's energy counter; None where it cannot be read."""
    try:
        return int((_RAPL / "energy_uj").read_text()) / 1e6
    except (OSError, ValueError):
        return None


def main(arguments: list[str]) -> None:
    """Import, load, hear ``COUNT`` windows, print JSON."""
    model_path, count = arguments[0], int(arguments[1])
    begun = time.perf_counter()
    import numpy as np
    import onnxruntime  # noqa: F401  (its time is told apart from the model's)

    from exclaim.features import CLIP_SAMPLES, log_mel
    from exclaim.model import load_model, pin_of

    imported = time.perf_counter()
    model = load_model(model_path, pin=pin_of(Path(model_path)))
    loaded = time.perf_counter()
    clip = np.random.default_rng(0).uniform(-0.1, 0.1, CLIP_SAMPLES).astype(np.float32)
    energy = energy_joules()
    for _ in range(count):
        model.predict(log_mel(clip)[np.newaxis])
    ended, energy_after = time.perf_counter(), energy_joules()
    spent = None if energy is None or energy_after is None or energy_after < energy else energy_after - energy
    told = {
        "import_ms": 1e3 * (imported - begun),
        "load_ms": 1e3 * (loaded - imported),
        "window_ms": 1e3 * (ended - loaded) / count if count else None,
        "joules_per_window": spent / count if spent is not None and count else None,
        "peak_bytes": peak_bytes(),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1:])
