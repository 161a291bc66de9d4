"""From blocks of sound to numbered frames: the same as the front-end and the gate give in one go."""

from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exclaim import features, gate
from exclaim.chunks import GATED, OVERRUN, PRESENT, Run, join
from exclaim.config import GateOptions
from exclaim.sense.capture import Block
from exclaim.sense.heartbeat import Meter
from exclaim.sense.pipeline import Pipeline
from exclaim.wire import StreamInfo

RATE = features.SAMPLE_RATE


class Tape:
    """A sink that keeps everything."""

    def __init__(self) -> None:
        self.streams: list[StreamInfo] = []
        self.runs: dict[str, list[Run]] = {}
        self.ended: dict[str, bool] = {}  # and whether as backlog

    def begin(self, info: StreamInfo) -> None:
        self.streams.append(info)
        self.runs[info.stream] = []

    def append(self, stream: str, run: Run) -> None:
        assert stream not in self.ended
        assert run.first == (self.runs[stream][-1].next if self.runs[stream] else 0), "frames without a hole"
        self.runs[stream].append(run)

    def end(self, stream: str, *, backlog: bool = False) -> None:
        self.ended[stream] = backlog

    def all(self, number: int = 0) -> Run:
        runs = self.runs[self.streams[number].stream]
        return join(runs, 0, runs[-1].next)


class Device:
    """A pipeline with a clock that tests turn."""

    def __init__(self, *, follow_clock: bool = False, **options: object) -> None:
        self.now = 1_000_000.0
        self.tape = Tape()
        self.meter = Meter()
        self.pipeline = Pipeline(
            self.tape,
            self.meter,
            GateOptions(**options),
            new_stream=self._info,
            clock=lambda: self.now,
            follow_clock=follow_clock,
        )

    def _info(self, began: float) -> StreamInfo:
        number = len(self.tape.streams)
        return StreamInfo(stream=f"s{number}", device="kitchen", started=datetime.fromtimestamp(began, UTC))

    def hear(self, samples: np.ndarray, overran: bool = False) -> None:
        self.now += len(samples) / RATE
        self.pipeline.push(Block(samples.astype(np.float32), overran))


def sound(seconds: float = 6.0) -> np.ndarray:
    """Return a quiet room with a burst in it."""
    random = np.random.default_rng(1)
    samples = random.normal(0, 1e-4, round(seconds * RATE))
    samples[RATE : RATE + RATE // 2] += random.normal(0, 0.2, RATE // 2)
    return samples.astype(np.float32)


def in_one_go(samples: np.ndarray, options: GateOptions) -> tuple[np.ndarray, np.ndarray]:
    codes = features.encode(features.log_mel_db(samples).T)
    gated, state = gate.gate(codes, gate.start(), options)
    rest = gate.finish(state)
    return np.concatenate([gated.codes, rest.codes]), np.concatenate([gated.passes, rest.passes])


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 40_000), max_size=12), st.booleans())
def test_frames_are_those_of_front_end_and_gate_however_the_blocks_come(cuts: list[int], enabled: bool) -> None:
    device, samples = Device(enabled=enabled), sound()
    edges = [0, *np.cumsum(cuts).clip(max=len(samples)).tolist(), len(samples)]
    for begin, end in pairwise(edges):
        device.hear(samples[begin:end])
    device.pipeline.finish()
    codes, passes = in_one_go(samples, GateOptions(enabled=enabled))
    run = device.tape.all()
    assert (run.codes == codes).all()
    assert (run.status == np.where(passes, PRESENT, GATED)).all()
    assert device.tape.ended == {"s0": False}


def test_the_meter_hears_what_the_gate_holds_back() -> None:
    device = Device(threshold_db=30.0)
    device.hear(sound())
    device.pipeline.finish()
    assert (device.tape.all().status == GATED).all()
    hearing, level = device.meter.take()
    assert hearing
    assert level > -30


def test_lost_sound_is_marked_and_frame_numbers_keep_to_the_time() -> None:
    device, samples = Device(enabled=False), sound()
    for first in range(0, 48_000, 1600):
        device.hear(samples[first : first + 1600])
    device.now += 1.0  # a second of sound is lost
    device.hear(samples[48_000:49_600], overran=True)
    for first in range(49_600, 96_000, 1600):
        device.hear(samples[first : first + 1600])
    device.pipeline.finish()
    status = device.tape.all().status
    lost = np.flatnonzero(status == OVERRUN)
    assert (np.diff(lost) == 1).all()
    assert abs(lost[0] * features.FRAME_SECONDS - 3.0) < 0.05
    assert abs(lost[-1] * features.FRAME_SECONDS - 4.0) < 0.05
    assert abs(len(status) * features.FRAME_SECONDS - 7.0) < 0.05
    assert len(device.tape.streams) == 1


def test_an_overrun_that_took_no_time_is_marked_all_the_same() -> None:
    device, samples = Device(enabled=False), sound()
    device.hear(samples[:48_000])
    device.hear(samples[48_000:], overran=True)
    device.pipeline.finish()
    assert (device.tape.all().status == OVERRUN).sum() >= 1


def test_after_an_outage_it_goes_on_as_a_new_stream_and_the_old_one_is_backlog() -> None:
    device, samples = Device(enabled=False), sound()
    for first in range(0, 48_000, 1600):
        device.hear(samples[first : first + 1600])
    device.pipeline.renew()
    for first in range(48_000, 96_000, 1600):
        device.hear(samples[first : first + 1600])
    device.pipeline.finish()
    assert device.tape.ended == {"s0": True, "s1": False}
    assert device.pipeline.info.stream == "s1"
    for number, part in enumerate((samples[:48_000], samples[48_000:])):
        assert (device.tape.all(number).codes == in_one_go(part, GateOptions(enabled=False))[0]).all()
    began = [info.started.timestamp() for info in device.tape.streams]
    assert began[1] - began[0] == pytest.approx(3.0, abs=0.11)


@pytest.mark.parametrize(("follows", "streams"), [(True, 2), (False, 1)])
def test_a_microphone_that_drifts_from_the_clock_begins_a_new_stream(follows: bool, streams: int) -> None:
    device, block = Device(follow_clock=follows), sound(0.1 + 1.5)[:1600]
    for _ in range(60):
        device.now += 0.02  # it gives 1600 samples in 120 ms
        device.hear(block)
    device.pipeline.finish()
    assert len(device.tape.streams) == streams
    assert set(device.tape.ended.values()) == {False}
    newest = device.tape.streams[-1].started.timestamp()
    heard = device.tape.all(-1).next * features.FRAME_SECONDS
    assert abs(device.now - newest - heard) < (1.1 if follows else 1.3)


def test_a_stream_of_nothing_ends_well() -> None:
    device = Device()
    device.pipeline.finish()
    assert device.tape.ended == {"s0": False}
