"""Where each corpus's official release is: archives with their sizes and checksums, or a repository.

MD5 is what the places themselves publish. Where it is None it is not known here: the SHA-256 of the first file that
was got is kept then, and every later one is compared with it. Sizes are in bytes.
"""

import msgspec

from exclaim.corpora.registry import corpus_info
from exclaim.errors import CorpusError

__all__ = ["BY_HAND", "SOURCES", "Archive", "Repository", "Source", "choose_archives", "find_source"]


class Archive(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a release."""

    name: str  # as released; its ending says how it is packed
    url: str
    part: str  # what it is called on the command line
    into: str = ""  # folder below the corpus's that it is unpacked into
    size: int | None = None
    md5: str | None = None  # hexadecimal
    shared: str = ""  # pattern of files that several archives hold; the first that comes stays


class Repository(msgspec.Struct, frozen=True, kw_only=True):
    """A release that is a git repository."""

    url: str
    wanted: str  # pattern of the paths that are got
    commit: str | None = None  # full id, which proves every file; None: the newest, whose id is kept
    large_files: tuple[str, ...] = ()  # Git-LFS servers, tried in this order


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where one corpus is from, and on which terms."""

    corpus: str
    terms: str  # URL of the licence's text
    archives: tuple[Archive, ...] = ()
    repository: Repository | None = None
    usual: tuple[str, ...] = ()  # parts that are got when none is named; empty: all
    advice: str = ""  # what a person has to know or to do

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts' names, each once."""
        return tuple(dict.fromkeys(archive.part for archive in self.archives))


_LIBRISPEECH = {  # part: size, MD5
    "dev-clean": (337_926_286, "42e2234ba48799c1f50f24a7926300a1"),
    "dev-other": (314_305_928, "c8d0bcc9cca99d4f8b62fcc847357931"),
    "test-clean": (346_663_984, "32fa31d27d2e1cad72775fee3f4849a9"),
    "test-other": (328_757_843, "fb5a50374b501bb3bac4815ee91d3135"),
    "train-clean-100": (6_387_309_499, "2a93770f6d5c6c964bc36631d331a522"),
    "train-clean-360": (23_049_477_885, "c0e676e450a7ff2f54aeade5171606fa"),
    "train-other-500": (30_593_501_606, "d1a0fd59409feb2c614ce4d30c387708"),
}
_DEMAND_16K = {  # environment: size, MD5; SCAFE was not released at 16 kHz
    "DKITCHEN": (110_501_049, "7ffbf52d7f4699f96927846103dc8788"),
    "DLIVING": (80_170_627, "46741384d9e434a0bd8b3ec1830b6052"),
    "DWASHING": (102_343_250, "7e5ee9437ce9409c5f9a779b6212a240"),
    "NFIELD": (86_536_782, "a740046c6f4e174e16f5d568aaec5024"),
    "NPARK": (86_029_332, "80f1385a34d7f1705758926b57f138ce"),
    "NRIVER": (98_689_565, "54264db61d3fe073fb81f2e40e0d19b5"),
    "OHALLWAY": (77_941_854, "fe918bbb0e63e73d09ba7f4843ef33f1"),
    "OMEETING": (82_703_355, "62f7cfe7fe6d30b7d8a215fe37c2dfd2"),
    "OOFFICE": (88_995_191, "7b61cc2d182d5a654cb9c3101ddd4041"),
    "PCAFETER": (107_431_494, "99927d148128254141a9417d051510bb"),
    "PRESTO": (111_292_815, "b98d2e6854eeebb397f29a8ad7457092"),
    "PSTATION": (119_441_094, "d7448009f6c2aeb6ba570375df1750a3"),
    "SPSQUARE": (110_928_528, "205d0e7b8fe74504a2f8d252fc414b9e"),
    "STRAFFIC": (118_572_691, "2efa87262f272bbf9ba578088e81939c"),
    "TBUS": (128_916_709, "706b11b0d8504f9f3b3f3211e91b3863"),
    "TCAR": (130_045_975, "4d930012796bd298932245a26189f973"),
    "TMETRO": (126_589_090, "95daf4df678e13b120e14211e6d89571"),
}
_DEMAND_48K: dict[str, tuple[int, str]] = {  # of the others neither is known
    "DKITCHEN": (336_992_458, "b4d38241fbd50d8a17f8742ca6870c10"),
    "DWASHING": (306_101_499, "ecf765f12b8d3ada7ef0ec664b8f8d73"),
    "OHALLWAY": (252_905_617, "cb9227a75d2c1342de0b6548da4bbb1b"),
    "OOFFICE": (277_643_831, "6f87edf8a6b03f17b3f693af1754aab4"),
    "TCAR": (373_520_251, "8550f03e8356d8054ae845e8b4b6c773"),
    "TMETRO": (367_513_573, "00d895020233f94348aafce7140d671f"),
}


def _zenodo(record: int, name: str) -> str:
    return f"https://zenodo.org/records/{record}/files/{name}?download=1"


def _demand(environment: str, rate: int) -> Archive:
    name = f"{environment}_{rate}k.zip"
    size, md5 = (_DEMAND_16K if rate == 16 else _DEMAND_48K).get(environment, (None, None))
    # both rates unpack into a folder of the environment's name, so each rate has one of its own
    part = "48k" if rate == 48 and environment in _DEMAND_16K else "16k"
    return Archive(name=name, url=_zenodo(1227121, name), part=part, into=f"{rate}k", size=size, md5=md5)


_ALL = (
    Source(
        corpus="asvp-esd",
        terms="https://creativecommons.org/licenses/by/4.0/",
        archives=(
            Archive(
                name="ASVP-ESD-Update.zip",
                url=_zenodo(7132783, "ASVP-ESD-Update.zip"),
                part="all",
            ),
        ),
        advice="its sounds are out of films and video channels, whose owners are not asked: publish none of them",
    ),
    Source(
        corpus="crema-d",
        terms="https://opendatacommons.org/licenses/odbl/1-0/",
        repository=Repository(
            url="https://github.com/CheyneyComputerScience/CREMA-D.git",
            wanted=r"AudioWAV/[^/]+\.wav|VideoDemographics\.csv|SentenceFilenames\.csv|LICENSE\.txt|README\.md"
            r"|processedResults/(tabulatedVotes|summaryTable)\.csv",
            large_files=(
                "https://github.com/CheyneyComputerScience/CREMA-D.git/info/lfs",
                "https://gitlab.com/cs-cooper-lab/crema-d-mirror.git/info/lfs",  # its author's own mirror
            ),
        ),
        advice="its sound lies with Git LFS, whose monthly allowance is at times used up: go on another day, or take "
        "AudioWAV from https://github.com/CheyneyComputerScience/CREMA-D/releases into the corpus's folder",
    ),
    Source(
        corpus="deeply",
        terms="https://creativecommons.org/licenses/by-nc-nd/4.0/",
        repository=Repository(
            url="https://github.com/deeplyinc/Nonverbal-Vocalization-Dataset.git",
            wanted=r"dataset/.+|README\.md|LICENSE.*",
        ),
        advice="this is the sample that is public; for the whole corpus ask Deeply, at the address on its page",
    ),
    Source(
        corpus="demand",
        terms="https://creativecommons.org/licenses/by-sa/3.0/",
        archives=(
            *(_demand(environment, 16) for environment in _DEMAND_16K),
            _demand("SCAFE", 48),
            *(_demand(environment, 48) for environment in _DEMAND_16K),
        ),
        usual=("16k",),
        advice="the part 16k has the café at 48 kHz, the only rate at which it was released",
    ),
    Source(
        corpus="emodb",
        terms="http://emodb.bilderbar.info/docu/",
        archives=(Archive(name="emodb.zip", url="https://zenodo.org/record/7447302/files/emodb.zip", part="all"),),
        advice="its page names no licence and asks to be cited: use it for research, and publish none of its sound",
    ),
    Source(
        corpus="emogator",
        terms="https://www.apache.org/licenses/LICENSE-2.0",
        repository=Repository(
            url="https://github.com/fredbuhl/EmoGator.git",
            wanted=r"data/mp3/.+|README\.md|LICENSE.*",
            commit="0339361a15afd32be41e986cd9380aa1bcac4468",
        ),
    ),
    Source(
        corpus="esc-10",
        terms="https://creativecommons.org/licenses/by/3.0/",
        repository=Repository(
            url="https://github.com/karolpiczak/ESC-50.git",
            # ESC-10's own repository was merged into this one; its ten classes have these numbers
            wanted=r"audio/\d-\d+-[A-Z]-(0|1|10|11|12|20|21|38|40|41)\.wav|meta/esc50\.csv|README\.md|LICENSE",
        ),
        advice="only the clips of ESC-10 are got: the other clips of ESC-50 are CC BY-NC",
    ),
    Source(
        corpus="librispeech",
        terms="https://creativecommons.org/licenses/by/4.0/",
        archives=tuple(
            Archive(
                name=f"{part}.tar.gz",
                url=f"https://www.openslr.org/resources/12/{part}.tar.gz",
                part=part,
                size=size,
                md5=md5,
                shared=r"LibriSpeech/[A-Z]+\.TXT",
            )
            for part, (size, md5) in _LIBRISPEECH.items()
        ),
        usual=("dev-clean",),
    ),
    Source(
        corpus="ravdess",
        terms="https://creativecommons.org/licenses/by-nc-sa/4.0/",
        archives=(
            Archive(
                name="Audio_Speech_Actors_01-24.zip",
                url=_zenodo(1188976, "Audio_Speech_Actors_01-24.zip"),
                part="speech",
                into="Audio_Speech_Actors_01-24",
                size=208_468_073,
                md5="bc696df654c87fed845eb13823edef8a",
            ),
            Archive(
                name="Audio_Song_Actors_01-24.zip",
                url=_zenodo(1188976, "Audio_Song_Actors_01-24.zip"),
                part="song",
                into="Audio_Song_Actors_01-24",
                size=225_505_317,
                md5="5411230427d67a21e18aa4d466e6d1b9",
            ),
        ),
    ),
    Source(
        corpus="vivae",
        terms="https://creativecommons.org/licenses/by-nc/4.0/",
        archives=(Archive(name="VIVAE.zip", url=_zenodo(4066235, "VIVAE.zip"), part="all"),),
    ),
)
SOURCES: dict[str, Source] = {source.corpus: source for source in _ALL}
BY_HAND = {  # corpora that a person has to ask for or to click for, and what to do then
    "savee": "register at http://personal.ee.surrey.ac.uk/Personal/P.Jackson/SAVEE/Register.html, which is free for "
    "research; unpack AudioData.zip, which you are sent to then, into savee/ of the folder of the corpora",
    "tess": "accept its terms (CC BY-NC-ND 4.0) at https://doi.org/10.5683/SP2/E8H2MF, choose all of its files there "
    "and download them; unpack them into tess/ of the folder of the corpora",
}


def find_source(name: str) -> Source:
    """Return where a corpus's official release is.

    Raises:
        CorpusError: when no corpus has that name, it has no single official place, or a person has to ask for it.
    """
    info = corpus_info(name)
    if name in BY_HAND:
        raise CorpusError(f"{name} needs a person: {BY_HAND[name]}; then say exclaim corpora check {name}")
    if name not in SOURCES:
        raise CorpusError(f"{name} cannot be got ({info.home}); those that can are {', '.join(SOURCES)}")
    return SOURCES[name]


def choose_archives(source: Source, parts: tuple[str, ...] = ()) -> tuple[Archive, ...]:
    """Return the archives of the parts that were named, or of the usual ones.

    Raises:
        CorpusError: when the release has no such part.
    """
    for part in parts:
        if part not in source.parts:
            have = f"its parts are {', '.join(source.parts)}" if source.archives else "it has no parts"
            raise CorpusError(f"{source.corpus} has no part {part!r}: {have}")
    chosen = parts or source.usual or source.parts
    return tuple(archive for archive in source.archives if archive.part in chosen)
