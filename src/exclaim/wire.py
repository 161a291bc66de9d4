"""What travels between the layers, versioned. The layers meet only here.

Device to edge: :class:`Chunk` as MessagePack, answered by :class:`ChunkAck`. Device to edge and edge to cloud: episode
revisions as CloudEvents 1.0 in JSON (:class:`Event`), answered by :class:`EventsAck`. Liveness: :class:`Heartbeat`.
All times are UTC. Frame numbers count from 0 at the start of a stream, one every 16 ms.
"""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

__all__ = [
    "CHUNK_TYPE",
    "EPISODE_EVENT",
    "EVENTS_TYPE",
    "WIRE_VERSION",
    "Chunk",
    "ChunkAck",
    "Detection",
    "Episode",
    "Event",
    "EventsAck",
    "Gap",
    "Heartbeat",
    "ModelReference",
    "StreamInfo",
    "TypeEstimate",
]

WIRE_VERSION = 1
CHUNK_TYPE = "application/vnd.exclaim.chunk+msgpack"  # body of POST /v1/chunks: one Chunk
EVENTS_TYPE = "application/cloudevents-batch+json"  # body of POST /v1/events: a list of Event
EPISODE_EVENT = "org.exclaim.episode.v1"

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Identifier = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
FrameNumber = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Probability = Annotated[float, msgspec.Meta(ge=0, le=1)]


class _Message(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every message: frozen, by keyword, unknown fields refused."""


class StreamInfo(_Message, kw_only=True):
    """One run of capture."""

    stream: Identifier  # UUIDv7
    device: Name
    started: datetime  # UTC at frame 0
    clock: Literal["synchronised", "unsynchronised"] = "unsynchronised"
    origin: Literal["microphone", "file", "synthesised", "test"] = "microphone"


class Gap(_Message, kw_only=True):
    """Frames first to last (both included) that carry no bytes.

    ``gated`` frames are floor; ``dropped`` and ``overrun`` ones invalidate the windows that they touch.
    """

    first: FrameNumber
    last: FrameNumber
    reason: Literal["gated", "dropped", "overrun"]


class Chunk(_Message, kw_only=True):
    """Frames ``first`` to ``last`` (both included) of a stream; ``last = first - 1`` where only ``final`` is said.

    ``frames`` holds 128 bytes for each frame that no gap covers, in order (see features.encode), compressed by zlib
    where ``encoding`` says so. Gaps are sorted, disjoint and inside [first, last].
    """

    version: Literal[1] = WIRE_VERSION
    info: StreamInfo
    first: FrameNumber
    last: Annotated[int, msgspec.Meta(ge=-1, le=2**53)]
    gaps: tuple[Gap, ...] = ()
    encoding: Literal["raw", "zlib"] = "raw"
    frames: bytes = b""
    final: bool = False  # the stream ended after ``last``
    backlog: bool = False  # drained after an outage: live streams go before it


class ChunkAck(_Message, kw_only=True):
    """The edge's answer to a chunk, sent after its transaction is on disk.

    ``committed`` is the frame number that the last inferred window ends at (included; -1 before the first). The device
    deletes only frames below ``keep_from = max(0, committed - 187)`` and sends next from ``expected``.
    """

    version: Literal[1] = WIRE_VERSION
    stream: Identifier
    committed: int
    keep_from: int
    expected: int
    episodes: tuple["Episode", ...] = ()  # revisions that this chunk made


class ModelReference(_Message, kw_only=True):
    """The model that answered."""

    task: str
    version: str
    sha256: str


class Detection(_Message, kw_only=True):
    """What opened the episode: the detection head and its probability."""

    task: str  # "scream-detection"
    probability: Probability  # highest over the episode's windows
    threshold: Probability  # the head's threshold to open


class TypeEstimate(_Message, kw_only=True):
    """An attribute pooled over the episode's windows; ``label`` is None where the model abstains."""

    task: str  # "scream-type"
    label: str | None
    probabilities: dict[str, Probability]
    windows: Annotated[int, msgspec.Meta(ge=0)]


class Episode(_Message, kw_only=True):
    """One revision of one episode. Of two revisions the higher one wins; ids are stable over replays."""

    episode: Identifier  # hash(device, stream, task, onset frame)
    revision: Annotated[int, msgspec.Meta(ge=1)]
    state: Literal["open", "closed"]
    info: StreamInfo
    onset_frame: FrameNumber
    last_frame: FrameNumber  # last frame of the last window that belongs to it
    onset: datetime  # UTC
    detection: Detection
    type: TypeEstimate | None = None  # None where no type model is loaded
    level_db: float  # highest window maximum, dB re full-scale frame power as features has it
    models: tuple[ModelReference, ...] = ()


class Event(_Message, kw_only=True):
    """A CloudEvent 1.0 in structured JSON; ``id`` is ``{episode}.{revision}``, unique for its ``source``."""

    specversion: Literal["1.0"] = "1.0"
    id: Identifier
    source: Identifier  # "/devices/{device}"
    type: Literal["org.exclaim.episode.v1"] = EPISODE_EVENT
    time: datetime
    datacontenttype: Literal["application/json"] = "application/json"
    subject: str | None = None  # the stream
    data: Episode


class EventsAck(_Message, kw_only=True):
    """The receiver's answer to events, sent after they are on disk."""

    version: Literal[1] = WIRE_VERSION
    accepted: tuple[Identifier, ...]  # ids applied now or before


class Heartbeat(_Message, kw_only=True):
    """A device or an edge says that it lives; only the newest counts."""

    version: Literal[1] = WIRE_VERSION
    device: Name
    layer: Literal["device", "edge"]
    time: datetime
    stream: Identifier | None = None
    hearing: bool = True  # False: alive, but the microphone gives nothing (dead, or digital silence)
    level_db: float | None = None  # loudest frame since the last heartbeat
    backlog: Annotated[int, msgspec.Meta(ge=0)] = 0  # frames or events that wait
    infer: Literal["device", "edge"] | None = None
    origin: Literal["microphone", "file", "synthesised", "test"] = "microphone"
