import os
import signal
import socket
import subprocess
import sys

import httpx
import pytest
import yaml

from exclaim.cli import main
from exclaim.decide.passwords import verify_password
from exclaim.transport import wait_until_ready

pytest.importorskip("fastapi", reason="needs the extra `serve`")


@pytest.fixture
def config(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    site = {"name": "house", "context": "a test", "purpose": "to test"}
    path = tmp_path / "exclaim.yaml"
    decide = {"port": port, "store": f"sqlite:///{tmp_path}/a.sqlite"}
    path.write_text(yaml.safe_dump({"site": site, "decide": decide}))
    return path, port


def run(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "exclaim", "decide", *arguments], capture_output=True, text=True, timeout=120, **options
    )


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_told_to_stop(config, how):
    path, port = config
    process = subprocess.Popen(
        [sys.executable, "-m", "exclaim", "decide", "--config", str(path)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        assert process.stdout.readline() == f"decision service and page: {url}\n"
        wait_until_ready(url)
        assert "All quiet" not in httpx.get(url).text  # no device yet: that is not quiet
        process.send_signal(how)
        _, log = process.communicate(timeout=60)
        assert "Traceback" not in log
        assert process.returncode in (0, 130, -how)
    finally:
        process.kill()
        process.communicate()


def test_a_port_in_use_is_one_clear_sentence(config):
    path, port = config
    with socket.create_server(("127.0.0.1", port)):
        done = run("--config", str(path))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"exclaim: decide: port {port} on 127.0.0.1 is in use; stop")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("arguments", "message"), [([], "--config FILE is needed"), (["--config", "none"], "none")])
def test_no_configuration_is_a_sentence(capsys, arguments, message):
    with pytest.raises(SystemExit) as ended:
        main(["decide", *arguments])
    assert ended.value.code == 1
    assert message in capsys.readouterr().err


def test_a_password_is_hashed_for_the_configuration(monkeypatch, capsys):
    monkeypatch.setattr("typer.prompt", lambda *_, **__: "correct horse")
    with pytest.raises(SystemExit) as ended:
        main(["decide", "--hash-password"])
    assert ended.value.code == 0
    assert verify_password("correct horse", capsys.readouterr().out.strip())
