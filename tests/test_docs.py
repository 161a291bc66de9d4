"""The documentation says what is: links lead somewhere, commands exist, and the reference is what the code says."""

import importlib.util
import re
import shlex
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer
import yaml

from exclaim import card, wire
from exclaim.cli import VERBS, app
from exclaim.config import load_config

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
NAMES = [path.relative_to(ROOT).as_posix() for path in DOCUMENTS]


@pytest.fixture(scope="module")
def make_reference() -> Any:
    spec = importlib.util.spec_from_file_location("make_reference", ROOT / "scripts/make_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def blocks(text: str, *languages: str) -> list[str]:
    """Return the code blocks of these languages."""
    found = re.findall(r"^```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [body for language, body in found if language in languages]


def commands(text: str) -> list[list[str]]:
    """Return the calls of exclaim in a document's blocks and inline code, as lists of words."""
    lines = [line for block in blocks(text, "sh", "text") for line in block.splitlines()]
    lines += re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    found = []
    for line in [part for several in lines for part in several.split(" && ")]:
        words = shlex.split(line.partition(" #")[0]) if re.match(r"(\S*/)?exclaim [a-z]", line) else []
        if words and words[1] not in ("hears",):
            found.append(words[1:])
    return found


def anchors(text: str) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("name", NAMES)
def test_every_link_leads_somewhere(name):
    document = ROOT / name
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text("utf-8")):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        assert file.exists(), f"{name} links to {target}"
        assert file.is_relative_to(ROOT), f"{name} links out of the project: {target}"
        if anchor:
            assert anchor in anchors(file.read_text("utf-8")), f"{name} links to {target}"


@pytest.mark.parametrize("name", NAMES)
def test_every_command_that_is_named_exists_with_its_options(name):
    group: Any = typer.main.get_command(app)
    for words in commands((ROOT / name).read_text("utf-8")):
        for verb in words[0].split("|"):
            assert verb in VERBS, f"{name}: exclaim {' '.join(words)}"
            command = group.get_command(None, verb)
            rest = words[1:]
            if hasattr(command, "commands") and rest:
                assert rest[0] in command.commands, f"{name}: exclaim {' '.join(words)}"
                command = command.commands[rest[0]]
            told = (option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts))
            known = {*told, "--help"}
            for word in rest:
                if word.startswith("--"):
                    assert word.partition("=")[0].rstrip("]") in known, f"{name}: exclaim {' '.join(words)}"


@pytest.mark.parametrize("page", ["command-line.md", "configuration.md"])
def test_the_generated_reference_is_what_the_code_says(make_reference, page):
    written = (ROOT / "docs/reference" / page).read_text("utf-8")
    hint = "run `python scripts/make_reference.py` and commit what it writes"
    assert written == make_reference.PAGES[page](), hint


def test_the_reference_lists_every_verb():
    text = (ROOT / "docs/reference/command-line.md").read_text("utf-8")
    assert all(f"## exclaim {verb}\n" in text for verb in VERBS)


def test_the_configuration_of_the_reference_loads(tmp_path):
    (block,) = blocks((ROOT / "docs/reference/configuration.md").read_text("utf-8"), "yaml")
    path = tmp_path / "exclaim.yaml"
    path.write_text(block, "utf-8")
    assert load_config(path).site.name == "oak-house"


@pytest.mark.parametrize("name", NAMES)
def test_every_yaml_block_is_yaml(name):
    for block in blocks((ROOT / name).read_text("utf-8"), "yaml"):
        yaml.safe_load(block)


def test_the_wire_reference_names_every_field_of_a_chunk_and_an_answer():
    text = (ROOT / "docs/reference/wire.md").read_text("utf-8")
    for struct in (wire.Chunk, wire.ChunkAck):
        for field in msgspec.structs.fields(struct):
            assert field.name in text, f"wire.md does not name {struct.__name__}.{field.name}"


def test_the_model_reference_names_every_field_of_the_card():
    text = (ROOT / "docs/reference/model-file.md").read_text("utf-8")
    for struct in (card.Card, card.Head):
        for field in msgspec.structs.fields(struct):
            assert f"`{field.name}`" in text, f"model-file.md does not name {struct.__name__}.{field.name}"


@pytest.mark.parametrize("name", NAMES)
def test_files_of_the_project_that_are_named_exist(name):
    text = re.sub(r"^```.*?^```", "", (ROOT / name).read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    for path in re.findall(r"`((?:src|tests|scripts|recipes|docs)/[\w./-]*\w)`", text):
        assert (ROOT / path).exists(), f"{name} names {path}"


def test_every_page_can_be_reached_from_the_index():
    index = (ROOT / "docs/README.md").read_text("utf-8")
    for path in (ROOT / "docs").rglob("*.md"):
        if path.name != "README.md":
            assert f"({path.relative_to(ROOT / 'docs').as_posix()})" in index, path


@pytest.mark.parametrize("name", ["README.md", "docs/README.md"])
def test_it_is_said_that_this_is_no_medical_or_safety_device(name):
    assert "not a medical or safety device" in (ROOT / name).read_text("utf-8").lower()
