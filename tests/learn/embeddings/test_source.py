"""From sound to soft labels on corpora and networks that the tests write themselves."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from exclaim.errors import ModelError, RecipeError
from exclaim.learn.embeddings import source as module
from exclaim.learn.embeddings import yamnet
from exclaim.learn.embeddings.embedding import Embedding
from exclaim.learn.embeddings.source import SCORE_CLASSES, soft_labels_from
from exclaim.learn.examples import Corpora, load_corpora
from exclaim.learn.recipe import HeadOptions, NetworkOptions, Recipe, SplitOptions
from exclaim.learn.soft_labels import SoftLabels

HEADS = {
    "scream-type": HeadOptions(labels=("negative", "positive")),
    "scream-detection": HeadOptions(labels=("other", "scream")),
}
RECIPE = Recipe(
    name="small",
    task="scream-type",
    bursts=("emogator", "esc-10"),
    heads=HEADS,
    split=SplitOptions(validation=0.25, test=0.25),
    network=NetworkOptions(name="compact"),
)


class Pitch(Embedding):
    """Where the strongest of 32 bands is, frame by frame: enough to tell the tones of the small corpora."""

    name = "pitch"
    files = ("speech-embedding.onnx",)
    width = 32
    least_samples = 1024

    def _frames(self, waveform: np.ndarray) -> np.ndarray:
        frames = np.lib.stride_tricks.sliding_window_view(waveform, 1024)[::1024]
        bands = np.abs(np.fft.rfft(frames * np.hanning(1024)))[:, :160].reshape(len(frames), 32, 5).max(axis=2)
        return (bands / bands.max(axis=1, keepdims=True).clip(1e-9)).astype(np.float32)


@pytest.fixture(autouse=True)
def pitch(monkeypatch):
    known = {"pitch": Pitch}
    monkeypatch.setattr(module, "load_embedding", lambda name, models: known[name](models))
    monkeypatch.setattr(module, "names", lambda: ("pitch", "yamnet"))
    return known


@pytest.fixture(scope="module")
def corpora(small_corpora) -> Corpora:
    return load_corpora(RECIPE, small_corpora)


def ask(corpora: Corpora, models: Path, cache: Path, head: str = "scream-type", source: str = "pitch") -> SoftLabels:
    return soft_labels_from(source, head, HEADS[head].labels, corpora, cache, models=models)


def test_every_training_clip_has_a_distribution_and_no_other_clip(corpora, stand_ins, tmp_path):
    table = ask(corpora, stand_ins, tmp_path)
    assert set(table.distributions) == {str(example.clip.path) for example in corpora.bursts["train"]}
    assert np.sum(list(table.distributions.values()), axis=1) == pytest.approx(1, abs=1e-5)
    assert (table.source, table.head, table.labels) == ("pitch", "scream-type", ("negative", "positive"))


def test_it_learns_and_says_how_well_on_people_it_never_heard(corpora, stand_ins, tmp_path):
    figures = ask(corpora, stand_ins, tmp_path).figures
    assert figures["validation.uar"] > 0.8
    assert figures["test.uar"] > 0.8
    assert figures["out-of-fold.uar"] > 0.8
    assert 0.05 < figures["temperature"] < 20


def test_a_second_call_computes_nothing(corpora, stand_ins, tmp_path, monkeypatch):
    first = ask(corpora, stand_ins, tmp_path)
    monkeypatch.setattr(module, "fit_head", lambda *arguments: pytest.fail("a head was fitted again"))
    monkeypatch.setattr(Pitch, "_frames", lambda *arguments: pytest.fail("a sound was heard again"))
    again = ask(corpora, stand_ins, tmp_path)
    assert again.figures == first.figures
    assert all(np.array_equal(again.distributions[path], row) for path, row in first.distributions.items())


def test_other_labels_or_another_network_make_another_table(corpora, stand_ins, tmp_path, pitch):
    first = ask(corpora, stand_ins, tmp_path)
    turned = [
        e._replace(targets=e.targets | {"scream-type": e.targets["scream-type"][::-1]}) for e in corpora.bursts["train"]
    ]
    other = ask(corpora._replace(bursts=corpora.bursts | {"train": turned}), stand_ins, tmp_path)
    assert other.data != first.data
    assert other.teacher == first.teacher

    class Newer(Pitch):
        version = 2

    pitch["pitch"] = Newer
    newer = ask(corpora, stand_ins, tmp_path)
    assert newer.teacher != first.teacher
    assert len(list(tmp_path.glob("soft-labels-pitch-scream-type-*.npz"))) == 3


def test_no_clips_soft_label_knows_its_own_label(corpora, stand_ins, tmp_path):
    """A training clip whose label was turned gets the answer that it got before, near enough to tell the truth."""
    train = corpora.bursts["train"]
    chosen = next(i for i, e in enumerate(train) if e.weights["scream-type"])
    lie = train[chosen].targets | {"scream-type": train[chosen].targets["scream-type"][::-1]}
    lied = [*train[:chosen], train[chosen]._replace(targets=lie), *train[chosen + 1 :]]
    path = str(train[chosen].clip.path)
    honest = ask(corpora, stand_ins, tmp_path).distributions[path]
    deceived = ask(corpora._replace(bursts=corpora.bursts | {"train": lied}), stand_ins, tmp_path).distributions[path]
    assert np.abs(honest - deceived).max() < 0.02  # temperature and strength come from the whole head
    assert honest @ train[chosen].targets["scream-type"] > 0.5


def test_networks_may_be_joined(corpora, stand_ins, tmp_path, pitch):
    class Second(Pitch):
        name = "yamnet"

    pitch["yamnet"] = Second
    heard = module._hear("pitch+yamnet", corpora, tmp_path, stand_ins, lambda what, done, whole: None)
    clips = [example.clip for example in corpora.bursts["test"][:3]]
    both = heard.vectors(clips)
    alone = module._hear("pitch", corpora, tmp_path, stand_ins, lambda what, done, whole: None).vectors(clips)
    assert both.shape == (3, 2 * 2 * 32)
    assert np.array_equal(both, np.concatenate([alone, alone], axis=1))


def test_clips_of_several_corpora_are_heard_and_progress_is_told(corpora, stand_ins, tmp_path):
    told = []
    soft_labels_from(
        "pitch",
        "scream-detection",
        HEADS["scream-detection"].labels,
        corpora,
        tmp_path,
        models=stand_ins,
        progress=lambda what, done, whole: told.append(what),
    )
    assert dict.fromkeys(told) == dict.fromkeys(["pitch: emogator", "pitch: esc-10", "pitch: scream-detection"])


class Scores(yamnet.Yamnet):
    """YAMNet's scores of a sound as a stand-in: loud tones of 640 Hz scream."""

    def __init__(self, folder: Path) -> None:
        Embedding.__init__(self, folder)
        self.classes = tuple([*SCORE_CLASSES, *map(str, range(517))])

    def _frames(self, waveform: np.ndarray) -> np.ndarray:
        peak = np.abs(np.fft.rfft(waveform[:8000] * np.hanning(8000))).argmax() * 2
        vector = np.zeros((1, self.width), np.float32)
        vector[0, 1024] = 0.6 if 600 < peak < 680 else 0.001
        return vector


def test_scores_become_a_calibrated_distribution_for_sound_without_a_label(corpora, yamnet_files, tmp_path, pitch):
    pitch["yamnet"] = Scores
    # every third burst loses its label of screams
    train = [
        e._replace(weights=e.weights | {"scream-detection": 0.0}) if number % 3 == 0 else e
        for number, e in enumerate(corpora.bursts["train"])
    ]
    forgotten = corpora._replace(bursts=corpora.bursts | {"train": train})
    table = ask(forgotten, yamnet_files, tmp_path, "scream-detection", "yamnet-scores")
    unknown = [e.clip for e in train if not e.weights["scream-detection"]]
    screams = np.array([table.of(clip)[1] for clip in unknown])
    truth = np.array([clip.extra.get("tagger_screaming", 0.0) > 0.5 for clip in unknown])
    assert truth.any()
    assert screams[truth].min() > 0.8
    assert screams[~truth].max() < 0.1
    assert table.figures["validation.auroc"] == 1.0


@pytest.mark.parametrize("source", ["vggish", "pitch+pitch", "pitch+", "yamnet-scores+pitch"])
def test_an_unknown_source_is_refused(source, corpora, stand_ins, tmp_path):
    with pytest.raises(RecipeError, match="is not known; expected one of pitch, yamnet"):
        ask(corpora, stand_ins, tmp_path, source=source)


def test_a_head_without_labels_is_refused(corpora, stand_ins, tmp_path):
    none = [e._replace(weights=e.weights | {"scream-type": 0.0}) for e in corpora.bursts["validation"]]
    with pytest.raises(RecipeError, match="the validation clips have fewer than two of its labels"):
        ask(corpora._replace(bursts=corpora.bursts | {"validation": none}), stand_ins, tmp_path)


def test_an_absent_network_says_so(corpora, tmp_path):
    with pytest.raises(ModelError, match="not found in"):
        ask(corpora, tmp_path, tmp_path)


def test_recipes_share_what_was_heard(corpora, stand_ins, tmp_path, small_corpora, monkeypatch):
    ask(corpora, stand_ins, tmp_path)
    monkeypatch.setattr(Pitch, "_frames", lambda *arguments: pytest.fail("a sound was heard again"))
    other = msgspec.structs.replace(RECIPE, split=SplitOptions(validation=0.25, test=0.25, seed=1))
    ask(load_corpora(other, small_corpora), stand_ins, tmp_path)
