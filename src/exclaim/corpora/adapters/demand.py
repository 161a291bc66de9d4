"""DEMAND, five minutes of noise in each of 18 environments, by 16 microphones: ``DKITCHEN/ch01.wav`` to ``ch16.wav``.

An archive for each environment and rate (16 and 48 kHz; SCAFE at 48 kHz only) unpacks into a folder of the
environment's name, whatever the rate; so the two rates lie in folders of their own (``16k/``, ``48k/``), or the rate
is part of the name (``DKITCHEN_48k``).

A clip is one channel. All channels and both rates of an environment are one recording, so no split parts them.
"""

import re
from collections import defaultdict
from collections.abc import Collection
from pathlib import Path

from exclaim.corpora.audio_files import find_audio
from exclaim.corpora.clip import Clip
from exclaim.corpora.info import Adapter, CorpusInfo
from exclaim.corpora.manifest import Exclusion, Manifest

__all__ = ["ADAPTER", "ENVIRONMENTS", "read_demand"]

ENVIRONMENTS = {  # name of the folder to what is heard there; the first letter is the category's
    "DKITCHEN": "kitchen",
    "DLIVING": "living room",
    "DWASHING": "washroom",
    "NFIELD": "field",
    "NPARK": "park",
    "NRIVER": "river",
    "OHALLWAY": "hallway",
    "OMEETING": "meeting",
    "OOFFICE": "office",
    "PCAFETER": "cafeteria",
    "PRESTO": "restaurant",
    "PSTATION": "station",
    "SCAFE": "cafe",
    "SPSQUARE": "square",
    "STRAFFIC": "traffic",
    "TBUS": "bus",
    "TCAR": "car",
    "TMETRO": "metro",
}
_CATEGORIES = {
    "D": "domestic",
    "N": "nature",
    "O": "office",
    "P": "public",
    "S": "street",
    "T": "transportation",
}

_INFO = CorpusInfo(
    name="demand",
    title="DEMAND, noise of 18 environments by 16 microphones",
    licence="CC-BY-SA-3.0",
    may_ship=False,
    folders=("demand", "DEMAND"),
    home="https://zenodo.org/records/1227121",
    citation="J. Thiemann, N. Ito and E. Vincent, The Diverse Environments Multi-channel Acoustic Noise Database, 2013",
    clips=len(ENVIRONMENTS),
    counts_from="the release's archives: 18 environments, of which one channel each is a clip; it names no speakers",
)
_FOLDER = re.compile(rf"({'|'.join(ENVIRONMENTS)})(?:[-_]?(16|48)k(?:hz)?)?", re.IGNORECASE)
_RATE = re.compile(r"(?:.*[-_])?(16|48)k(?:hz)?", re.IGNORECASE)
_CHANNEL = re.compile(r"ch(\d\d?)", re.IGNORECASE)


def read_demand(folder: Path, channels: Collection[int] = (1,)) -> Manifest:
    """Read DEMAND as released.

    Args:
        folder: the corpus's, or one environment's.
        channels: microphones, 1 to 16, each of which is a clip. An environment that lies there with none of these
            gives the first that it has, so that who kept another channel need not say so.

    Returns:
        A manifest by environment and channel; where both rates are there, the 16 kHz files.
    """
    found: dict[str, dict[tuple[str, Path], dict[int, Path]]] = defaultdict(lambda: defaultdict(dict))
    excluded = []
    for path in find_audio(folder, depth=4):
        environment, channel = _FOLDER.fullmatch(path.parent.name), _CHANNEL.fullmatch(path.stem)
        if environment is None or channel is None or not 1 <= int(channel[1]) <= 16:
            excluded.append(Exclusion(path=path, reason="not ch01 to ch16 in a folder named after an environment"))
        else:
            rate = environment[2] or _rate_above(path, folder)
            files = found[environment[1].upper()][rate, path.parent]
            if int(channel[1]) in files:
                excluded.append(Exclusion(path=path, reason="second copy of a channel in another format"))
            else:
                files[int(channel[1])] = path
    clips: list[Clip] = []
    beside = 0
    for name in sorted(found):
        folders = sorted(found[name].items())  # "16" comes before "48", and a folder that does not tell before both
        (rate, _), files = folders[0]
        chosen = [number for number in sorted(files) if number in channels] or sorted(files)[:1]
        clips += [_clip(files[number], name, number, rate) for number in chosen]
        beside += len(files) - len(chosen)
        excluded += [
            Exclusion(path=path, reason="the same recording at another rate or in another folder")
            for _, others in folders[1:]
            for path in others.values()
        ]
    notes = (f"{beside} further channels of these environments lie there and are not read",) if beside else ()
    return Manifest(corpus=_INFO.name, clips=tuple(clips), excluded=tuple(excluded), notes=notes)


def _rate_above(path: Path, folder: Path) -> str:
    """Return "16", "48", or nothing where no folder above the environment's says the rate."""
    above = (folder.name, *path.relative_to(folder).parts[:-2])
    return next((match[1] for name in reversed(above) if (match := _RATE.fullmatch(name))), "")


def _clip(path: Path, environment: str, channel: int, rate: str) -> Clip:
    return Clip(
        path=path,
        corpus=_INFO.name,
        label=ENVIRONMENTS[environment],
        licence=_INFO.licence,
        recording=environment,
        extra={
            "environment": environment,
            "category": _CATEGORIES[environment[0]],
            "channel": f"{channel:02}",
            **({"rate": f"{rate} kHz"} if rate else {}),
        },
    )


ADAPTER = Adapter(_INFO, read_demand)
