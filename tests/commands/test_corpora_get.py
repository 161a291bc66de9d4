"""``exclaim corpora get``: the licence comes first, and nothing is fetched without it."""

import functools
import http.server
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from exclaim.corpora import sources


@pytest.fixture
def vivae(tmp_path: Path, monkeypatch) -> Iterator[Path]:
    """VIVAE's source, moved to a server on this machine; returns the data root."""
    published = tmp_path / "published"
    published.mkdir()
    with zipfile.ZipFile(published / "VIVAE.zip", "w") as archive:
        archive.writestr("VIVAE/full_set/S01_pain_peak_01.wav", b"RIFF")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(published))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    source = sources.SOURCES["vivae"]
    url = f"http://127.0.0.1:{server.server_address[1]}/VIVAE.zip"
    moved = msgspec.structs.replace(source, archives=(msgspec.structs.replace(source.archives[0], url=url),))
    monkeypatch.setitem(sources.SOURCES, "vivae", moved)
    yield tmp_path / "data"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_corpus_is_got_after_its_licence_was_told(exclaim, vivae: Path) -> None:
    done = exclaim("corpora", "get", "vivae", "--data", vivae, "--accept-licence")
    assert done.status == 0
    assert "CC-BY-NC-4.0, https://creativecommons.org/licenses/by-nc/4.0/" in done.out
    assert "weights trained on it may not be shipped" in done.out
    assert f"{vivae}/vivae holds 1 files of vivae, 1 of them new" in done.out
    assert f"exclaim corpora check vivae --data {vivae}" in done.out
    assert "VIVAE.zip: SHA-256 " in done.err
    again = exclaim("corpora", "get", "vivae", "--data", vivae, "--accept-licence")
    assert "holds 1 files of vivae, all of them there before" in again.out


def test_without_a_person_or_the_option_nothing_is_fetched(exclaim, vivae: Path, monkeypatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    done = exclaim("corpora", "get", "vivae", "--data", vivae)
    assert done.status == 1
    assert "read the licence at https://creativecommons.org/licenses/by-nc/4.0/, and accept it with" in done.err
    assert not vivae.exists()


@pytest.mark.parametrize(("answer", "status"), [("y", 0), ("n", 1), ("", 1)])
def test_a_person_is_asked(exclaim, vivae: Path, monkeypatch, answer: str, status: int) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("exclaim.commands.corpora_get.typer.confirm", lambda question, default: answer == "y")
    done = exclaim("corpora", "get", "vivae", "--data", vivae)
    assert done.status == status
    assert vivae.exists() == (status == 0)
    assert status == 0 or "the licence was not accepted; nothing was fetched" in done.err


def test_parts_are_listed_and_a_misspelt_one_is_told(exclaim, tmp_path: Path) -> None:
    done = exclaim("corpora", "get", "librispeech", "--part", "dev", "--data", tmp_path)
    assert done.status == 1
    assert "librispeech has no part 'dev': its parts are dev-clean, dev-other" in done.err
    told = exclaim("corpora", "get", "librispeech", "--part", "test-clean", "--part", "test-other", "--data", tmp_path)
    assert "parts    test-clean, test-other, of dev-clean" in told.out
    assert "0.68 GB" in told.out


def test_what_a_person_must_know_is_told(exclaim, tmp_path: Path) -> None:
    assert "Git LFS" in exclaim("corpora", "get", "crema-d", "--data", tmp_path).out
    assert "ask Deeply" in exclaim("corpora", "get", "deeply", "--data", tmp_path).out
    assert "of unknown size" in exclaim("corpora", "get", "asvp-esd", "--data", tmp_path).out


def test_what_cannot_be_got_is_told_with_what_can(exclaim, tmp_path: Path) -> None:
    done = exclaim("corpora", "get", "noise", "--data", tmp_path)
    assert (done.status, "noise cannot be got" in done.err) == (1, True)
    done = exclaim("corpora", "get", "emogater", "--data", tmp_path)
    assert (done.status, "corpus 'emogater' is not known" in done.err) == (1, True)


def test_the_list_says_how_to_get_what_is_not_there(exclaim, tmp_path: Path) -> None:
    assert "exclaim corpora get vivae" in exclaim("corpora", "list", "--data", tmp_path).out
