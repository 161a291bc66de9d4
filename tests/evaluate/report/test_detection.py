"""What `evaluate --stream --json` measured, in a report."""

import json

from exclaim.evaluate.report.detection import detection_section, read_streamed


def point(threshold, recall, rate, **fields):
    return {
        "threshold": threshold,
        "off": threshold / 2,
        "recall": recall,
        "false_alarms": 3,
        "false_alarms_per_hour": rate,
        "false_alarms_interval": [rate / 2, 2 * rate],
        "delay_median": 0.7,
        "delay_90": 1.2,
        **fields,
    }


def streamed(model="screams", events=20, **figures):
    return {
        "task": "scream-detection",
        "model": model,
        "model_version": "1",
        "model_sha256": "0" * 64,
        "data": "soundscapes",
        "data_sha256": "a" * 64,
        "figures": {
            "hours": 2.5,
            "recordings": 3,
            "events": events,
            "at_card": point(0.5, 0.85, 1.5),
            "wanted_recall": 0.9,
            "at_recall": point(0.3, 0.9, 4.0),
            "curve": [point(0.1, 1.0, 40.0), point(0.5, 0.85, 1.5), point(0.9, 0.2, 0.0)],
            **figures,
        },
        "protocol": "as they are",
        "notes": ["few sources"],
    }


def test_the_curve_and_both_thresholds_are_told(tmp_path):
    (tmp_path / "stream.json").write_text(json.dumps(streamed()))
    section = detection_section(read_streamed([tmp_path / "stream.json"]))
    assert "<svg" in section.drawings[0].svg
    told = {(n.condition, n.figure): (n.value, n.low, n.high) for n in section.numbers}
    assert told["at the card's threshold", "false alarms"] == (1.5, 0.75, 3.0)
    assert told["at a recall of 90%", "recall"] == (0.9, None, None)
    assert section.notes == ("few sources",)


def test_a_recall_that_is_not_reached_is_said(tmp_path):
    (tmp_path / "stream.json").write_text(json.dumps(streamed(at_recall=None)))
    section = detection_section(read_streamed([tmp_path / "stream.json"]))
    assert "not reached" in section.tables[0].blocks[0].lines[0].cells[-1].detail


def test_what_is_no_such_file_is_left_out(tmp_path, caplog):
    (tmp_path / "stream.json").write_text("[]")
    assert detection_section(read_streamed([tmp_path / "stream.json", tmp_path / "absent.json"])) is None
    assert caplog.text.count("is left out") == 2


def test_recordings_without_events_have_no_curve(tmp_path):
    (tmp_path / "stream.json").write_text(json.dumps(streamed(events=0)))
    assert detection_section(read_streamed([tmp_path / "stream.json"])) is None
