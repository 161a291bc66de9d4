"""One file over HTTP, however often the connection breaks: what has come is kept, and the rest is asked for.

``NAME.partial`` holds what has come and ``NAME.partial.json`` of which file it is: the URL, and the ETag or date by
which the server knows that file again. A server that has another file by now, or that knows no ranges, sends the whole
from the beginning.
"""

import re
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import msgspec

from exclaim.errors import CorpusError, DeliveryError

__all__ = ["fetch_file"]

Progress = Callable[[int, int | None], None]  # bytes that are there, bytes in all where known
Room = Callable[[int], None]

_ATTEMPTS = 5  # in a row without a single new byte
_LONGEST_WAIT_SECONDS = 60.0
_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)")


class _Note(msgspec.Struct, frozen=True):
    """Of which file ``NAME.partial`` is a beginning."""

    url: str
    validator: str | None  # strong ETag or date of the last change; None: the server gives neither


class _TryAgain(Exception):
    """The connection broke or the server is busy; what has come is kept."""

    def __init__(self, reason: str, wait_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.wait_seconds = wait_seconds


def fetch_file(
    client: httpx.Client,
    url: str,
    target: Path,
    *,
    size: int | None = None,
    proved: bool = False,
    progress: Progress = lambda done, total: None,
    room: Room = lambda needed: None,
    wait: Callable[[float], None] = time.sleep,
) -> None:
    """Fetch a file, going on where an earlier call stopped.

    Args:
        client: follows redirects.
        url: of the file.
        target: where it is kept when all of it has come; its folder exists.
        size: bytes that are expected, where known.
        proved: the caller knows the file's checksum, so that a beginning may be gone on with even where the server
            gives nothing to tell whether it is still the same file.
        progress: called as bytes come.
        room: called with the number of bytes that are still to come, where known; raises where the disk is too small.
        wait: called with seconds between attempts.

    Raises:
        CorpusError: when the file has another size than expected, or cannot be written.
        DeliveryError: without network, or when the server refuses; what has come is kept.
    """
    download = _Download(client, url, target, size, proved, progress, room)
    failures = 0
    while not target.exists():
        before = download.have
        try:
            download.attempt()
        except (httpx.TransportError, _TryAgain) as error:
            failures = 0 if download.have > before else failures + 1
            if failures >= _ATTEMPTS:
                kept = f"; {download.have:,} bytes are kept, get it again to go on" if download.have else ""
                raise DeliveryError(f"{url} cannot be fetched: {_sentence(error)}{kept}") from error
            asked = error.wait_seconds if isinstance(error, _TryAgain) else None
            wait(min(2.0 ** (failures - 1) if asked is None else asked, _LONGEST_WAIT_SECONDS))
        except httpx.HTTPError as error:
            raise DeliveryError(f"{url} cannot be fetched: {_sentence(error)}") from error
        except OSError as error:
            raise CorpusError(f"{target} cannot be written: {error.strerror or error}") from error


def _sentence(error: Exception) -> str:
    return str(error) or type(error).__name__


class _Download:
    """A file on its way."""

    def __init__(
        self,
        client: httpx.Client,
        url: str,
        target: Path,
        size: int | None,
        proved: bool,
        progress: Progress,
        room: Room,
    ) -> None:
        self._client = client
        self._url = url
        self._target = target
        self._partial = target.with_name(f"{target.name}.partial")
        self._note = target.with_name(f"{target.name}.partial.json")
        self._size = size
        self._proved = proved
        self._progress = progress
        self._room = room

    @property
    def have(self) -> int:
        """How many bytes have come."""
        return self._partial.stat().st_size if self._partial.exists() else 0

    def attempt(self) -> None:
        """Ask for what is missing and keep what comes; the target is there when all has come."""
        start, headers = self._beginning()
        with self._client.stream("GET", self._url, headers={"Accept-Encoding": "identity", **headers}) as response:
            if self._url.startswith("https:") and response.url.scheme != "https":
                raise DeliveryError(f"{self._url} leads to {response.url}, which is not encrypted; nothing was kept")
            match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
            if response.status_code == 416:
                return self._at_the_end(start, int(match[2]) if match and match[2].isdecimal() else None)
            _raise_for_status(response, self._url)
            if response.headers.get("Content-Type", "").startswith("text/html"):  # as a network does that wants a login
                raise DeliveryError(f"{self._url} cannot be fetched: a web page came in its place")
            if response.status_code != 206:
                start = 0
            elif match is None or match[1] != str(start):
                self._forget()
                raise _TryAgain("the server sent another range than was asked for")
            coming = response.headers.get("Content-Length")
            total = start + int(coming) if coming is not None and coming.isdecimal() else None
            self._require_size(total)
            self._room((total or self._size or start) - start)
            self._receive(response, start, total)
        expected = total if total is not None else self._size
        if expected is not None and self.have < expected:
            raise _TryAgain("the connection broke")
        if self._size is not None and self.have != self._size:
            self._forget()
        self._require_size(self.have)
        self._finish()

    def _beginning(self) -> tuple[int, dict[str, str]]:
        """Return with how many bytes to go on, and the headers that ask for the rest."""
        try:
            note = msgspec.json.decode(self._note.read_bytes(), type=_Note)
        except (OSError, msgspec.MsgspecError):
            return 0, {}
        if not self.have or note.url != self._url or not (note.validator or self._proved):
            return 0, {}
        headers = {"Range": f"bytes={self.have}-"}
        return self.have, headers | ({"If-Range": note.validator} if note.validator else {})

    def _at_the_end(self, start: int, total: int | None) -> None:
        """Deal with "nothing after this byte": all has come, or what has come is of another file."""
        if total == start:
            self._require_size(start)
            return self._finish()
        self._forget()
        raise _TryAgain("what has come does not belong to the file that is there now")

    def _receive(self, response: httpx.Response, start: int, total: int | None) -> None:
        etag = response.headers.get("ETag", "")
        strong = etag if etag.startswith('"') else response.headers.get("Last-Modified")
        with self._partial.open("ab" if start else "wb") as file:
            self._note.write_bytes(msgspec.json.encode(_Note(self._url, strong)))
            have = start
            self._progress(have, total)
            for block in response.iter_raw():  # as it comes: what is gathered first is lost when the connection breaks
                have += len(block)
                limit = total if total is not None else self._size
                if limit is not None and have > limit:
                    self._forget()
                    raise CorpusError(f"{self._url} sends more than {limit:,} bytes; it was not kept")
                file.write(block)
                self._progress(have, total)

    def _require_size(self, found: int | None) -> None:
        if self._size is not None and found is not None and found != self._size:
            raise CorpusError(
                f"{self._url} has {found:,} bytes; expected {self._size:,}: the release has changed, or this is not it"
            )

    def _forget(self) -> None:
        self._partial.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def _finish(self) -> None:
        self._partial.replace(self._target)
        self._note.unlink(missing_ok=True)


def _raise_for_status(response: httpx.Response, url: str) -> None:
    code = response.status_code
    if code in (408, 425, 429) or code >= 500:
        after = response.headers.get("Retry-After", "")
        raise _TryAgain(f"the server answers {code}", float(after) if after.isdecimal() else None)
    if code not in (200, 206):
        raise DeliveryError(f"{url} cannot be fetched: the server answers {code} {response.reason_phrase}".rstrip())
