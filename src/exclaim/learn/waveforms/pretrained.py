"""A pretrained encoder of speech as it is published: where its files are, what they are, and its weights.

Safetensors only: a pickle can run any code. A folder is known by the SHA-256 of its files, a name on the hub by the
commit that a recipe pins.
"""

import hashlib
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import msgspec
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from exclaim.errors import ModelError, RecipeError
from exclaim.features import SAMPLE_RATE
from exclaim.learn.embeddings.models_root import ENVIRONMENT_VARIABLE, models_root

__all__ = [
    "Pretrained",
    "describe",
    "find_checkpoint",
    "load_pretrained_weights",
    "transformers_version",
    "weight_files",
]

Kind = Literal["wav2vec2", "hubert", "wavlm"]
_CONFIG, _SOUND, _WEIGHTS = "config.json", "preprocessor_config.json", "model.safetensors"
_INDEX = f"{_WEIGHTS}.index.json"  # of weights in several files
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".h5", ".msgpack")
_WEIGHT_NORMS = (  # a weight's length and direction, as older and newer releases of torch call them
    ("weight_g", "parametrizations.weight.original0"),
    ("weight_v", "parametrizations.weight.original1"),
    ("parametrizations.weight.original0", "weight_g"),
    ("parametrizations.weight.original1", "weight_v"),
)
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_PATTERNS = [_CONFIG, _SOUND, _INDEX, "*.safetensors"]
_GUIDE = "see docs/how-to/use-a-pretrained-teacher.md"


class Pretrained(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a checkpoint is, weights aside: enough to build its network again."""

    kind: Kind
    config: dict[str, Any]  # as published
    normalise: bool  # clips are brought to mean 0 and deviation 1 first
    sha256: str  # of the configuration and the weights


class _Sound(msgspec.Struct, frozen=True):
    do_normalize: bool = True  # as transformers has it where the file says nothing
    sampling_rate: int = SAMPLE_RATE


def transformers_version() -> str:
    """Return the release of transformers that is installed.

    Raises:
        ModelError: when none is.
    """
    try:
        return version("transformers")
    except PackageNotFoundError as error:
        raise ModelError(
            "encoders of speech need transformers, which is not installed; run `pip install 'exclaim[speech]'`"
        ) from error


def find_checkpoint(checkpoint: str, revision: str = "", models: Path | None = None) -> Path:
    """Return the folder that holds a checkpoint; one of the hub is fetched where its cache does not hold it.

    Args:
        checkpoint: a folder, absolute or in the folder of pretrained networks or here; with a revision OWNER/NAME.
        revision: the commit on the hub; empty: a folder, and nobody asks the network.
        models: folder of pretrained networks; None: where ``EXCLAIM_MODELS`` says.

    Raises:
        RecipeError: when a revision is given to what is no name of the hub.
        ModelError: when there is no such folder, or the hub does not give the files.
    """
    if revision:
        if not _HUB_NAME.fullmatch(checkpoint):
            raise RecipeError(f"checkpoint {checkpoint!r} has a revision; expected OWNER/NAME, or a folder without one")
        return _from_hub(checkpoint, revision)
    root = models_root(models)
    for folder in (root / checkpoint, Path(checkpoint)):
        if folder.is_dir():
            return folder
    raise ModelError(
        f"the pretrained checkpoint {checkpoint!r} is not there: put its {_CONFIG}, {_SOUND} and {_WEIGHTS} into "
        f"{root / checkpoint}, or name the folder that holds it in {ENVIRONMENT_VARIABLE}; a name on the hub needs "
        f"the commit to fetch as its revision ({_GUIDE})"
    )


def _from_hub(name: str, revision: str) -> Path:
    transformers_version()  # which comes with the hub's client
    from huggingface_hub import snapshot_download

    for local in (True, False):
        try:
            with _quiet("huggingface_hub"):  # it tells of each of five tries
                folder = snapshot_download(name, revision=revision, allow_patterns=_PATTERNS, local_files_only=local)
            if not local or (weight_files(Path(folder), name) and (Path(folder) / _CONFIG).is_file()):
                return Path(folder)
        except ModelError:
            continue  # a cache with half of it
        except Exception as error:  # the hub's client raises its own kinds and those of its transport
            if not local:
                raise ModelError(
                    f"{name} at revision {revision} cannot be fetched ({type(error).__name__}): where there is a "
                    f"network, fetch its {_CONFIG}, {_SOUND} and {_WEIGHTS}, put them into "
                    f"{models_root() / name.rpartition('/')[2]} and name that folder as the checkpoint, without a "
                    f"revision ({_GUIDE})"
                ) from error
    raise AssertionError("the second round returns or raises")


@contextmanager
def _quiet(library: str) -> Iterator[None]:
    logger = logging.getLogger(library)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def weight_files(folder: Path, name: str) -> tuple[Path, ...]:
    """Return a checkpoint's files of weights.

    Args:
        folder: that holds them.
        name: what the checkpoint is called in a message.

    Raises:
        ModelError: when they are pickles, or absent.
    """
    if (folder / _INDEX).is_file():
        try:
            parts = sorted(set(msgspec.json.decode((folder / _INDEX).read_bytes())["weight_map"].values()))
        except (msgspec.DecodeError, KeyError, TypeError, AttributeError) as error:
            raise ModelError(f"{folder / _INDEX} is no index of weights ({error!r}); fetch it again") from error
        # a file beside the index, whatever the index says
        files = tuple(folder / Path(str(part)).name for part in parts)
    else:
        files = (folder / _WEIGHTS,)
    if absent := [file.name for file in files if not file.is_file()]:
        pickles = sorted(path.name for path in folder.iterdir() if path.suffix in _PICKLES)
        if pickles:
            raise ModelError(
                f"{folder} holds {', '.join(pickles)} and no {absent[0]}: {name} is a pickle, which can run any code, "
                f"and only safetensors are read; fetch or convert it as {_GUIDE.removeprefix('see ')} says"
            )
        raise ModelError(f"{folder} has no {', '.join(absent)}; fetch {name} again ({_GUIDE})")
    return files


def describe(folder: Path) -> Pretrained:
    """Return what the checkpoint in a folder is.

    Raises:
        ModelError: when a file is absent or not understood, it is of another kind, or for another sample rate.
    """
    sound = folder / _SOUND
    try:
        content = (folder / _CONFIG).read_bytes()
        config = msgspec.json.decode(content, type=dict[str, Any])
        heard = msgspec.json.decode(sound.read_bytes(), type=_Sound) if sound.is_file() else _Sound()
    except (OSError, msgspec.MsgspecError) as error:
        raise ModelError(f"{folder} has no {_CONFIG} or {_SOUND} that can be read ({error}); fetch it again") from error
    if config.get("model_type") not in (kinds := Kind.__args__):
        raise ModelError(f"{folder} is a {config.get('model_type')!r}; expected one of {', '.join(kinds)}")
    if heard.sampling_rate != SAMPLE_RATE:
        raise ModelError(f"{folder} hears {heard.sampling_rate} Hz; expected a network for {SAMPLE_RATE} Hz")
    digest = hashlib.sha256(f"normalise {heard.do_normalize}".encode())
    digest.update(hashlib.sha256(content).digest())
    for path in weight_files(folder, folder.name):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return Pretrained(kind=config["model_type"], config=config, normalise=heard.do_normalize, sha256=digest.hexdigest())


def load_pretrained_weights(encoder: nn.Module, kind: Kind, folder: Path) -> None:
    """Read a checkpoint's weights into its encoder; what else it holds (a head for words, say) is left.

    Raises:
        ModelError: when a file cannot be read, or a weight of the encoder is absent or of another shape.
    """
    own = encoder.state_dict()
    found: dict[str, Tensor] = {}
    for path in weight_files(folder, folder.name):
        try:
            tensors = load_file(path)
        except Exception as error:  # safetensors raises its own kind
            raise ModelError(f"{path} holds no safetensors ({error}); fetch it again") from error
        found |= {_own_name(name, kind, own): tensor for name, tensor in tensors.items()}
    if wrong := sorted(name for name in own if name not in found or found[name].shape != own[name].shape):
        raise ModelError(
            f"{folder} does not hold the weights that its {_CONFIG} asks for: {len(wrong)} of {len(own)} are absent or "
            f"of another shape, such as {wrong[0]}; fetch it again"
        )
    encoder.load_state_dict({name: found[name].to(torch.float32) for name in own})


def _own_name(name: str, kind: str, own: dict[str, Tensor]) -> str:
    """Return what a published weight is called here: without its task's prefix, weight normalisation by either name."""
    name = name.removeprefix(f"{kind}.")
    if name in own:
        return name
    for old, new in (
        ("weight_g", "parametrizations.weight.original0"),
        ("weight_v", "parametrizations.weight.original1"),
    ):
        for one, other in ((old, new), (new, old)):
            if name.endswith(f".{one}"):
                return f"{name.removesuffix(one)}{other}"
    return name
