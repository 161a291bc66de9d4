"""Each module of the page gives what its counterpart in Python gives, in a browser."""

import base64
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import soundfile
import soxr

from exclaim import features, gate, windows
from exclaim.card import Head, Thresholds
from exclaim.config import GateOptions
from exclaim.episodes import EpisodeRules
from exclaim.lines import SPEECH_OPTIONS, Answer, Line, StreamState, WindowAnswers, advance_lines, close_lines
from exclaim.listen import Analysis, listen_file
from exclaim.model import load_model, predict_head, read_card, shipped_models
from exclaim.wire import StreamInfo

pytestmark = [pytest.mark.browser, pytest.mark.slow]

DECIBELS = 0.01  # of a band above the floor
PROBABILITY = 1e-3
PRELUDE = """
  const floats = (text) => new Float32Array(bytes(text).buffer);
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const packed = (array) => {
    const raw = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    let text = "";
    for (let i = 0; i < raw.length; i += 8192) text += String.fromCharCode(...raw.subarray(i, i + 8192));
    return btoa(text);
  };
  const joined = (parts, Kind) => {
    const all = new Kind(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) { all.set(part, at); at += part.length; }
    return all;
  };
  const module = (name) => import(new URL(`js/${name}.js`, location).href);
  const definition = await (await fetch("data/front-end.json")).json();
"""


@pytest.fixture(scope="module")
def run(browser: Any, site) -> Any:
    """Run the body of a function in the page; ``run(body, **given)`` returns what it returns."""
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(site.url)

        def call(body: str, **given: Any) -> Any:
            return page.evaluate(f"async (given) => {{ {PRELUDE} {body} }}", given)

        yield call


def pack(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def unpack(text: str, kind: Any) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), kind)


def pieces(rng: np.random.Generator, count: int, most: int) -> list[int]:
    """Return the bounds of pieces of any length, empty ones too."""
    bounds = [0]
    while bounds[-1] < count:
        bounds.append(min(count, bounds[-1] + int(rng.integers(0, most))))
    return bounds


def waves(sound: np.ndarray) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    t = np.arange(40_001) / 16_000
    return {
        "screams": sound,
        "a tone at full scale": np.sin(2 * np.pi * 1000 * t).astype(np.float32),
        "noise near the floor": (1e-4 * rng.standard_normal(20_000)).astype(np.float32),
        "loud noise": rng.uniform(-1, 1, 16_000).astype(np.float32),
        "silence": np.zeros(3_000, np.float32),
        "one sample": np.ones(1, np.float32),
    }


@pytest.mark.parametrize("name", list(waves(np.zeros(1))))
def test_the_front_end_gives_pythons_frames(run, sound, name):
    wave = waves(sound)[name]
    got = run(
        """
        const { FrontEnd, encode } = await module("front-end");
        const frontEnd = new FrontEnd(definition);
        const wave = floats(given.wave);
        const parts = given.bounds.slice(1).map((end, i) => frontEnd.push(wave.subarray(given.bounds[i], end)));
        const frames = joined([...parts, frontEnd.finish()], Float32Array);
        return [packed(frames), packed(encode(frames, definition.front_end))];
        """,
        wave=pack(wave),
        bounds=pieces(np.random.default_rng(2), wave.size, 3_000),
    )
    expected = features.log_mel_db(wave).T
    frames = unpack(got[0], np.float32).reshape(-1, 128)
    assert frames.shape == expected.shape
    assert np.abs(frames - expected).max() <= DECIBELS
    codes = unpack(got[1], np.uint8).reshape(-1, 128)
    assert np.mean(codes != features.encode(expected)) < 1e-4  # a value on the border between two steps


@pytest.mark.parametrize("rate", [8_000, 22_050, 32_000, 44_100, 48_000, 96_000, 44_056])
def test_resampling_gives_what_pythons_resampler_gives(run, rate):
    rng = np.random.default_rng(3)
    wave = (0.1 * rng.standard_normal(rate)).astype(np.float32)
    body = """
        const { Resampler } = await module("resample");
        const resampler = new Resampler(given.rate, 16000);
        const wave = floats(given.wave);
        const parts = given.bounds.slice(1).map((end, i) => resampler.push(wave.subarray(given.bounds[i], end)));
        return packed(joined([...parts, resampler.finish()], Float32Array));
        """
    got = unpack(run(body, rate=rate, wave=pack(wave), bounds=pieces(rng, rate, 5_000)), np.float32)
    whole = unpack(run(body, rate=rate, wave=pack(wave), bounds=[0, rate]), np.float32)
    assert np.array_equal(got, whole)  # the pieces do not matter
    expected = soxr.resample(wave, rate, 16_000, quality="HQ")
    assert got.shape == expected.shape
    ours, theirs = features.log_mel_db(got), features.log_mel_db(expected)
    heard = theirs > theirs.max() - 50  # what the lower Nyquist frequency leaves
    inside = features.filterbank().argmax(axis=1) * 16_000 / features.N_FFT < 0.93 * min(rate, 16_000) / 2
    different = np.abs(ours - theirs) * heard
    assert different[inside].mean() < 0.005
    assert different[inside].max() < 0.25  # where noise happens to leave a hole
    assert different.max() < 0.5  # in the last seven hundredths both fall by a hundred decibels


def test_the_gate_lets_the_same_frames_pass(run):
    rng = np.random.default_rng(4)
    loud = np.repeat(rng.random(60) < 0.12, rng.integers(1, 90, 60))
    codes = rng.integers(0, 60, (loud.size, 128)).astype(np.uint8)
    codes[loud, 5] = 200
    bounds = pieces(rng, loud.size, 200)
    got = run(
        """
        const { Gate } = await module("gate");
        const gate = new Gate(definition.gate, 128);
        const codes = bytes(given.codes);
        const part = (end, i) => gate.push(codes.subarray(128 * given.bounds[i], 128 * end));
        const parts = given.bounds.slice(1).map(part);
        return [parts.map((part) => part.length / 128), packed(joined([...parts, gate.finish()], Uint8Array))];
        """,
        codes=pack(codes),
        bounds=bounds,
    )
    state, parts = gate.start(), []
    for begin, end in pairwise(bounds):
        given, state = gate.gate(codes[begin:end], state, GateOptions())
        parts.append(given.codes)
    assert got[0] == [len(part) for part in parts]  # at the same moment
    expected = np.concatenate([*parts, gate.finish(state).codes])
    assert (expected == 0).all(axis=1).any()
    assert np.array_equal(unpack(got[1], np.uint8).reshape(-1, 128), expected)


@pytest.mark.parametrize("count", [0, 1, 31, 32, 188, 400])
def test_windows_are_the_same_to_the_last_bit(run, count):
    rng = np.random.default_rng(count)
    codes = rng.integers(0, 90 if count == 188 else 230, (count, 128)).astype(np.uint8)
    bounds = pieces(rng, count, 100)
    got = run(
        """
        const { Cutter } = await module("windows");
        const cutter = new Cutter(definition);
        const codes = bytes(given.codes);
        const part = (end, i) => cutter.push(codes.subarray(128 * given.bounds[i], 128 * end));
        const parts = given.bounds.slice(1).map(part);
        const all = [...parts.flat(), ...cutter.finish()];
        return all.map(({ end, level, input }) => [end, level, packed(input)]);
        """,
        codes=pack(codes),
        bounds=bounds,
    )
    cut, state = windows.cut(codes, np.zeros(count, bool), windows.start())
    last, _ = windows.end(state)
    assert [row[0] for row in got] == [*cut.ends, *last.ends]
    assert [row[1] for row in got] == [*cut.levels_db, *last.levels_db]
    for row, expected in zip(got, [*cut.inputs, *last.inputs], strict=True):
        assert np.array_equal(unpack(row[2], np.float32).reshape(128, 188), expected)


def test_answers_follow_the_cards(run):
    rng = np.random.default_rng(5)
    for path in shipped_models().values():
        for head in read_card(path).heads:
            logits = (2 * rng.standard_normal((50, len(head.labels)))).astype(np.float32)
            got = run(
                """
                const { answer } = await module("card");
                return given.logits.map((row) => answer(given.head, row));
                """,
                head=msgspec.to_builtins(head),
                logits=logits.tolist(),
            )
            probabilities, labels, _ = predict_head(head, logits)
            assert [row["label"] for row in got] == labels
            assert np.allclose([row["probabilities"] for row in got], probabilities, atol=1e-9)


def lines() -> list[Line]:
    """Return two lines, screams and the speech that yields to them; nobody asks a model here."""
    scream = Analysis([load_model("scream-detection"), load_model("scream-type")]).rules
    speech = EpisodeRules(
        detection=Head(
            task="speech-detection",
            output="speech-detection",
            labels=("other", "speech"),
            thresholds=Thresholds(on=0.5, off=0.2),
        ),
        type=Head(
            task="speech-emotion",
            output="speech-emotion",
            labels=("ANG", "DIS", "FEA", "HAP", "NEU", "SAD"),
            temperature=0.8,
            abstain_below=0.35,
        ),
        options=SPEECH_OPTIONS,
    )
    return [Line(scream, None, None), Line(speech, None, None)]


def told(revisions: Any) -> list[dict[str, Any]]:
    """Return Python's revisions as the page has them."""
    return [
        {
            "task": episode.detection.task,
            "state": episode.state,
            "revision": episode.revision,
            "onset": episode.onset_frame,
            "last": episode.last_frame,
            "probability": episode.detection.probability,
            "level": episode.level_db,
            "label": episode.type.label,
            "windows": episode.type.windows,
        }
        for episode in revisions
    ]


def shown(revisions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the page's revisions, flat."""
    return [
        {key: value for key, value in {**revision, **revision["type"]}.items() if key not in ("type", "probabilities")}
        for revision in revisions
    ]


def some_answer(rng: np.random.Generator, line: Line, end: int) -> Answer:
    likely = 0.2
    if 3_000 < end < 8_000:  # people talk for long, and nobody screams meanwhile
        likely = 0.97 if line.yields else 0.01
    detection = round(float(rng.beta(4 * likely, 4 * (1 - likely))), 4)
    logits = np.round(rng.normal(0, 0.7, len(line.rules.type.labels)) + np.sin(end / 900), 4).tolist()
    heard = detection >= line.rules.detection.thresholds.off
    return Answer(detection=detection, type_logits=tuple(logits) if heard else None)


@pytest.mark.parametrize("seed", range(6))
def test_windows_become_the_same_episodes(run, seed):
    rng = np.random.default_rng(seed)
    made, results, end = lines(), [], 0
    for _ in range(400):
        end += 31 * (int(rng.integers(5, 15)) if rng.random() < 0.02 else 1)  # time may jump
        answers = {} if rng.random() < 0.1 else {line.task: some_answer(rng, line, end) for line in made}
        burst = bool(answers) and answers["scream-detection"].detection >= made[0].rules.detection.thresholds.on
        if burst:
            del answers["speech-detection"]
        results.append(WindowAnswers(end_frame=end, level_db=float(end % 40), burst=burst, answers=answers))
    got = run(
        """
        const { Lines } = await module("lines");
        const options = ({ yields }) => yields ? definition.lines.yielding_options : definition.lines.options;
        const lines = new Lines(given.lines.map((line) => ({ ...line, options: options(line) })));
        return [...given.results.flatMap((result) => lines.advance(result)), ...lines.finish()];
        """,
        lines=[
            {
                "task": line.task,
                "yields": line.yields,
                "detector": {"head": msgspec.to_builtins(line.rules.detection)},
                "typer": {"head": msgspec.to_builtins(line.rules.type)},
            }
            for line in made
        ],
        results=[
            {
                "end": result.end_frame,
                "level": result.level_db,
                "burst": result.burst,
                "answers": {
                    task: {"detection": answer.detection, "typeLogits": answer.type_logits and [*answer.type_logits]}
                    for task, answer in result.answers.items()
                },
            }
            for result in results
        ],
    )
    info = msgspec.convert({"stream": "s", "device": "d", "started": "2026-01-01T00:00:00Z"}, StreamInfo)
    state, revisions = advance_lines(StreamState(), results, made, info)
    _, closed = close_lines(state, made, info)
    expected = told([*revisions, *closed])
    assert {episode["task"] for episode in expected} == {"scream-detection", "speech-detection"}
    assert any(episode["windows"] == SPEECH_OPTIONS.max_windows for episode in expected)
    assert shown(got) == expected


def listening() -> Analysis:
    """Return what the page listens with."""
    listed = json.loads((Path(__file__).parents[2] / "docs/listen/data/models.json").read_text())
    return Analysis([load_model(name) for name in listed["listening"]])


LISTEN = """
    const { Listener } = await module("listener");
    const { openSoundFile } = await module("sound-file");
    const listener = new Listener();
    await listener.load();
    const file = new File([bytes(given.file)], "sound");
    const sound = await openSoundFile(file, 16000);
    await listener.start(sound.rate, true);
    const answers = [];
    for await (const piece of sound.pieces) answers.push(await listener.samples(piece));
    answers.push(await listener.finish());
    listener.worker.terminate();
    return {
      codes: packed(joined(answers.map(({ codes }) => codes), Uint8Array)),
      results: answers.flatMap(({ results }) => results),
      episodes: answers.flatMap(({ episodes }) => episodes),
    };
"""
FORMATS = {
    "16 kHz": ("wav", "PCM_16", 16_000, 1),
    "8 bits": ("wav", "PCM_U8", 16_000, 1),
    "24 bits, stereo, 48 kHz": ("wav", "PCM_24", 48_000, 2),
    "real numbers, 44.1 kHz": ("wav", "FLOAT", 44_100, 1),
    "telephone": ("wav", "PCM_16", 8_000, 1),
    "extensible": ("wavex", "PCM_32", 16_000, 2),
    "FLAC": ("flac", "PCM_16", 16_000, 1),
}


@pytest.mark.parametrize("name", list(FORMATS))
def test_a_file_gives_pythons_results_and_episodes(run, sound, tmp_path, name):
    kind, subtype, rate, channels = FORMATS[name]
    wave = soxr.resample(sound, 16_000, rate)
    path = tmp_path / f"recording.{kind}"
    many = np.stack([wave, 0.9 * wave], axis=1) if channels == 2 else wave
    soundfile.write(path, many, rate, subtype=subtype, format=kind.upper())
    got = run(LISTEN, file=pack(np.frombuffer(path.read_bytes(), np.uint8)))
    heard = list(listen_file(path, listening()))
    expected = [result for step in heard for result in step.results]
    assert [result["end"] for result in got["results"]] == [result.end_frame for result in expected]
    assert [result["level"] for result in got["results"]] == pytest.approx([r.level_db for r in expected], abs=0.5)
    for ours, theirs in zip(got["results"], expected, strict=True):
        assert ours["answers"].keys() == theirs.answers.keys(), ours["end"]
        for task, answer in theirs.answers.items():
            assert ours["answers"][task]["detection"] == pytest.approx(answer.detection, abs=PROBABILITY), ours["end"]
            if answer.type_logits is not None:
                logits = ours["answers"][task]["typeLogits"]
                assert np.allclose(logits, answer.type_logits, atol=5 * PROBABILITY)
    episodes = told([episode for step in heard for episode in step.episodes])
    assert len([episode for episode in episodes if episode["state"] == "closed"]) == 2
    for ours, theirs in zip(shown(got["episodes"]), episodes, strict=True):
        assert ours | {"probability": 0, "level": 0} == theirs | {"probability": 0, "level": 0}
        assert ours["probability"] == pytest.approx(theirs["probability"], abs=PROBABILITY)


def test_the_models_asked_besides_say_what_python_hears(run, recording):
    got = run(LISTEN, file=pack(np.frombuffer(recording.read_bytes(), np.uint8)))
    names = [name for name in sorted(shipped_models()) if read_card(shipped_models()[name]).heads[0].task == name]
    others = [name for name in names if name not in {model.card.name for model in listening().models}]
    samples, _ = soundfile.read(recording, dtype="float32")
    codes = features.encode(features.log_mel_db(samples).T)
    assert np.mean(unpack(got["codes"], np.uint8).reshape(-1, 128) != codes) < 1e-4
    assert codes.max(axis=1).min() >= 70  # nothing is gated
    cut, state = windows.cut(codes, np.zeros(len(codes), bool), windows.start())
    last, _ = windows.end(state)
    inputs, levels = np.concatenate([cut.inputs, last.inputs]), np.concatenate([cut.levels_db, last.levels_db])
    loud = [i for i, level in enumerate(levels) if level > -20]
    for task in others:
        answers = load_model(task).predict(inputs, levels)[task]
        compared = 0
        for i in loud:
            for ours in got["results"][i]["others"]:
                if ours["task"] == task:
                    assert ours["probabilities"] == pytest.approx(answers.probabilities[i], abs=PROBABILITY)
                    assert ours["label"] == answers.label[i]
                    compared += 1
        assert compared > 5


@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_the_sound_thread_gives_pythons_frames(run, sound, rate):
    """The AudioWorklet, fed sample by sample in an offline context: what it hands out is Python's byte code."""
    wave = soxr.resample(sound[: 5 * 16_000], 16_000, rate)
    got = run(
        """
        const { logMelNode } = await module("microphone");
        const wave = floats(given.wave);
        const context = new OfflineAudioContext(1, wave.length, given.rate);
        const parts = [];
        const { node, finish } = await logMelNode(context, definition, (codes) => parts.push(codes));
        const buffer = context.createBuffer(1, wave.length, given.rate);
        buffer.copyToChannel(wave, 0);
        const source = new AudioBufferSourceNode(context, { buffer });
        source.connect(node);
        source.start();
        await context.startRendering();
        await finish();
        return packed(joined(parts, Uint8Array));
        """,
        wave=pack(wave),
        rate=rate,
    )
    expected = features.encode(features.log_mel_db(soxr.resample(wave, rate, 16_000, quality="HQ")).T)
    codes = unpack(got, np.uint8).reshape(-1, 128)
    assert len(codes) == pytest.approx(len(expected), abs=1)
    both = slice(0, min(len(codes), len(expected)) - 4)  # the end is padded to a block of the sound thread
    different = np.abs(codes[both].astype(int) - expected[both])
    assert different.max() <= 1
    assert np.mean(different) < (1e-4 if rate == 16_000 else 0.01)


def test_an_hour_of_wav_is_read_piece_by_piece(run, tmp_path):
    path = tmp_path / "head.wav"
    soundfile.write(path, np.zeros(16), 16_000, subtype="PCM_16")
    told = run(
        """
        const { openSoundFile } = await module("sound-file");
        const head = bytes(given.head).slice(0, 44);
        const size = 44 + 3600 * 32000;
        new DataView(head.buffer).setUint32(40, size - 44, true);
        let most = 0;
        const file = { size, slice(begin, end) {
          most = Math.max(most, end - begin);
          const blob = new Uint8Array(end - begin);
          if (begin === 0) blob.set(head);
          return new Blob([blob]);
        } };
        const sound = await openSoundFile(file, 16000);
        let samples = 0;
        for await (const piece of sound.pieces) samples += piece.length;
        return { seconds: sound.seconds, samples, most };
        """,
        head=pack(np.frombuffer(path.read_bytes(), np.uint8)),
    )
    assert told["seconds"] == 3600
    assert told["samples"] == 3600 * 16_000
    assert told["most"] <= 10 * 32_000
