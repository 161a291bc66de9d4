"""Recall by sex, age, race and ethnicity: counts, recalls, intervals, and what is said where little is known."""

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from exclaim.corpora.clip import Clip
from exclaim.evaluate.bootstrap import intervals
from exclaim.evaluate.fairness import age_band, fairness_notes, group_recalls
from exclaim.evaluate.figures import Judged

LABELS = ("other", "scream")


def people(n: int = 120) -> tuple[list[Clip], Judged]:
    """Clips of 12 speakers; every fourth tells no sex, and the men are heard worse."""
    rng = np.random.default_rng(0)
    sexes = ("female", "male", "female", None)
    clips = [
        Clip(path=f"{i}", corpus="c", speaker=f"s{i % 12}", sex=sexes[i % 4], age=15.0 + 5 * (i % 12)) for i in range(n)
    ]
    truth = rng.integers(2, size=n)
    wrong = rng.random(n) < [0.3 if clip.sex == "male" else 0.1 for clip in clips]
    return clips, judged(truth, np.where(wrong, 1 - truth, truth), [f"s{i % 12}" for i in range(n)])


def judged(truth, answers, clusters) -> Judged:
    truth, answers = np.asarray(truth), np.asarray(answers)
    nothing = np.zeros(len(truth))
    return Judged(LABELS, truth, answers, np.zeros((len(truth), 2)), nothing, nothing > 0, tuple(clusters))


def test_recalls_by_group_agree_with_scikit_learn():
    clips, found = people()
    groups = {(group.attribute, group.group): group for group in group_recalls(clips, found, seed=0, draws=50)}
    assert list(groups) == [
        ("sex", "female"),
        ("sex", "male"),
        ("age", "under 20"),
        ("age", "20-39"),
        ("age", "40-59"),
        ("age", "60 and over"),
    ]
    for (attribute, name), group in groups.items():
        chosen = [i for i, c in enumerate(clips) if name == (c.sex if attribute == "sex" else age_band(c.age))]
        truth, answers = found.truth[chosen], found.answers[chosen]
        recalls = sklearn_metrics.recall_score(truth, answers, average=None, labels=[0, 1])
        assert list(group.recalls.values()) == pytest.approx(recalls, abs=1e-6)
        assert group.uar == pytest.approx(recalls.mean(), abs=1e-6)
        assert group.n == len(chosen)
        assert group.speakers == len({clips[i].speaker for i in chosen})
        assert list(group.support.values()) == np.bincount(truth, minlength=2).tolist()
    assert sum(group.n for (attribute, _), group in groups.items() if attribute == "sex") == 90
    assert groups["sex", "male"].uar < groups["sex", "female"].uar


def test_race_and_ethnicity_are_groups_in_the_words_of_the_corpus():
    clips, found = people()
    races = ("Caucasian", "Asian", "African American", None)
    told = [
        Clip(
            path=clip.path,
            corpus="crema-d",
            speaker=clip.speaker,
            extra={name: text for name, text in (("race", races[i % 4]), ("ethnicity", "Hispanic")) if text},
        )
        for i, clip in enumerate(clips)
    ]
    groups = group_recalls(told, found, seed=0, draws=20)
    assert [(group.attribute, group.group, group.n, group.speakers) for group in groups] == [
        ("race", "African American", 30, 3),
        ("race", "Asian", 30, 3),
        ("race", "Caucasian", 30, 3),
        ("ethnicity", "Hispanic", 120, 12),
    ]
    asian = found.answers[1::4] == found.truth[1::4]
    assert groups[1].recalls["scream"] == pytest.approx(asian[found.truth[1::4] == 1].mean(), abs=1e-6)
    assert groups[1].uar_interval is not None
    assert fairness_notes(told) == ["30 clips do not tell race: they are in no group by race"]


def test_intervals_draw_the_speakers_of_the_group():
    clips, found = people()
    chosen = np.array([i for i, clip in enumerate(clips) if clip.sex == "male"])

    def recall(drawn: np.ndarray) -> dict[str, float]:
        members = chosen[drawn]
        screams = members[found.truth[members] == 1]
        return {"scream": float(np.mean(found.answers[screams] == 1))}

    expected = intervals(recall, [clips[i].speaker for i in chosen], seed=3, draws=80)["scream"]
    male = next(group for group in group_recalls(clips, found, seed=3, draws=80) if group.group == "male")
    assert male.intervals["scream"] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("answer", "expected"), [(1, (0.510109, 1.0)), (0, (0.0, 0.489891))])
def test_four_speakers_who_agree_are_not_certainty(answer, expected):
    """Wilson's interval of 4 of 4: 4 / (4 + 1.96^2) to 1; ten clips of a speaker count once."""
    clips = [Clip(path=f"{i}", corpus="c", speaker=f"s{i % 4}", sex="female") for i in range(40)]
    found = judged(np.ones(40, int), np.full(40, answer), [f"s{i % 4}" for i in range(40)])
    (group,) = group_recalls(clips, found, seed=0, draws=20)
    assert group.recalls == {"other": None, "scream": answer}
    assert group.intervals["scream"] == pytest.approx(expected, abs=1e-6)
    assert group.intervals["other"] is None
    assert group.uar is None  # of one label it would not compare with a group that has both


@pytest.mark.parametrize(
    ("years", "name"),
    [(0, "under 20"), (19.9, "under 20"), (20, "20-39"), (39.5, "20-39"), (40, "40-59"), (60, "60 and over")],
)
def test_bands_of_age_meet_without_a_gap(years, name):
    assert age_band(years) == name


def test_what_no_clip_tells_makes_no_group_and_what_some_do_not_tell_is_said():
    unknown = [Clip(path=f"{i}", corpus="c") for i in range(3)]
    assert group_recalls(unknown, judged([0, 1, 0], [0, 1, 1], "abc"), seed=0, draws=5) == ()
    assert fairness_notes(unknown) == []
    some = [*unknown, Clip(path="3", corpus="c", sex="male")]
    assert fairness_notes(some) == ["3 clips do not tell sex: they are in no group by sex"]
