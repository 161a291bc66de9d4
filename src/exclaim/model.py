"""A model file: load, verify and run it; seal one with its card.

Loading trusts nothing: the file's size, kind, pin or signature, its own hash, its card, its front-end and its
graph are checked, in this order, and what is not known is refused. Nothing is unpickled, ever.
"""

import hashlib
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from exclaim import onnxfile
from exclaim.card import CARD_KEY, ZERO_SHA256, Card, Head, dump_card, parse_card
from exclaim.errors import ModelError
from exclaim.features import N_MELS, WINDOW_FRAMES
from exclaim.pins import check_trust, pin, pin_of, read_pins, sign, verify_signature, write_atomically

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

__all__ = [
    "EMBEDDING",
    "INPUT",
    "MAX_BYTES",
    "Model",
    "Prediction",
    "load_model",
    "pin",
    "pin_of",
    "predict_head",
    "read_card",
    "seal",
    "shipped_models",
    "sign",
    "verify_signature",
]

INPUT = "log_mel"  # (batch, 128, 188) float32 in [-1, 1]
EMBEDDING = "embedding"  # (batch, d) float32: the penultimate activations
MAX_BYTES = 256 * 2**20  # a larger file is refused before it is read


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """What one head says of n windows."""

    task: str
    labels: tuple[str, ...]  # c names, in the order of the columns
    logits: np.ndarray  # (n, c) float32
    probabilities: np.ndarray  # (n, c) float64, softmax(logits / temperature)
    label: list[
        str | None
    ]  # n; None where the head abstains, or the window is below the card's level floor ("nothing")
    abstained: np.ndarray  # (n,) bool: the highest probability is below the head's abstain_below
    embedding: np.ndarray  # (n, d) float32


def predict_head(
    head: Head, logits: np.ndarray, levels_db: np.ndarray | None = None, level_floor_db: float = -np.inf
) -> tuple[np.ndarray, list[str | None], np.ndarray]:
    """Turn a head's logits into probabilities and answers; pure.

    Args:
        head: temperature, thresholds, abstention.
        logits: (n, c).
        levels_db: (n,) maximum of each window in dB; None: no window is below the floor.
        level_floor_db: below it the answer is "nothing" (None), of every head.

    Returns:
        probabilities (n, c) float64, labels (n) and abstained (n,) bool. A detection's label is its second
        one where its probability reaches ``thresholds.on``, else its first; another head's is the most
        probable, or None where it abstains.
    """
    scaled = logits.astype(np.float64) / head.temperature
    exponentials = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
    if head.thresholds is not None:
        answers = (probabilities[:, 1] >= head.thresholds.on).astype(int)
        abstained = np.zeros(len(logits), bool)
    else:
        answers = probabilities.argmax(axis=1)
        abstained = probabilities.max(axis=1) < head.abstain_below
    silent = np.zeros(len(logits), bool) if levels_db is None else levels_db < level_floor_db
    labels = [None if hush else head.labels[answer] for answer, hush in zip(answers, abstained | silent, strict=True)]
    return probabilities, labels, abstained & ~silent


class Model:
    """A verified model file, ready to run. Its runs may be called from several threads."""

    def __init__(self, path: Path, card: Card, sha256: str, session: "InferenceSession") -> None:
        """Keep what :func:`load_model` verified; use that to make one."""
        self.path = path
        self.card = card
        self.sha256 = sha256  # of the whole file, as pins have it
        self._session = session
        self._outputs = [head.output for head in card.heads] + [EMBEDDING]

    def logits(self, windows: np.ndarray) -> dict[str, np.ndarray]:
        """Run the network.

        Args:
            windows: (n, 128, 188) float32 in [-1, 1].

        Returns:
            (n, c) float32 logits by output name, and (n, d) "embedding"; n may be 0.

        Raises:
            ModelError: when the windows have another shape or type, are not finite, or the network fails.
        """
        windows = np.asarray(windows)
        if windows.ndim != 3 or windows.shape[1:] != (N_MELS, WINDOW_FRAMES) or windows.dtype != np.float32:
            raise ModelError(
                f"windows have shape {windows.shape} and type {windows.dtype}; "
                f"expected (n, {N_MELS}, {WINDOW_FRAMES}) float32, as exclaim.windows and features.log_mel "
                "give them"
            )
        if not np.isfinite(windows).all():
            raise ModelError("windows hold NaN or infinity; expected values in [-1, 1]")
        if len(windows) == 0:  # shapes still hold: run one dark window and keep none of it
            dark = self.logits(np.full((1, N_MELS, WINDOW_FRAMES), -1, np.float32))
            return {name: values[:0] for name, values in dark.items()}
        # One at a time: no slower on a core than a batch (measured), in half the memory, and a window's answer does not
        # depend, to the last bit, on what it is asked with, so that device, edge and `listen` hear the same.
        try:
            runs = [self._session.run(self._outputs, {INPUT: window[np.newaxis]}) for window in windows]
        except Exception as error:  # onnxruntime has no exception family of its own
            raise ModelError(f"{self.path}: its network failed: {error}") from error
        return {name: np.concatenate([run[i] for run in runs]) for i, name in enumerate(self._outputs)}

    def predict(self, windows: np.ndarray, levels_db: np.ndarray | None = None) -> dict[str, Prediction]:
        """Return what each head says, by task.

        Args:
            windows: (n, 128, 188) float32 in [-1, 1].
            levels_db: (n,) the windows' maxima in dB, compared with the card's level floor; None: not
                compared.

        Raises:
            ModelError: when the arguments have another shape or type or are not finite, or the network fails.
        """
        if levels_db is not None:
            levels_db = np.asarray(levels_db)
            if levels_db.shape != (len(windows),) or not np.isfinite(levels_db).all():
                raise ModelError(
                    f"levels_db has shape {levels_db.shape}; expected one finite level in dB for each window"
                )
        outputs = self.logits(windows)
        predictions = {}
        for head in self.card.heads:
            logits = outputs[head.output]
            answers = predict_head(head, logits, levels_db, self.card.level_floor_db)
            predictions[head.task] = Prediction(
                task=head.task,
                labels=head.labels,
                logits=logits,
                probabilities=answers[0],
                label=answers[1],
                abstained=answers[2],
                embedding=outputs[EMBEDDING],
            )
        return predictions


def shipped_models() -> dict[str, Path]:
    """Return the shipped model files by name (the file's name without ``.onnx``)."""
    assets = Path(str(files("exclaim").joinpath("assets")))
    return {Path(name).stem: assets / name for name in read_pins(assets)}


def load_model(
    model: str | Path, *, pin: str | None = None, trusted_keys: tuple[str, ...] = (), threads: int = 1
) -> Model:
    """Load and verify a model file.

    Args:
        model: a file, or the name of a shipped model or of a task that one has: "scream-detection",
            "scream-type".
        pin: the SHA-256 that the file must have; None: the ``models.json`` beside it, else its signature
            ``FILE.sig``.
        trusted_keys: Ed25519 public keys in hexadecimal whose signatures count.
        threads: of the runtime within one run.

    Raises:
        ModelError: when it is absent, too large, no ONNX file, vouched for by nothing, damaged, of another
            front-end, or not understood; the message names the file, what was found, what was expected and
            what to do.
    """
    path = _resolve(model)
    data = _read_bounded(path)
    try:
        card = _card_in(data)
        sha256 = check_trust(path, data, pin, trusted_keys)
        _check_own_hash(data, card)
        session = _session(data, threads)
        _check_graph(session, card)
    except ModelError as error:
        raise error if str(error).startswith(str(path)) else ModelError(f"{path}: {error}") from error
    return Model(path, card, sha256, session)


def read_card(model: str | Path) -> Card:
    """Read a file's card and check for damage, but neither trust nor run the file: to look before one pins.

    Raises:
        ModelError: as :func:`load_model`.
    """
    path = _resolve(model)
    data = _read_bounded(path)
    try:
        card = _card_in(data)
        _check_own_hash(data, card)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    return card


def seal(path: Path, card: Card) -> Card:
    """Write a card into an ``.onnx`` file, in place of an older one, with the hash of the file.

    Args:
        path: an ONNX file; it is replaced whole or not at all.
        card: its ``sha256`` is set here.

    Returns:
        The card as written.

    Raises:
        ModelError: when the file is no ONNX file, or cannot be read or written, or the card does not hold
            together.
    """
    path = Path(path)
    data = _read_bounded(path)
    try:
        blank = msgspec.structs.replace(card, sha256=ZERO_SHA256)
        parse_card(dump_card(blank))
        digest = hashlib.sha256(onnxfile.with_metadata(data, CARD_KEY, dump_card(blank))).hexdigest()
        sealed = msgspec.structs.replace(card, sha256=digest)
        write_atomically(path, onnxfile.with_metadata(data, CARD_KEY, dump_card(sealed)))
    except ModelError as error:
        raise error if str(error).startswith(str(path)) else ModelError(f"{path}: {error}") from error
    return sealed


def _resolve(model: str | Path) -> Path:
    """Return the path of a model file, or of the shipped model of that name or task."""
    path = Path(model)
    if path.exists() or path.parent != Path(".") or path.suffix:
        return path
    shipped = shipped_models()
    matches = (
        [shipped[str(model)]] if str(model) in shipped else [p for name, p in shipped.items() if str(model) in name]
    )
    if len(matches) != 1:
        raise ModelError(
            f"{model}: no such file, and {len(matches) or 'no'} shipped models have that name; expected a "
            "model file or one "
            f"of: {', '.join(sorted(shipped)) or '(this installation ships none)'}"
        )
    return matches[0]


def _read_bounded(path: Path) -> bytes:
    if path.is_dir():
        raise ModelError(f"{path}: is a folder; expected a model file (.onnx)")
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ModelError(f"{path}: has {size} bytes, more than the {MAX_BYTES} that a model file may have")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ModelError(f"{path}: no such file; expected a model file (.onnx)") from error
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error


def _card_in(data: bytes) -> Card:
    """Return the card in a file's bytes, after saying plainly what else the file may be."""
    if not data:
        raise ModelError("is empty; expected a model file (.onnx)")
    if data[:1] == b"\x80" or data[:4] == b"PK\x03\x04":
        raise ModelError(
            "is a pickle or an archive, as .pt and .pkl files are; exclaim opens none since they can run "
            "code; "
            "expected an .onnx file that `exclaim train` wrote"
        )
    try:
        text = onnxfile.metadata(data).get(CARD_KEY)
    except ModelError as error:
        kind = "a text file" if _is_text(data) else "damaged, or no ONNX file"
        raise ModelError(f"is {kind}; expected an .onnx file that `exclaim train` wrote ({error})") from error
    if text is None:
        raise ModelError("is an ONNX file without a card of exclaim's; expected one that `exclaim train` wrote")
    return parse_card(text)


def _is_text(data: bytes) -> bool:
    head = data[:4096]
    return all(byte >= 0x20 or byte in b"\t\n\r\f" for byte in head)


def _check_own_hash(data: bytes, card: Card) -> None:
    mark = f'"sha256":"{card.sha256}"}}'.encode()
    at = data.rfind(mark)
    digits = at + len(b'"sha256":"')
    whole = hashlib.sha256(memoryview(data)[:digits])
    whole.update(ZERO_SHA256.encode())
    whole.update(memoryview(data)[digits + len(ZERO_SHA256) :])
    found = whole.hexdigest()
    if at < 0 or found != card.sha256:
        raise ModelError(
            f"is damaged: its SHA-256 without that field is {found}, its card says {card.sha256}; fetch it again"
        )


def _session(data: bytes, threads: int) -> "InferenceSession":
    import onnxruntime  # here, so that importing exclaim stays cheap

    if any(weight.external for weight in onnxfile.weights(data)):
        raise ModelError("keeps weights in another file, which nothing vouches for; expected all of them inside")
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # errors come as exceptions
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # a device has other things to do
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has no exception family of its own
        raise ModelError(f"its graph is not understood by onnxruntime {onnxruntime.__version__}: {error}") from error


def _check_graph(session: "InferenceSession", card: Card) -> None:
    inputs = [(value.name, value.type, list(value.shape[1:])) for value in session.get_inputs()]
    if inputs != [(INPUT, "tensor(float)", [N_MELS, WINDOW_FRAMES])]:
        raise ModelError(
            f"its inputs are {inputs}; expected one, {INPUT!r}, of shape (batch, {N_MELS}, {WINDOW_FRAMES}) float32"
        )
    outputs = {value.name: value for value in session.get_outputs()}
    for head in card.heads:
        found = outputs.get(head.output)
        if (
            found is None
            or len(found.shape) != 2
            or found.shape[1] != len(head.labels)
            or found.type != "tensor(float)"
        ):
            described = (
                f"shape {found.shape} {found.type}" if found is not None else f"not there (it has {list(outputs)})"
            )
            raise ModelError(
                f"output {head.output!r} of head {head.task} is {described}; "
                f"expected (batch, {len(head.labels)}) float32 for labels {', '.join(head.labels)}"
            )
    embedding = outputs.get(EMBEDDING)
    if embedding is None or len(embedding.shape) != 2:
        raise ModelError(f"its outputs are {list(outputs)}; expected {EMBEDDING!r} of shape (batch, d) among them")
