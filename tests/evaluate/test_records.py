"""An evaluation as records: of all, by sex and age, and under noise."""

import msgspec
import numpy as np
import pytest

from exclaim.corpora.registry import load_corpus
from exclaim.evaluate.evaluate import evaluate
from exclaim.evaluate.noise.table import NoiseRow, NoiseTable
from exclaim.evaluate.records import evaluation_records


def row(kind: str | None, snr: float | None, uar: float, loss: float | None) -> NoiseRow:
    spread = {"uar": (uar - 0.1, uar + 0.1), "loss": (-0.01, 0.2)}
    return NoiseRow(kind=kind, snr_db=snr, uar=uar, auroc=None, loss=loss, recalls={}, intervals=spread)


@pytest.fixture
def found(write_clips, tiny):
    rows = []
    for i in range(12):
        samples = 0.5 * np.random.default_rng(i).uniform(-1, 1, 48_000 if i % 2 else 4_800)
        rows.append(("scream" if i % 2 else "other", f"s{i % 3}", samples))
    path = write_clips(rows)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([f"{lines[0]},sex", *(f"{line},female" for line in lines[1:])]))
    table = NoiseTable(
        noise="Night & day",
        recordings={"bus": ("a", "b"), "cafe": ("c",)},
        snrs_db=(-5.0, 2.5),
        n=11,
        excluded_reasons={},
        data_sha256="ab" * 32,
        clean=row(None, None, 0.9, None),
        rows=(row("bus", -5.0, 0.7, 0.2), row("cafe", 2.5, 0.8, 0.1)),
        means=(row(None, -5.0, 0.7, 0.2),),
        protocol="mixed",
    )
    plain = evaluate(tiny, load_corpus("csv", path), task="scream-detection", draws=5, data="my street")
    return msgspec.structs.replace(plain, noise=table)


def test_every_figure_has_a_record_of_its_own(found):
    records = evaluation_records(found, command="exclaim evaluate x", tree="t", date="d")
    by_id = {record.id.removeprefix("evaluate.tiny.scream-detection.my-street."): record for record in records}
    assert len(by_id) == len(records)
    assert by_id["auprc"].value == found.auprc
    assert by_id["selective_uar"].metric == "UAR at 70% coverage of tiny 0, scream-detection"
    female = by_id["recall-by-sex.female-scream"]
    assert female.value == found.groups[0].recalls["scream"]
    assert female.interval == found.groups[0].intervals["scream"]
    assert female.data == "my street: 6 clips"
    assert by_id["uar-by-sex.female"].value == found.groups[0].uar
    assert by_id["uar-by-sex.female"].data == "my street: 12 clips, 3 speakers"
    noisy = [name for name in by_id if name.startswith("under-")]
    assert sorted(noisy) == [
        "under-night-day.bus-minus-5-db-loss",
        "under-night-day.bus-minus-5-db-uar",
        "under-night-day.cafe-2-5-db-loss",
        "under-night-day.cafe-2-5-db-uar",
        "under-night-day.clean-uar",
        "under-night-day.mean-minus-5-db-loss",
        "under-night-day.mean-minus-5-db-uar",
    ]


def test_a_record_under_noise_says_where_and_on_what(found):
    records = {r.id.rpartition(".")[2]: r for r in evaluation_records(found, command="c", tree="t", date="d")}
    loss = records["bus-minus-5-db-loss"]
    assert (loss.value, loss.interval) == (0.2, (-0.01, 0.2))
    assert loss.metric == "UAR lost of tiny 0, scream-detection: bus, -5 dB"
    assert loss.data == "my street: 11 clips; noise: Night & day (bus 2 recordings)"
    assert loss.data_sha256 == "ab" * 32
    assert loss.protocol == "mixed"
    assert records["mean-minus-5-db-uar"].data.endswith("(bus 2, cafe 1 recordings)")
