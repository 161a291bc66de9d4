"""The split of CREMA-D that TensorFlow Datasets publishes: 70 % of the 91 actors train, 10 % validate, 20 % test.

It is drawn by shuffling the actors' numbers, in order, with numpy's ``RandomState(0)``, whose stream never changes.
Four clips that it takes to be absent from the release are left out. So it has 5,144, 738 and 1,556 clips.

Source: TensorFlow Datasets, ``crema_d`` 1.0.0.
"""

import numpy as np

from exclaim.corpora.manifest import Exclusion, Manifest
from exclaim.errors import CorpusError

__all__ = ["split_as_published"]

_ACTORS = tuple(str(number) for number in range(1001, 1092))
_CLIPS = 7_438
_SHARES = {"train": 0.7, "validation": 0.1, "test": 0.2}
_LEFT_OUT = frozenset({"1040_ITH_SAD_XX", "1040_ITH_SAD_X", "1006_TIE_NEU_XX", "1013_WSI_DIS_XX", "1017_IWW_FEA_XX"})


def split_as_published(manifest: Manifest) -> dict[str, Manifest]:
    """Split the whole of CREMA-D as TensorFlow Datasets does.

    Args:
        manifest: of CREMA-D, as sound or as log-mel pictures.

    Returns:
        Train, validation and test; what the published split leaves out stands among their exclusions.

    Raises:
        CorpusError: when it is not the whole corpus: then nothing may bear the name of that split.
    """
    kept = manifest.select(lambda clip: clip.path.stem not in _LEFT_OUT)
    actors = {clip.speaker for clip in kept}
    if actors != set(_ACTORS) or len(kept) < _CLIPS:
        raise CorpusError(
            f"the split of TensorFlow Datasets is of CREMA-D's {len(_ACTORS)} actors and {_CLIPS:,} clips; here are "
            f"{len(actors)} actors and {len(kept):,} clips of {manifest.corpus}. For a split of the same kind over "
            "those who are here say `split: {by: speaker, validation: 0.1, test: 0.2}`; its scores do not compare with "
            "published ones"
        )
    part_of = _draw()
    absent = tuple(
        Exclusion(path=clip.path, reason="left out of the published split")
        for clip in manifest
        if clip.path.stem in _LEFT_OUT
    )
    return {
        part: Manifest(
            corpus=manifest.corpus,
            clips=tuple(clip for clip in kept if part_of[str(clip.speaker)] == part),
            excluded=(*manifest.excluded, *absent),
            notes=manifest.notes,
        )
        for part in _SHARES
    }


def _draw() -> dict[str, str]:
    """Return each actor's part."""
    shuffled = list(_ACTORS)
    np.random.RandomState(0).shuffle(shuffled)
    part_of, begin, share = {}, 0, 0.0
    for part in _SHARES:
        share += _SHARES[part]
        end = len(shuffled) if part == "test" else int(share * len(shuffled))
        part_of |= dict.fromkeys(shuffled[begin:end], part)
        begin = end
    return part_of
