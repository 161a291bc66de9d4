from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exclaim.corpora.clip import Clip
from exclaim.corpora.labels import map_label
from exclaim.corpora.leaks import find_leaks
from exclaim.corpora.manifest import Manifest
from exclaim.corpora.registry import load_corpus
from exclaim.corpora.splits import (
    keep_sentences_apart,
    speaker_folds,
    split_at_random,
    split_by_fold,
    split_by_recording,
    split_by_speaker,
    split_for_fold,
)
from exclaim.errors import CorpusError

SHARES = {"train": 0.7, "validation": 0.15, "test": 0.15}


def people(count: int, clips_each: int = 2) -> Manifest:
    clips = tuple(
        Clip(path=Path(f"/none/{who}-{number}.wav"), corpus="csv", speaker=f"s{who}", label=str(number))
        for who in range(count)
        for number in range(clips_each)
    )
    return Manifest(corpus="csv", clips=clips)


def part_of(split: dict[str, Manifest]) -> dict[str, str]:
    return {speaker: name for name, part in split.items() for speaker in part.speakers}


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_every_clip_is_in_one_part_and_no_speaker_in_two(seed: int) -> None:
    manifest = people(120)
    split = split_by_speaker(manifest, SHARES, seed)
    assert list(split) == list(SHARES)
    assert sorted(clip.path for part in split.values() for clip in part) == sorted(clip.path for clip in manifest)
    assert find_leaks(split) == ()


def test_a_speaker_who_joins_moves_nobody() -> None:
    before, after = split_by_speaker(people(200), SHARES, 3), split_by_speaker(people(300), SHARES, 3)
    assert part_of(before).items() <= part_of(after).items()


def test_the_shares_are_about_as_asked() -> None:
    sizes = {name: len(part.speakers) for name, part in split_by_speaker(people(2000), SHARES).items()}
    assert sizes == pytest.approx({"train": 1400, "validation": 300, "test": 300}, abs=60)  # 4 sigma


def test_the_split_is_pinned_across_machines_and_versions() -> None:
    split = split_by_speaker(people(12), {"train": 0.5, "test": 0.5}, seed=7)
    assert split["test"].speakers == tuple(f"csv:s{who}" for who in (1, 11, 5, 6, 7, 9))


def test_another_seed_draws_anew() -> None:
    assert part_of(split_by_speaker(people(200), SHARES, 0)) != part_of(split_by_speaker(people(200), SHARES, 1))


def test_numbers_of_speakers_are_met_exactly() -> None:
    split = split_by_speaker(people(50), {"train": None, "validation": 5, "test": 10}, seed=1)
    assert {name: len(part.speakers) for name, part in split.items()} == {"train": 35, "validation": 5, "test": 10}


@pytest.mark.parametrize(
    "parts",
    [{"a": 0.7, "b": 0.2}, {"a": 0.5, "b": 0}, {"a": None, "b": None}, {"a": -1, "b": None}, {"a": 1.2, "b": -0.2}],
)
def test_shares_that_do_not_add_up_are_refused(parts: dict) -> None:
    with pytest.raises(CorpusError, match="expected fractions that sum to 1"):
        split_by_speaker(people(10), parts)


def test_more_speakers_than_there_are_cannot_be_asked_for() -> None:
    with pytest.raises(CorpusError, match="ask for 12 of 10"):
        split_by_speaker(people(10), {"train": 6, "test": 6})
    with pytest.raises(CorpusError, match="give None to the part that takes the rest"):
        split_by_speaker(people(10), {"train": 6, "test": 2})


def test_an_empty_part_is_refused() -> None:
    with pytest.raises(CorpusError, match=r"part .* is empty"):
        split_by_speaker(people(1), {"train": 0.5, "test": 0.5})
    with pytest.raises(CorpusError, match="is empty"):
        split_by_speaker(people(10), {"train": 10, "test": None})


def test_a_label_that_a_part_lacks_is_told_with_a_seed_that_has_it(make_manifest) -> None:
    rare = make_manifest([(f"s{who}", "rare" if who < 3 else "common") for who in range(40)])
    ask = partial(split_by_speaker, rare, {"train": 0.6, "test": 0.4}, label=lambda clip: clip.label)
    with pytest.raises(CorpusError, match="has no 'rare'; with seed 0 each part has each label"):
        ask(seed=4)
    assert all("rare" in part.labels for part in ask(seed=0).values())


def test_a_label_of_one_speaker_cannot_be_in_two_parts(make_manifest) -> None:
    single = make_manifest([(f"s{who}", "rare" if who == 0 else "common") for who in range(40)])
    with pytest.raises(CorpusError, match="use fewer parts or labels"):
        split_by_speaker(single, {"train": 0.6, "test": 0.4}, label=lambda clip: clip.label)


def test_clips_without_a_speaker_cannot_be_split_by_speaker(make_manifest) -> None:
    with pytest.raises(CorpusError, match="names no speaker; csv cannot be split by speaker: split it by recording"):
        split_by_speaker(make_manifest([("a", "x"), (None, "x")]), SHARES)


def test_takes_of_one_recording_stay_together() -> None:
    clips = tuple(
        Clip(path=Path(f"/none/{number}-{take}.wav"), corpus="noise", recording=str(number))
        for number in range(30)
        for take in "AB"
    )
    split = split_by_recording(Manifest(corpus="noise", clips=clips), {"train": 0.7, "test": 0.3})
    assert find_leaks(split) == ()
    assert sum(map(len, split.values())) == 60


def test_a_random_split_goes_by_clip_whoever_speaks(make_manifest) -> None:
    manifest = make_manifest([("Ann", "x")] * 200)
    split = split_at_random(manifest, {"train": 0.8, "test": 0.2})
    assert 20 <= len(split["test"]) <= 60
    assert sum(map(len, split.values())) == 200
    more = split_at_random(make_manifest([("Ann", "x")] * 201), {"train": 0.8, "test": 0.2})
    assert {clip.path for clip in split["test"]} <= {clip.path for clip in more["test"]}


def test_files_of_one_name_in_several_folders_are_drawn_each_for_itself() -> None:
    environments = [f"ROOM{number}" for number in range(60)]  # as in DEMAND, where every first channel is ch01.wav
    clips = tuple(Clip(path=Path(f"/demand/{name}/ch01.wav"), corpus="demand", recording=name) for name in environments)
    split = split_at_random(Manifest(corpus="demand", clips=clips), {"train": 0.5, "test": 0.5})
    assert 15 <= len(split["test"]) <= 45


def test_the_corpuss_own_folds() -> None:
    clips = tuple(Clip(path=Path(f"/none/{n}.wav"), corpus="esc-10", fold=1 + n % 5) for n in range(20))
    manifest = Manifest(corpus="esc-10", clips=clips)
    split = split_by_fold(manifest, {"train": (1, 2, 3, 4), "test": (5,)})
    assert {name: len(part) for name, part in split.items()} == {"train": 16, "test": 4}
    with pytest.raises(CorpusError, match="a fold is in two parts"):
        split_by_fold(manifest, {"train": (1, 2), "test": (2,)})
    with pytest.raises(CorpusError, match="part 'test' of esc-10 is empty"):
        split_by_fold(manifest, {"train": (1, 2), "test": (9,)})
    with pytest.raises(CorpusError, match="has no fold"):
        split_by_fold(people(3), {"train": (1,)})


@settings(max_examples=40, deadline=None)
@given(k=st.integers(2, 13), seed=st.integers(0, 99))
def test_k_folds_by_speaker_are_even_and_apart(k: int, seed: int) -> None:
    folds = speaker_folds(people(13), k, seed)
    sizes = [len(fold.speakers) for fold in folds]
    assert sum(sizes) == 13
    assert max(sizes) - min(sizes) <= 1
    assert find_leaks({str(number): fold for number, fold in enumerate(folds)}) == ()


def test_more_folds_than_speakers_are_refused() -> None:
    with pytest.raises(CorpusError, match="expected 2 to 3 folds"):
        speaker_folds(people(3), 4)


def cast(women: int, men: int, unknown: int = 0, sentences: int = 4) -> Manifest:
    """Actors of known and unknown sex who each say the same sentences."""
    sexes = ["female"] * women + ["male"] * men + [None] * unknown
    clips = tuple(
        Clip(
            path=Path(f"/none/{who}-{number}.wav"),
            corpus="csv",
            speaker=f"s{who}",
            sex=sex,
            extra={"sentence": f"t{number}"},
        )
        for who, sex in enumerate(sexes)
        for number in range(sentences)
    )
    return Manifest(corpus="csv", clips=clips)


def sexes(manifest: Manifest) -> dict[str | None, int]:
    return {sex: len({clip.speaker for clip in manifest if clip.sex == sex}) for sex in ("female", "male", None)}


@settings(max_examples=40, deadline=None)
@given(women=st.integers(0, 12), men=st.integers(0, 12), unknown=st.integers(0, 5), seed=st.integers(0, 99))
def test_folds_are_balanced_by_sex_where_it_is_known(women: int, men: int, unknown: int, seed: int) -> None:
    if women + men + unknown < 5:
        return
    found = [sexes(fold) for fold in speaker_folds(cast(women, men, unknown), 5, seed)]
    for sex in found[0]:
        counts = [each[sex] for each in found]
        assert max(counts) - min(counts) <= 1
    whole = [sum(each.values()) for each in found]
    assert max(whole) - min(whole) <= 1


def test_every_speaker_is_tested_in_exactly_one_round() -> None:
    manifest = cast(11, 9)
    rounds = [split_for_fold(manifest, 5, fold, 0.15, seed=3) for fold in range(1, 6)]
    assert sorted(key for split in rounds for key in split["test"].speakers) == sorted(manifest.speakers)
    for split in rounds:
        assert find_leaks(split) == ()
        assert {name: len(part.speakers) for name, part in split.items()} == {"train": 13, "validation": 3, "test": 4}
        assert abs(sexes(split["validation"])["female"] - sexes(split["validation"])["male"]) <= 1
    assert rounds == [split_for_fold(manifest, 5, fold, 0.15, seed=3) for fold in range(1, 6)]
    assert rounds != [split_for_fold(manifest, 5, fold, 0.15, seed=4) for fold in range(1, 6)]


def test_the_folds_are_pinned_across_machines_and_versions() -> None:
    split = split_for_fold(cast(5, 5), 5, 1, 0.2, seed=0)
    said = {name: " ".join(key.removeprefix("csv:") for key in part.speakers) for name, part in split.items()}
    assert said == {"train": "s0 s3 s4 s5 s6 s7", "validation": "s2 s8", "test": "s1 s9"}


def test_a_round_may_do_without_validation_but_not_without_training() -> None:
    assert list(split_for_fold(cast(5, 5), 5, 2, 0.0)) == ["train", "test"]
    with pytest.raises(CorpusError, match="part 'train' of csv is empty"):
        split_for_fold(cast(1, 1), 2, 1, 0.9)
    with pytest.raises(CorpusError, match="fold 6 of 5; expected 1 to 5"):
        split_for_fold(cast(5, 5), 5, 6, 0.1)
    with pytest.raises(CorpusError, match="5 folds of 4 speakers of csv; expected 2 to 4 folds"):
        split_for_fold(cast(2, 2), 5, 1, 0.1)


def test_a_corpus_without_speakers_is_dealt_out_by_recording() -> None:
    clips = tuple(
        Clip(path=Path(f"/none/{number}-{take}.wav"), corpus="noise", recording=str(number))
        for number in range(10)
        for take in "AB"
    )
    split = split_for_fold(Manifest(corpus="noise", clips=clips), 5, 1, 0.1)
    assert find_leaks(split) == ()
    assert {name: len(part) for name, part in split.items()} == {"train": 14, "validation": 2, "test": 4}


def test_sentences_are_kept_apart_and_what_is_left_out_is_told() -> None:
    split = split_by_speaker(cast(10, 10, sentences=12), {"train": None, "validation": 2, "test": 4}, seed=1)
    assert {leak.kind for leak in find_leaks(split, sentences=True)} == {"sentence"}
    apart = keep_sentences_apart(split)
    assert find_leaks(apart, sentences=True) == ()
    said = {name: len({clip.sentence_key for clip in part}) for name, part in apart.items()}
    assert said == {"train": 9, "validation": 1, "test": 2}
    for name, part in apart.items():
        assert part.speakers == split[name].speakers
        assert len(part) + len(part.excluded) == len(split[name])
        assert set(part.summary_of_excluded()) == {"its sentence is kept for another part of the split"}


def test_too_few_sentences_or_none_are_refused() -> None:
    split = split_by_speaker(cast(10, 10, sentences=2), {"train": None, "validation": 2, "test": 4})
    with pytest.raises(CorpusError, match="csv has 2 sentences for 3 parts; expected one for each part at least"):
        keep_sentences_apart(split)
    with pytest.raises(CorpusError, match="names no sentence"):
        keep_sentences_apart(split_by_speaker(people(20), SHARES, 2))


@pytest.mark.data
@pytest.mark.parametrize(("corpus", "tested"), [("crema-d-logmel", (14, 15)), ("ravdess", (4, 4))])
def test_five_folds_of_the_actors_who_are_here(data_root: Path, corpus: str, tested: tuple[int, int]) -> None:
    manifest = load_corpus(corpus, data_root)
    rounds = [split_for_fold(manifest, 5, fold, 0.12) for fold in range(1, 6)]
    assert all(tested[0] <= len(split["test"].speakers) <= tested[1] for split in rounds)
    assert sorted(key for split in rounds for key in split["test"].speakers) == sorted(manifest.speakers)
    assert all(find_leaks(split) == () for split in rounds)


@pytest.mark.data
@pytest.mark.parametrize("task", ["scream-detection", "scream-type", "vocal-burst"])
def test_emogator_splits_by_speaker_with_every_label_in_every_part(data_root: Path, task: str) -> None:
    split = split_by_speaker(load_corpus("emogator", data_root), SHARES, label=partial(map_label, task))
    assert find_leaks(split) == ()
    assert sum(map(len, split.values())) == 9_114


@pytest.mark.data
def test_noise_splits_by_file(data_root: Path) -> None:
    split = split_by_recording(load_corpus("noise", data_root), {"train": 0.6, "test": 0.4})
    assert find_leaks(split) == ()
