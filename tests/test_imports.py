"""The way of the data is the way of the imports: proved over the source, and in a fresh interpreter."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import exclaim

PACKAGE = Path(exclaim.__file__).parent
LAYERS = ("sense", "edge", "decide")
ABOVE = {*LAYERS, "commands", "cli", "demo", "__main__"}  # what nothing below the line may import
HEAVY = ("torch", "lightning_fabric", "librosa", "sklearn", "scipy", "pandas", "onnx")
LIGHT_MODULES = sorted({path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"})


def imports_of(path: Path) -> set[str]:
    """Return the parts of exclaim (``features``, ``edge`` ...) that a source file names in an import."""
    parts = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level:
            pytest.fail(f"{path} has a relative import; expected absolute ones")
        parts |= {name.split(".")[1] for name in names if name.startswith("exclaim.")}
    return parts


def top(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def sources(part: str) -> list[Path]:
    module = PACKAGE / f"{part}.py"
    return [module] if module.exists() else sorted((PACKAGE / part).rglob("*.py"))


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_imports_no_other_layer(layer):
    others = set(LAYERS) - {layer}
    assert sources(layer), f"no source of {layer} was found"
    found = {str(path.relative_to(PACKAGE)): imports_of(path) & others for path in sources(layer)}
    assert not {path: names for path, names in found.items() if names}


def test_nothing_below_the_line_imports_what_is_above():
    below = [path for path in PACKAGE.rglob("*.py") if top(path) not in ABOVE | {"__init__"}]
    assert len(below) > 5
    found = {str(path.relative_to(PACKAGE)): imports_of(path) & ABOVE for path in below}
    assert not {path: names for path, names in found.items() if names}


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_does_not_import_the_command_line(layer):
    for path in sources(layer):
        assert not imports_of(path) & {"commands", "cli", "demo"}, path


def loaded_after(statement: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter holds after a statement."""
    code = f"{statement}\nimport sys\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_importing_exclaim_imports_almost_nothing():
    loaded = loaded_after("import exclaim")
    assert not loaded & {*HEAVY, "numpy", "onnxruntime", "typer", "msgspec"}


def test_every_exported_name_is_there():
    for name in exclaim.__all__:
        assert getattr(exclaim, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'scream'"):
        _ = exclaim.scream


def test_importing_what_a_device_runs_imports_no_torch():
    modules = [f"exclaim.{name}" for name in LIGHT_MODULES]
    modules += [
        ".".join(("exclaim", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
        for part in (*LAYERS, "corpora", "evaluate", "commands", "demo")
        for path in (PACKAGE / part).rglob("*.py")
        if "versions" not in path.parts and path.name != "env.py"
    ]
    assert len(modules) > 15
    loaded = loaded_after("\n".join(f"import {name}" for name in modules))
    assert not loaded & set(HEAVY)
