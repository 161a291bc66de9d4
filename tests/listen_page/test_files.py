"""The page's files are what the package says, and what they are said to be."""

import gzip
import hashlib
import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exclaim import features
from exclaim.card import FRONT_END
from exclaim.model import shipped_models

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/listen"
VENDOR = PAGE / "vendor/onnxruntime-web"
HINT = "run `python scripts/listen_page.py` and commit what it writes"


@pytest.fixture(scope="module")
def script() -> Any:
    spec = importlib.util.spec_from_file_location("listen_page", ROOT / "scripts/listen_page.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_comes_from_python_is_up_to_date(script):
    for name, data in script.generated().items():
        assert (PAGE / name).read_bytes() == data, f"{name}: {HINT}"


def test_the_models_are_the_shipped_ones_and_no_others():
    copies = {path.name: path.read_bytes() for path in (PAGE / "models").iterdir()}
    assert copies == {path.name: path.read_bytes() for path in shipped_models().values()}, HINT


def test_the_service_worker_knows_every_file(script):
    assert (PAGE / "data/files.js").read_bytes() == script.file_list(PAGE), HINT


def test_the_script_writes_a_page_and_removes_what_is_shipped_no_more(script, tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models/gone.onnx").write_bytes(b"old")
    (tmp_path / "index.html").write_text("page")
    script.write(tmp_path)
    assert not (tmp_path / "models/gone.onnx").exists()
    listed = json.loads((tmp_path / "data/models.json").read_text())
    assert {(tmp_path / model["file"]).is_file() for model in listed["models"]} == {True}
    before = (tmp_path / "data/files.js").read_bytes()
    (tmp_path / "index.html").write_text("another page")
    assert script.file_list(tmp_path) != before  # so that a browser fetches it anew


def test_the_filterbank_is_the_frozen_one():
    definition = json.loads((PAGE / "data/front-end.json").read_text())
    bands = np.zeros_like(features.filterbank())
    for band, row in zip(bands, definition["filterbank"], strict=True):
        band[row["first"] : row["first"] + len(row["weights"])] = row["weights"]
    assert np.array_equal(bands, features.filterbank())
    assert definition["front_end"]["n_mels"] == FRONT_END.n_mels


def test_the_runtime_is_the_one_that_was_taken():
    told = json.loads((VENDOR / "vendor.json").read_text())
    assert (told["name"], told["licence"]) == ("onnxruntime-web", "MIT")
    assert {path.name for path in VENDOR.iterdir()} == {"LICENSE", "vendor.json", *told["files"]}
    for name, entry in told["files"].items():
        data = (VENDOR / name).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (entry["bytes"], entry["sha256"]), name
        if "unpacked" in entry:
            unpacked = gzip.decompress(data)
            assert hashlib.sha256(unpacked).hexdigest() == entry["unpacked"]["sha256"]
            assert unpacked.startswith(b"\0asm")
    licence = (VENDOR / "LICENSE").read_text()
    assert "MIT License" in licence
    assert "Microsoft Corporation" in licence
    assert f"onnxruntime-web {told['version']}" in (ROOT / "NOTICE").read_text()


def test_the_page_may_reach_its_own_folder_only():
    html = (PAGE / "index.html").read_text()
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', html)
    rules = {rule.split()[0]: rule.split()[1:] for rule in policy.split(";")}
    assert rules["default-src"] == ["'none'"]
    assert rules["connect-src"] == ["'self'"]
    assert rules["script-src"] == ["'self'", "'wasm-unsafe-eval'"]
    assert html.index("Content-Security-Policy") < html.index("<link")  # what comes before it is not held by it


@pytest.mark.parametrize("path", sorted([*PAGE.glob("*.*"), *(PAGE / "js").iterdir()]), ids=lambda path: path.name)
def test_no_file_of_ours_names_another_address(path):
    text = path.read_text().replace("http://www.w3.org/2000/svg", "")  # a name, not an address
    assert not re.findall(r"(?:https?:)?//[\w-]+\.\w+", text)


def test_every_file_that_the_page_names_is_there():
    html = (PAGE / "index.html").read_text()
    for name in re.findall(r'(?:href|src)="([^"]+)"', html):
        assert (PAGE / name).is_file(), name
    for path in (PAGE / "js").iterdir():
        for name in re.findall(r'from "([^"]+)"', path.read_text()):
            assert (path.parent / name).is_file(), f"{path.name} imports {name}"


def test_it_is_said_that_this_is_no_medical_or_safety_device():
    assert "Not a medical or safety device" in (PAGE / "index.html").read_text()
