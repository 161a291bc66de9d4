"""``exclaim config init | check``."""

import json
import socket

from exclaim.config import load_config

WHERE = ("--context", "a care home of 40 rooms", "--purpose", "to call staff when somebody screams")


def test_init_writes_what_check_reads(exclaim, tmp_path):
    file = tmp_path / "exclaim.yaml"
    done = exclaim("config", "init", file, *WHERE, "--name", "oak", "--profile", "care", "--device", "room-1")
    assert (done.status, done.err) == (0, "")
    assert f"exclaim config check {file}" in done.out
    config = load_config(file)
    assert config.site.profile == "care"
    assert config.sense[0].device == "room-1"
    assert not list(tmp_path.glob("*.part"))


def test_context_and_purpose_must_be_said(exclaim, tmp_path):
    file = tmp_path / "exclaim.yaml"
    done = exclaim("config", "init", file, *WHERE[:2])
    assert done.status == 1
    assert "--purpose is required" in done.err
    assert not file.exists()


def test_a_file_that_is_there_is_not_overwritten_unasked(exclaim, tmp_path):
    file = tmp_path / "exclaim.yaml"
    file.write_text("mine")
    done = exclaim("config", "init", file, *WHERE)
    assert done.status == 1
    assert "--force overwrites it" in done.err
    assert file.read_text() == "mine"
    assert exclaim("config", "init", file, *WHERE, "--force").status == 0
    assert load_config(file).site.context == WHERE[1]


def test_a_bad_option_is_a_sentence_and_writes_nothing(exclaim, tmp_path):
    file = tmp_path / "exclaim.yaml"
    for options in (("--profile", "castle"), ("--name", "no spaces"), ("--device", "no spaces")):
        done = exclaim("config", "init", file, *WHERE, *options)
        assert done.status == 1
        assert not file.exists(), options


def test_a_folder_that_is_not_there_is_a_sentence(exclaim, tmp_path):
    done = exclaim("config", "init", tmp_path / "none/exclaim.yaml", *WHERE)
    assert done.status == 1
    assert "cannot be written: No such file or directory" in done.err


def test_check_says_what_does_not_hold(exclaim, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exclaim("config", "init", "exclaim.yaml", *WHERE, "--source", "none.wav")
    done = exclaim("config", "check", "exclaim.yaml", "--json")
    assert done.status == 1
    findings = [json.loads(line) for line in done.out.splitlines()]
    assert {"part": "sense.device-1", "holds": False}.items() <= next(f for f in findings if not f["holds"]).items()
    assert "things do not hold" in done.err
    table = exclaim("config", "check", "exclaim.yaml")
    assert "FAIL  sense.device-1" in table.out
    assert "ok    site" in table.out


def test_up_refuses_a_port_in_use(exclaim, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exclaim("config", "init", "exclaim.yaml", *WHERE)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        text = (tmp_path / "exclaim.yaml").read_text().replace("port: 8742", f"port: {port}")
        (tmp_path / "exclaim.yaml").write_text(text)
        done = exclaim("up", "--config", "exclaim.yaml")
    assert done.status == 1
    assert f"the decision service cannot listen on 127.0.0.1 port {port}" in done.err


def test_up_refuses_parts_that_would_not_find_each_other(exclaim, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exclaim("config", "init", "exclaim.yaml", *WHERE)
    with socket.create_server(("127.0.0.1", 0)) as free, socket.create_server(("127.0.0.1", 0)) as other:
        ports = free.getsockname()[1], other.getsockname()[1]
    text = (tmp_path / "exclaim.yaml").read_text()
    text = text.replace("port: 8742", f"port: {ports[0]}").replace("port: 8741", f"port: {ports[1]}")
    (tmp_path / "exclaim.yaml").write_text(text)
    done = exclaim("up", "--config", "exclaim.yaml")
    assert done.status == 1
    assert f"edge.decide_url is http://127.0.0.1:8742, but decide.port is {ports[0]}; make them the same" in done.err


def test_demo_refuses_a_port_in_use(exclaim):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = exclaim("demo", "--port", port, "--synthesised")
    assert done.status == 1
    assert f"the page cannot listen on 127.0.0.1 port {port}" in done.err
