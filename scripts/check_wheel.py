"""Check a wheel: it holds every file of the package and works where it is installed alone: ``check_wheel.py WHEEL``."""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src"


def expected_files() -> set[str]:
    """Return the package's files, as a wheel names them."""
    files = (path for path in (SOURCE / "exclaim").rglob("*") if path.is_file())
    return {path.relative_to(SOURCE).as_posix() for path in files if "__pycache__" not in path.parts}


def check(wheel: Path) -> None:
    """Exit with a sentence where the wheel does not hold."""
    found = set(zipfile.ZipFile(wheel).namelist())
    missing = sorted(expected_files() - found)
    if missing:
        sys.exit(f"{wheel.name} lacks {', '.join(missing)}; add them to package-data in pyproject.toml")
    licences = {name.rpartition("/")[2] for name in found if "licenses/" in name}
    if licences != {"LICENSE", "NOTICE"}:
        sys.exit(f"{wheel.name} holds the licence files {sorted(licences)}; expected LICENSE and NOTICE")
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*pip, "--target", folder, str(wheel)], check=True)
        program = "import exclaim, sys; assert exclaim.__file__.startswith(sys.argv[1]); print(exclaim.__version__)"
        command = [sys.executable, "-c", f"import sys; sys.path.insert(0, sys.argv[1]); {program}", folder]
        version = subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder).stdout.strip()
    print(f"{wheel.name}: {len(found)} files, version {version}, holds everything and works alone")


if __name__ == "__main__":
    check(Path(sys.argv[1]))
