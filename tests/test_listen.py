"""From sound to episodes, with a tiny real model file: any blocks, any batches, stopped and resumed."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from exclaim import features, gate, windows
from exclaim.card import Head, Thresholds
from exclaim.config import GateOptions
from exclaim.errors import AudioError, ModelError
from exclaim.listen import Analysis, Heard, Listener, ListenerState, file_stream, listen, listen_file
from exclaim.model import Model, load_model
from exclaim.wire import Episode, StreamInfo

RATE = 16_000
DETECTION = Head(
    task="scream-detection",
    output="scream-detection",
    labels=("other", "scream"),
    thresholds=Thresholds(on=0.5, off=0.3),
)
TYPE = Head(task="scream-type", output="scream-type", labels=("negative", "positive"), abstain_below=0.6)
SPEECH = Head(
    task="speech-detection",
    output="speech-detection",
    labels=("other", "speech"),
    thresholds=Thresholds(on=0.5, off=0.3),
)
EMOTION = Head(
    task="speech-emotion",
    output="speech-emotion",
    labels=("ANG", "DIS", "FEA", "HAP", "NEU", "SAD"),
    abstain_below=0.6,
)


def scene(seconds: float = 20.0, screams: tuple[float, ...] = (4.0, 14.0)) -> np.ndarray:
    """A quiet room in which loud noise breaks out for a while; the tiny model takes that for a scream."""
    random = np.random.default_rng(7)
    sound = random.normal(0, 1e-4, round(seconds * RATE))
    for at in screams:
        begin = round(at * RATE)
        sound[begin : begin + 3 * RATE // 2] += random.uniform(-0.9, 0.9, 3 * RATE // 2)
    return sound.astype(np.float32)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory, make_model) -> Model:
    return load_model(make_model(tmp_path_factory.mktemp("model") / "tiny.onnx", level_floor_db=-40.0))


@pytest.fixture(scope="module")
def analysis(tiny: Model) -> Analysis:
    return Analysis([tiny])


@pytest.fixture(scope="module")
def sound_file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "scene.wav"
    soundfile.write(path, scene(), RATE, subtype="FLOAT")
    return path


@pytest.fixture(scope="module")
def whole(sound_file: Path, analysis: Analysis) -> list[Heard]:
    return list(listen_file(sound_file, analysis))


def episodes_of(steps: list[Heard]) -> list[Episode]:
    return [episode for step in steps for episode in step.episodes]


def results_of(steps: list[Heard]) -> list:
    return [result for step in steps for result in step.results]


def test_two_screams_are_two_episodes(whole: list[Heard]) -> None:
    episodes = episodes_of(whole)

    onsets = [e.onset_frame * features.FRAME_SECONDS for e in episodes if e.revision == 1]
    np.testing.assert_allclose(onsets, [4.0, 14.0], atol=1.0)  # this model needs most of the burst in its window
    closed = [e for e in episodes if e.state == "closed"]
    assert len(closed) == 2
    assert all(e.last_frame * features.FRAME_SECONDS < at + 5 for e, at in zip(closed, (4.0, 14.0), strict=True))
    assert closed[0].info.origin == "file"
    assert {reference.task for reference in closed[0].models} == {"scream-detection", "scream-type"}


def test_every_window_of_the_grid_has_a_result(whole: list[Heard]) -> None:
    ends = [result.end_frame for result in results_of(whole)]
    assert ends == list(range(31, 31 * len(ends) + 1, 31))
    assert ends[-1] >= 20 * RATE // 256 > ends[-1] - 31
    assert whole[-1].seconds == 20.0


@given(cuts=st.lists(st.integers(0, 20 * RATE), max_size=8))
@settings(deadline=None, max_examples=10)
def test_blocks_of_any_length_give_the_same(
    cuts: list[int], whole: list[Heard], sound_file: Path, analysis: Analysis
) -> None:
    listener = Listener(analysis, file_stream(sound_file))
    steps = list(listen(np.split(scene(), sorted(cuts)), listener))

    assert episodes_of(steps) == episodes_of(whole)
    assert results_of(steps) == results_of(whole)


def coded(options: GateOptions) -> np.ndarray:
    codes = features.encode(features.log_mel_db(scene()).T)
    given, state = gate.gate(codes, gate.start(), options)
    return np.concatenate([given.codes, gate.finish(state).codes])


def test_a_listener_resumed_from_its_state_infers_nothing_twice(analysis: Analysis, sound_file: Path, whole) -> None:
    """As the edge does: what is stored is the episodes' state; the device sends again from ``committed - 187``."""
    codes, info = coded(GateOptions()), file_stream(sound_file)
    nothing_dropped = np.zeros(len(codes), bool)
    first = Listener(analysis, info)
    results, revisions = first.push(codes[:500], nothing_dropped[:500])
    committed = results[-1].end_frame

    keep_from = committed - 187
    state = ListenerState(windows.start(keep_from), first.state.episodes)
    second = Listener(analysis, info, state)
    more_results, more = second.push(codes[keep_from:], nothing_dropped[keep_from:])
    last_results, last = second.finish()

    assert [*revisions, *more, *last] == episodes_of(whole)
    fresh = [result for result in more_results + last_results if result.end_frame > committed]
    assert results + fresh == results_of(whole)


def test_dropped_frames_are_not_inferred(analysis: Analysis, sound_file: Path) -> None:
    codes = coded(GateOptions())
    dropped = np.zeros(len(codes), bool)
    dropped[200:360] = True  # the first scream is lost
    listener = Listener(analysis, file_stream(sound_file))
    results, revisions = listener.push(codes, dropped)

    invalid = [result for result in results if not result.valid]
    assert {result.end_frame for result in invalid} == {end for end in range(31, 1240, 31) if 200 <= end <= 359 + 187}
    assert all(result.answers == {} for result in invalid)
    assert {round(e.onset_frame * features.FRAME_SECONDS) for e in revisions} == {14}


class Counting:
    """A real model that counts the windows it is asked about."""

    def __init__(self, model: Model) -> None:
        self.card, self.sha256 = model.card, model.sha256
        self._model, self.windows = model, 0

    def predict(self, inputs: np.ndarray) -> dict:
        self.windows += len(inputs)
        return self._model.predict(inputs)


@pytest.fixture
def pair(tmp_path, make_model) -> tuple[Counting, Counting]:
    detector = make_model(tmp_path / "detection.onnx", heads=(DETECTION,), level_floor_db=-40.0)
    typer = make_model(tmp_path / "type.onnx", heads=(TYPE,))
    return Counting(load_model(detector)), Counting(load_model(typer))


def test_the_type_is_asked_only_where_something_is_heard(pair, sound_file: Path) -> None:
    detector, typer = pair
    steps = list(listen_file(sound_file, Analysis(pair)))

    answers = [r.answers["scream-detection"] for r in results_of(steps) if r.answers]
    positive = [answer for answer in answers if answer.detection >= 0.3]
    assert 0 < typer.windows == len(positive) < len(answers) == detector.windows
    assert all((answer.type_logits is not None) == (answer in positive) for answer in answers)


def test_below_the_level_floor_nothing_is_asked(pair, sound_file: Path) -> None:
    detector, _ = pair
    results = results_of(list(listen_file(sound_file, Analysis(pair), GateOptions(enabled=False))))

    quiet = [r for r in results if r.level_db < -40]
    assert quiet
    assert all(r.answers == {} and r.valid for r in quiet)
    assert detector.windows == len(results) - len(quiet)


def test_one_trunk_and_two_files_say_the_same(pair, whole: list[Heard], sound_file: Path) -> None:
    two = [e for e in episodes_of(list(listen_file(sound_file, Analysis(pair)))) if e.state == "closed"]
    one = [e for e in episodes_of(whole) if e.state == "closed"]
    assert [(e.episode, e.type, e.detection) for e in two] == [(e.episode, e.type, e.detection) for e in one]


def test_a_model_given_twice_counts_once(tiny: Model) -> None:
    assert Analysis([tiny, tiny]).models == (tiny,)


def test_models_that_do_not_make_a_listener(pair, tiny: Model) -> None:
    detector, typer = pair
    with pytest.raises(ModelError, match=r"\(tiny: scream-type\) have no head that detects; expected at least one"):
        Analysis([typer])
    with pytest.raises(ModelError, match=r"\(none\) have no head that detects"):
        Analysis([])
    with pytest.raises(ModelError, match="have 2 heads scream-detection; expected one"):
        Analysis([detector, tiny])
    with pytest.raises(ModelError, match="have 2 heads scream-type or scream-emotion; expected one"):
        Analysis([typer, tiny])


def test_without_a_type_model_episodes_have_no_type(pair, sound_file: Path) -> None:
    detector, _ = pair
    episodes = episodes_of(list(listen_file(sound_file, Analysis([detector]))))
    assert episodes
    assert all(episode.type is None for episode in episodes)


def test_the_gate_changes_no_episode_of_a_quiet_room(analysis: Analysis, sound_file: Path, whole: list[Heard]) -> None:
    open_gate = episodes_of(list(listen_file(sound_file, analysis, GateOptions(enabled=False))))
    assert [(e.episode, e.state) for e in open_gate] == [(e.episode, e.state) for e in episodes_of(whole)]


def test_a_file_is_the_same_stream_again(sound_file: Path, tmp_path: Path) -> None:
    assert file_stream(sound_file) == file_stream(sound_file)
    other = tmp_path / "other.wav"
    other.touch()
    assert file_stream(other).stream != file_stream(sound_file).stream


# ---- bursts and speech


@pytest.fixture(scope="module")
def two_lines(tmp_path_factory, make_model) -> tuple[Counting, Counting]:
    """A burst model and a speech model, each with two heads over one trunk."""
    folder = tmp_path_factory.mktemp("two")
    bursts = make_model(folder / "bursts.onnx", level_floor_db=-40.0)
    speech = make_model(folder / "speech.onnx", heads=(SPEECH, EMOTION), level_floor_db=-30.0)
    return Counting(load_model(bursts)), Counting(load_model(speech))


@pytest.fixture(scope="module")
def talk_and_scream(make_talk) -> np.ndarray:
    """Forty seconds of a quiet room: angry talk from 4 to 10 s, a scream at 16 s, sad talk from 26 to 32 s."""
    sound = np.random.default_rng(7).normal(0, 1e-6, 40 * RATE)
    sound[4 * RATE : 10 * RATE] += make_talk(6.0)
    sound[16 * RATE : 18 * RATE] += np.random.default_rng(1).uniform(-0.9, 0.9, 2 * RATE)
    sound[26 * RATE : 32 * RATE] += make_talk(6.0, angry=False)
    return sound.astype(np.float32)


def heard(sound: np.ndarray, models, gate_options: GateOptions | None = None) -> list[Heard]:
    info = StreamInfo(stream="s", device="test", started=datetime(2026, 1, 1, tzinfo=UTC), origin="test")
    return list(listen([sound], Listener(Analysis(models), info), gate_options))


def test_talk_and_scream_are_told_apart(two_lines, talk_and_scream: np.ndarray) -> None:
    closed = [e for e in episodes_of(heard(talk_and_scream, two_lines)) if e.state == "closed"]
    assert [(e.detection.task, e.type.task, e.type.label) for e in closed] == [
        ("speech-detection", "speech-emotion", "ANG"),
        ("scream-detection", "scream-type", closed[1].type.label),
        ("speech-detection", "speech-emotion", "SAD"),
    ]
    onsets = [e.onset_frame * features.FRAME_SECONDS for e in closed]
    np.testing.assert_allclose(onsets, [4.0, 16.0, 26.0], atol=1.5)
    assert [{r.task for r in e.models} for e in closed[:2]] == [
        {"speech-detection", "speech-emotion"},
        {"scream-detection", "scream-type"},
    ]


def test_what_the_speech_model_says_changes_no_scream(two_lines, talk_and_scream: np.ndarray) -> None:
    alone = episodes_of(heard(talk_and_scream, two_lines[:1]))
    both = episodes_of(heard(talk_and_scream, two_lines))
    assert alone == [e for e in both if e.detection.task == "scream-detection"]


def test_the_speech_model_hears_no_window_of_a_scream(two_lines, talk_and_scream: np.ndarray) -> None:
    results = results_of(heard(talk_and_scream, two_lines))
    bursts = [r for r in results if r.burst]
    assert bursts
    assert all(r.answers["scream-detection"].detection >= 0.5 and len(r.answers) == 1 for r in bursts)


def test_emotion_is_asked_only_where_somebody_speaks(two_lines, talk_and_scream: np.ndarray) -> None:
    for result in results_of(heard(talk_and_scream, two_lines)):
        answer = result.answers.get("speech-detection")
        if answer is not None:
            assert (answer.type_logits is not None) == (answer.detection >= 0.3)


def test_each_model_hears_a_window_once_and_none_below_its_own_floor(two_lines, talk_and_scream: np.ndarray) -> None:
    bursts, speech = two_lines
    before = bursts.windows, speech.windows
    results = results_of(heard(talk_and_scream, two_lines, GateOptions(enabled=False)))
    asked = [sum(task in r.answers for r in results) for task in ("scream-detection", "speech-detection")]
    assert [bursts.windows - before[0], speech.windows - before[1]] == asked
    assert asked[0] == sum(r.level_db >= -40 for r in results)
    assert asked[1] == sum(r.level_db >= -30 and not r.burst for r in results)
    assert 0 < asked[1] < asked[0] < len(results)


def test_one_file_with_all_four_heads_says_the_same(
    two_lines, talk_and_scream: np.ndarray, tmp_path, make_model
) -> None:
    path = make_model(tmp_path / "all.onnx", heads=(EMOTION, SPEECH, TYPE, DETECTION), level_floor_db=-40.0)
    model = Counting(load_model(path))
    steps = heard(talk_and_scream, [model])
    assert [(e.episode, e.type, e.detection) for e in episodes_of(steps)] == [
        (e.episode, e.type, e.detection) for e in episodes_of(heard(talk_and_scream, two_lines))
    ]
    assert model.windows == sum(bool(r.answers) for r in results_of(steps))


@given(cuts=st.lists(st.integers(0, 40 * RATE), max_size=8))
@settings(deadline=None, max_examples=5)
def test_blocks_of_any_length_give_the_same_with_two_lines(
    cuts: list[int], two_lines, talk_and_scream: np.ndarray
) -> None:
    whole = heard(talk_and_scream, two_lines)
    info = StreamInfo(stream="s", device="test", started=datetime(2026, 1, 1, tzinfo=UTC), origin="test")
    steps = list(listen(np.split(talk_and_scream, sorted(cuts)), Listener(Analysis(two_lines), info)))
    assert episodes_of(steps) == episodes_of(whole)
    assert results_of(steps) == results_of(whole)


def test_the_rules_of_one_line_are_not_asked_of_two(two_lines, analysis: Analysis) -> None:
    assert analysis.rules.detection.task == "scream-detection"
    with pytest.raises(ModelError, match=r"2 heads that detect \(scream-detection, speech-detection\); expected one"):
        _ = Analysis(two_lines).rules


# ---- bad and unusual sound


@pytest.mark.parametrize("seconds", [1 / RATE, 0.1, 0.5, 3.0])
def test_silence_of_any_length_is_no_episode(analysis: Analysis, tmp_path: Path, seconds: float) -> None:
    path = tmp_path / "silence.wav"
    soundfile.write(path, np.zeros(round(seconds * RATE)), RATE)
    steps = list(listen_file(path, analysis))
    assert episodes_of(steps) == []
    assert len(results_of(steps)) >= 1


def test_a_scream_that_is_the_whole_file_is_heard(analysis: Analysis, tmp_path: Path) -> None:
    path = tmp_path / "short.wav"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.9, 0.9, RATE * 5 // 2), RATE)
    closed = [e for e in episodes_of(list(listen_file(path, analysis))) if e.state == "closed"]
    assert len(closed) == 1


def test_a_block_that_is_not_finite_is_refused(analysis: Analysis, sound_file: Path) -> None:
    blocks = [np.zeros(1000, np.float32), np.full(10, np.nan, np.float32)]
    with pytest.raises(AudioError, match="NaN"):
        list(listen(blocks, Listener(analysis, file_stream(sound_file))))


def test_a_file_that_cannot_be_read_is_refused(analysis: Analysis, tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="does not exist"):
        list(listen_file(tmp_path / "nowhere.wav", analysis))


_HOURS = """
import resource, sys
import numpy as np, soundfile
from pathlib import Path
from exclaim.listen import Analysis, listen_file
from exclaim.model import load_model
model, path, minutes = sys.argv[1], sys.argv[2], int(sys.argv[3])
with soundfile.SoundFile(path, "w", 16000, 1, format="FLAC", subtype="PCM_16") as out:
    minute = np.zeros(16000 * 60, np.float32)
    minute[:8000] = np.random.default_rng(0).uniform(-0.5, 0.5, 8000)
    for _ in range(minutes):
        out.write(minute)
steps = listen_file(Path(path), Analysis([load_model(model)]))
print(sum(len(step.results) for step in steps), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def heard_in_a_process(model: Path, path: Path, minutes: int) -> tuple[int, int]:
    """Windows heard, and the peak memory in KiB (bytes on a Mac), of a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", _HOURS, str(model), str(path), str(minutes)], capture_output=True, text=True, check=True
    )
    count, peak = done.stdout.split()
    return int(count), int(peak)


@pytest.mark.slow
@pytest.mark.timeout(600)  # a dozen seconds of work, on a machine that may be busy
def test_three_hours_take_no_more_memory_than_three_minutes(tmp_path: Path, make_model) -> None:
    model = make_model(tmp_path / "tiny.onnx", level_floor_db=-60.0)

    short_count, short_peak = heard_in_a_process(model, tmp_path / "short.flac", 3)
    long_count, long_peak = heard_in_a_process(model, tmp_path / "long.flac", 180)

    assert (short_count, long_count) == (363, 21_775)
    megabyte = 1024 if sys.platform != "darwin" else 1024**2
    assert long_peak - short_peak < 16 * megabyte
