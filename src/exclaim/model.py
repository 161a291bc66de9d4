"""A model: load, verify and run it.

Loading trusts nothing: the file's size and kind, its card and front-end, its pin or signature and its own hash are
checked before the runtime sees it, then the graph; what is not known is refused. Nothing is unpickled, ever.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from exclaim import onnxfile
from exclaim.card import Card, Head
from exclaim.errors import ModelError
from exclaim.features import N_MELS, WINDOW_FRAMES
from exclaim.model_file import card_in, check_own_hash, read_bounded, read_card, resolve_model, seal, shipped_models
from exclaim.pins import check_trust, pin, pin_of, sign, verify_signature

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

__all__ = [
    "EMBEDDING",
    "INPUT",
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


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """What one head says of n windows."""

    task: str
    labels: tuple[str, ...]  # c names, in the order of the columns
    logits: np.ndarray  # (n, c) float32
    probabilities: np.ndarray  # (n, c) float64, softmax(logits / temperature)
    label: list[str | None]  # n; None where the head abstains or the window is below the level floor ("nothing")
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
    path = resolve_model(model)
    data = read_bounded(path)
    try:
        card = card_in(data)
        sha256 = check_trust(path, data, pin, trusted_keys)
        check_own_hash(data, card)
        session = _session(data, threads)
        _check_graph(session, card)
    except ModelError as error:
        raise error if str(error).startswith(str(path)) else ModelError(f"{path}: {error}") from error
    return Model(path, card, sha256, session)


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
