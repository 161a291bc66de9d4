"""Archives are unpacked whole, go on where they stopped, and reach nothing outside their folder."""

import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exclaim.corpora.unpack import BadArchiveError, Unpacked, safe_path, unpack
from exclaim.errors import CorpusError, StoreError

FILES = {"VIVAE/full_set/S01_anger_peak_03.wav": b"RIFF" * 100, "VIVAE/README.md": b"read me"}
Pack = Callable[..., Path]


def pack_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return path


def pack_tar(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


@pytest.fixture(params=["zip", "tar.gz"])
def pack(request, tmp_path: Path) -> Pack:
    """Pack files, by default :data:`FILES`, as each kind of archive in turn."""

    def write(files: dict[str, bytes] = FILES) -> Path:
        writer = pack_zip if request.param == "zip" else pack_tar
        return writer(tmp_path / f"release.{request.param}", files)

    return write


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_archive_is_unpacked_whole(pack: Pack, tmp_path: Path) -> None:
    told = []
    archive = pack()
    found = unpack(archive, tmp_path / "out", progress=lambda done, total: told.append((done, total)))
    assert contents(tmp_path / "out") == FILES
    assert found == tuple(Unpacked(name, len(content)) for name, content in FILES.items())
    assert told == [(400, 407), (407, 407)]


def test_folders_and_a_dot_before_names_are_nothing_special(tmp_path: Path) -> None:
    archive = tmp_path / "a.tar"
    with tarfile.open(archive, "w") as packed:
        for name in (".", "./Audio", "./Audio/a.wav"):
            member = tarfile.TarInfo(name)
            member.type = tarfile.REGTYPE if name.endswith(".wav") else tarfile.DIRTYPE
            packed.addfile(member, io.BytesIO())
    pack_zip(tmp_path / "b.zip", {"Audio/": b"", "Audio/b.wav": b"x"})
    assert unpack(archive, tmp_path / "out") == (Unpacked("Audio/a.wav", 0),)
    assert unpack(tmp_path / "b.zip", tmp_path / "out") == (Unpacked("Audio/b.wav", 1),)


def test_what_is_there_already_stays_and_the_rest_is_added(pack: Pack, tmp_path: Path) -> None:
    archive = pack()
    unpack(archive, tmp_path / "out")
    first = tmp_path / "out/VIVAE/README.md"
    (tmp_path / "out/VIVAE/full_set/S01_anger_peak_03.wav").unlink()
    os.utime(first, (1, 1))
    needed = []
    assert len(unpack(archive, tmp_path / "out", room=needed.append)) == 2
    assert contents(tmp_path / "out") == FILES
    assert first.stat().st_mtime == 1
    assert needed == [400]


@pytest.mark.parametrize("other", [b"my own file", b"read ME"])
def test_a_file_that_is_another_is_never_overwritten(pack: Pack, tmp_path: Path, other: bytes) -> None:
    mine = tmp_path / "out/VIVAE/README.md"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(other)
    with pytest.raises(CorpusError, match=r"README\.md is there already and is not the file of release"):
        unpack(pack(), tmp_path / "out")
    assert mine.read_bytes() == other


def test_a_file_that_several_archives_hold_stays_as_it_came_first(pack: Pack, tmp_path: Path) -> None:
    mine = tmp_path / "out/VIVAE/README.md"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"of another part")
    unpack(pack(), tmp_path / "out", shared=r"VIVAE/[A-Z]+\.md")
    assert mine.read_bytes() == b"of another part"


@pytest.mark.parametrize(
    "name",
    [
        *("../evil.wav", "a/../../evil.wav", "/etc/evil.wav", "..", "a//b.wav", "a/./b.wav", "C:/evil.wav"),
        *("a\\..\\evil.wav", "a\nb.wav", "x" * 300, "/".join("a" * 40)),
    ],
)
def test_a_name_that_leaves_the_folder_is_refused_before_anything_is_written(
    pack: Pack, tmp_path: Path, name: str
) -> None:
    archive = pack({**FILES, name: b"evil"})
    with pytest.raises(BadArchiveError, match="was refused: it would not stay in its folder"):
        unpack(archive, tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == {archive.name}


@given(st.text(max_size=40))
def test_any_name_stays_below_the_folder_or_is_refused(name: str) -> None:
    folder = Path("/data/corpus")
    try:
        path = safe_path(name)
    except BadArchiveError:
        return
    joined = Path(os.path.normpath(folder / path))
    assert joined.is_relative_to(folder)
    assert joined != folder


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_in_a_tar_are_refused(tmp_path: Path, kind: bytes) -> None:
    archive = tmp_path / "a.tar"
    with tarfile.open(archive, "w") as packed:
        packed.addfile(tarfile.TarInfo("good.wav"), io.BytesIO())
        member = tarfile.TarInfo("link")
        member.type, member.linkname = kind, "/etc/passwd"
        packed.addfile(member)
    with pytest.raises(BadArchiveError, match="'link' is a link or a device"):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_links_in_a_zip_are_refused(tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        packed.writestr(link, "/etc/passwd")
    with pytest.raises(BadArchiveError, match="'link' is a link or a device"):
        unpack(archive, tmp_path / "out")


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    archive = pack_zip(tmp_path / "a.zip", {"a.wav": b"x"})
    content = bytearray(archive.read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + flags] |= 1
    archive.write_bytes(content)
    with pytest.raises(BadArchiveError, match=r"'a\.wav' is encrypted"):
        unpack(archive, tmp_path / "out")


def test_a_link_that_lies_in_the_folder_is_not_followed_out_of_it(pack: Pack, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out/VIVAE").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CorpusError, match="leads out of"):
        unpack(pack(), tmp_path / "out")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_link_in_place_of_a_file_is_not_written_through(pack: Pack, tmp_path: Path) -> None:
    (tmp_path / "out/VIVAE").mkdir(parents=True)
    (tmp_path / "precious").write_bytes(FILES["VIVAE/README.md"])
    (tmp_path / "out/VIVAE/README.md").symlink_to(tmp_path / "precious")
    with pytest.raises(CorpusError, match="is there already"):
        unpack(pack(), tmp_path / "out")


@pytest.mark.parametrize("twin", ["VIVAE/README.md", "VIVAE/readme.MD"])
def test_one_name_twice_is_refused(tmp_path: Path, twin: str) -> None:
    archive = tmp_path / "a.tar"
    with tarfile.open(archive, "w") as packed:
        for name in ("VIVAE/README.md", twin):
            packed.addfile(tarfile.TarInfo(name), io.BytesIO())
    with pytest.raises(BadArchiveError, match=f"it holds '{twin}' twice"):
        unpack(archive, tmp_path / "out")


def test_an_archive_that_swells_is_refused(pack: Pack, tmp_path: Path) -> None:
    archive = pack({f"{number}.wav": bytes(2**24) for number in range(5)})  # 80 MiB out of some 80 kB
    with pytest.raises(BadArchiveError, match=r"it would grow to 5 files, 83,886,080 bytes"):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_damaged_archive_is_told_and_leaves_no_half_file(pack: Pack, tmp_path: Path) -> None:
    archive = pack({"a.wav": os.urandom(50_000)})
    content = bytearray(archive.read_bytes())
    content[25_000] ^= 0xFF
    archive.write_bytes(content)
    with pytest.raises(BadArchiveError, match="is damaged or of a kind that is not read"):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists() or contents(tmp_path / "out") == {}
    archive.write_bytes(content[:20_000])
    with pytest.raises(BadArchiveError, match="is damaged or of a kind that is not read"):
        unpack(archive, tmp_path / "out")
    archive.write_bytes(b"<html>not found</html>")
    with pytest.raises(BadArchiveError, match="is damaged or of a kind that is not read"):
        unpack(archive, tmp_path / "out")


def test_a_zip_that_lies_about_a_size_is_told(tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("a.wav", b"x" * 1000)
    content = archive.read_bytes()
    at = content.index(b"PK\x01\x02") + 24  # the size in the list at the archive's end
    archive.write_bytes(content[:at] + (2000).to_bytes(4, "little") + content[at + 4 :])
    with pytest.raises(BadArchiveError, match="is damaged"):
        unpack(archive, tmp_path / "out")
    assert contents(tmp_path / "out") == {}


def test_a_disk_without_room_is_told_before_anything_is_written(pack: Pack, tmp_path: Path) -> None:
    def full(needed: int) -> None:
        raise StoreError(f"no room for {needed}")

    with pytest.raises(StoreError, match="no room for 407"):
        unpack(pack(), tmp_path / "out", room=full)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_made_is_a_sentence(pack: Pack, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CorpusError, match="cannot be unpacked into"):
        unpack(pack(), tmp_path / "file/out")
