"""A file comes whole through broken connections, and what is not the file is not kept."""

import hashlib
from pathlib import Path

import httpx
import pytest

from exclaim.corpora.fetch import fetch_file
from exclaim.errors import CorpusError, DeliveryError, StoreError

CONTENT = hashlib.sha256(b"sound").digest() * 40_000  # 1.28 MB


class Fetching:
    """Calls of ``fetch_file``, and what they told."""

    def __init__(self, web, folder: Path) -> None:
        self.web = web
        self.web.files["/a.zip"] = CONTENT
        self.target = folder / "a.zip"
        self.partial = folder / "a.zip.partial"
        self.note = folder / "a.zip.partial.json"
        self.waits: list[float] = []
        self.progress: list[tuple[int, int | None]] = []
        self.needed: list[int] = []

    def __call__(self, path: str = "/a.zip", **options) -> None:
        with httpx.Client(follow_redirects=True, timeout=10) as client:
            fetch_file(
                client,
                self.web.url + path,
                self.target,
                **{
                    "wait": self.waits.append,
                    "progress": lambda done, total: self.progress.append((done, total)),
                    "room": self.needed.append,
                    **options,
                },
            )

    @property
    def ranges(self) -> list[str | None]:
        return [asked.get("range") for asked in self.web.asked]


@pytest.fixture
def fetching(web, tmp_path: Path) -> Fetching:
    return Fetching(web, tmp_path)


def test_a_file_comes_whole(fetching: Fetching) -> None:
    fetching(size=len(CONTENT))
    assert fetching.target.read_bytes() == CONTENT
    assert {path.name for path in fetching.target.parent.iterdir()} == {"a.zip"}
    assert fetching.progress[0] == (0, len(CONTENT))
    assert fetching.progress[-1] == (len(CONTENT), len(CONTENT))
    assert fetching.needed == [len(CONTENT)]
    assert fetching.web.asked[0]["accept-encoding"] == "identity"


def test_a_file_that_is_there_is_not_asked_for(fetching: Fetching) -> None:
    fetching.target.write_bytes(b"there")
    fetching()
    assert fetching.web.asked == []


def test_a_cut_connection_is_gone_on_with(fetching: Fetching) -> None:
    fetching.web.cut_after = [300_000, 300_000, None]
    fetching()
    assert fetching.target.read_bytes() == CONTENT
    starts = [int(found.removeprefix("bytes=").removesuffix("-")) for found in fetching.ranges if found]
    assert fetching.ranges[0] is None
    assert len(starts) == 2
    assert 0 < starts[0] < starts[1] < len(CONTENT)
    assert all(asked["if-range"] == '"first"' for asked in fetching.web.asked[1:])


def test_a_later_call_goes_on_where_an_earlier_one_stopped(fetching: Fetching) -> None:
    fetching.web.cut_after = [200_000]
    fetching.web.statuses = []
    with pytest.raises(DeliveryError, match=r"200,000 bytes are kept, get it again to go on"):
        fetching(wait=lambda seconds: fetching.web.statuses.append(503))
    assert fetching.partial.stat().st_size == 200_000
    fetching.web.statuses = []
    fetching()
    assert fetching.target.read_bytes() == CONTENT
    assert fetching.ranges[-1] == "bytes=200000-"
    assert not fetching.partial.exists()
    assert not fetching.note.exists()


def test_a_server_without_ranges_sends_all_of_it_again(fetching: Fetching) -> None:
    fetching.web.ranges = False
    fetching.web.cut_after = [300_000, None]
    fetching()
    assert fetching.target.read_bytes() == CONTENT


def test_what_changed_on_the_server_meanwhile_is_fetched_from_the_beginning(fetching: Fetching) -> None:
    fetching.web.cut_after = [300_000]

    def change(seconds: float) -> None:
        fetching.web.etag = '"second"'
        fetching.web.files["/a.zip"] = CONTENT[::-1]

    fetching(wait=change)
    assert fetching.target.read_bytes() == CONTENT[::-1]


@pytest.mark.parametrize(("proved", "range_asked"), [(False, None), (True, "bytes=300000-")])
def test_without_an_etag_only_what_a_checksum_proves_is_gone_on_with(
    fetching: Fetching, proved: bool, range_asked: str | None
) -> None:
    fetching.web.etag = None
    fetching.web.cut_after = [300_000, None]
    fetching(proved=proved)
    assert fetching.target.read_bytes() == CONTENT
    assert fetching.ranges[1] == range_asked


def test_a_weak_etag_is_none(fetching: Fetching) -> None:
    fetching.web.etag = 'W/"first"'
    fetching.web.cut_after = [300_000, None]
    fetching()
    assert fetching.ranges == [None, None]


def test_the_beginning_of_another_file_is_not_gone_on_with(fetching: Fetching) -> None:
    fetching.web.cut_after = [300_000] + [0] * 10
    fetching.web.files["/b.zip"] = CONTENT[::-1]
    with pytest.raises(DeliveryError):
        fetching("/a.zip")
    fetching.web.cut_after = []
    fetching("/b.zip")
    assert fetching.target.read_bytes() == CONTENT[::-1]


def test_all_bytes_there_and_only_the_name_missing(fetching: Fetching) -> None:
    fetching.partial.write_bytes(CONTENT)
    fetching.note.write_text(f'{{"url": "{fetching.web.url}/a.zip", "validator": "\\"first\\""}}')
    fetching()
    assert fetching.target.read_bytes() == CONTENT


def test_more_bytes_than_the_file_has_are_thrown_away(fetching: Fetching) -> None:
    fetching.partial.write_bytes(CONTENT + b"more")
    fetching.note.write_text(f'{{"url": "{fetching.web.url}/a.zip", "validator": "\\"first\\""}}')
    fetching()
    assert fetching.target.read_bytes() == CONTENT


def test_a_damaged_note_means_from_the_beginning(fetching: Fetching) -> None:
    fetching.partial.write_bytes(b"what is this")
    fetching.note.write_text("{")
    fetching()
    assert fetching.target.read_bytes() == CONTENT
    assert fetching.ranges == [None]


def test_another_size_than_expected_is_refused_before_anything_is_kept(fetching: Fetching) -> None:
    with pytest.raises(CorpusError, match=r"has 1,280,000 bytes; expected 5: the release has changed"):
        fetching(size=5)
    assert list(fetching.target.parent.iterdir()) == []
    assert fetching.needed == []


def test_what_has_come_survives_a_size_that_is_wrong_today(fetching: Fetching) -> None:
    fetching.partial.write_bytes(CONTENT[:300_000])
    fetching.note.write_text(f'{{"url": "{fetching.web.url}/a.zip", "validator": "\\"first\\""}}')
    fetching.web.etag = '"maintenance"'
    fetching.web.files["/a.zip"] = b"back in an hour"
    with pytest.raises(CorpusError, match=r"has 15 bytes; expected 1,280,000"):
        fetching(size=len(CONTENT))
    assert fetching.partial.read_bytes() == CONTENT[:300_000]


def test_a_web_page_is_not_taken_for_the_file(fetching: Fetching) -> None:
    fetching.partial.write_bytes(CONTENT[:300_000])
    page = {"Content-Type": "text/html; charset=utf-8"}
    transport = httpx.MockTransport(lambda request: httpx.Response(200, content=b"<html>log in", headers=page))
    with (
        httpx.Client(transport=transport) as client,
        pytest.raises(DeliveryError, match="a web page came in its place"),
    ):
        fetch_file(client, "https://official.example/a.zip", fetching.target)
    assert fetching.partial.read_bytes() == CONTENT[:300_000]


def test_without_a_length_the_expected_size_counts(fetching: Fetching) -> None:
    fetching.web.announce_length = False
    fetching(size=len(CONTENT))
    assert fetching.target.read_bytes() == CONTENT
    assert fetching.progress[0] == (0, None)
    fetching.target.unlink()
    with pytest.raises(CorpusError, match="sends more than 5 bytes"):
        fetching(size=5)
    assert list(fetching.target.parent.iterdir()) == []


def test_a_busy_server_is_asked_again_when_it_says(fetching: Fetching) -> None:
    fetching.web.statuses = [503, 429]
    fetching()
    assert fetching.waits == [7, 7]
    assert fetching.target.read_bytes() == CONTENT


def test_a_server_that_stays_busy_is_given_up(fetching: Fetching) -> None:
    fetching.web.statuses = [503] * 100
    with pytest.raises(DeliveryError, match=r"cannot be fetched: the server answers 503$"):
        fetching()
    assert len(fetching.web.asked) == 5


def test_what_is_not_there_is_said_at_once(fetching: Fetching) -> None:
    with pytest.raises(DeliveryError, match="the server answers 404"):
        fetching("/none.zip")
    assert fetching.waits == []


def test_no_network_is_a_sentence(fetching: Fetching) -> None:
    fetching.web.url = "http://127.0.0.1:9"
    with pytest.raises(DeliveryError, match="cannot be fetched"):
        fetching()
    assert fetching.waits == [1, 2, 4, 8]


def test_redirects_are_followed_but_not_out_of_encryption(fetching: Fetching, monkeypatch) -> None:
    fetching.web.redirects["/here"] = f"{fetching.web.url}/a.zip"
    fetching("/here")
    assert fetching.target.read_bytes() == CONTENT
    fetching.target.unlink()
    transport = httpx.MockTransport(
        lambda request: (
            httpx.Response(302, headers={"Location": "http://elsewhere.example/a.zip"})
            if request.url.scheme == "https"
            else httpx.Response(200, content=b"x")
        )
    )
    with (
        httpx.Client(transport=transport, follow_redirects=True) as client,
        pytest.raises(DeliveryError, match=r"leads to http://elsewhere\.example/a\.zip, which is not encrypted"),
    ):
        fetch_file(client, "https://official.example/a.zip", fetching.target)
    assert list(fetching.target.parent.iterdir()) == []


def test_a_range_that_was_not_asked_for_is_not_added(fetching: Fetching) -> None:
    fetching.partial.write_bytes(CONTENT[:10])
    fetching.note.write_text('{"url": "https://official.example/a.zip", "validator": "\\"first\\""}')

    def answer(request: httpx.Request) -> httpx.Response:
        if "Range" in request.headers:
            headers = {"Content-Range": f"bytes 5-{len(CONTENT) - 1}/{len(CONTENT)}"}
            return httpx.Response(206, stream=httpx.ByteStream(CONTENT[5:]), headers=headers)
        return httpx.Response(200, stream=httpx.ByteStream(CONTENT))

    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        fetch_file(client, "https://official.example/a.zip", fetching.target, wait=fetching.waits.append)
    assert fetching.target.read_bytes() == CONTENT


def test_a_disk_without_room_is_told_before_anything_is_written(fetching: Fetching) -> None:
    def full(needed: int) -> None:
        raise StoreError(f"no room for {needed}")

    with pytest.raises(StoreError, match="no room for 1280000"):
        fetching(room=full)
    assert list(fetching.target.parent.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_a_sentence(fetching: Fetching, tmp_path: Path) -> None:
    fetching.target = tmp_path / "none" / "a.zip"
    with pytest.raises(CorpusError, match=r"a\.zip cannot be written: No such file"):
        fetching()
