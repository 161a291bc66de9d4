"""Records, and the tables generated from them; the project's own tables agree with docs/results.json."""

import multiprocessing
from pathlib import Path

import msgspec
import pytest

from exclaim.cli import main
from exclaim.errors import ConfigError
from exclaim.evaluate.records import identifier
from exclaim.evaluate.results import (
    Record,
    check_writable,
    fill_tables,
    keep_records,
    read_records,
    render_results,
    source_tree,
)

PROJECT = Path(__file__).parents[2]


def record(identity: str, value: float | None = 0.5, **fields) -> Record:
    constant = {
        "protocol": "by hand",
        "command": "exclaim x",
        "source_tree": "ab" * 32,
        "date": "2026-01-01T00:00:00+00:00",
    }
    return Record(
        **{"id": identity, "metric": f"metric of {identity}", "value": value, "data": "clips", **constant, **fields}
    )


def test_records_survive_the_file(tmp_path):
    records = (record("a.x", interval=(0.1, 0.9)), record("a.y", None, unit="ms"))
    keep_records(tmp_path / "results.json", records)
    assert read_records(tmp_path / "results.json") == records
    assert read_records(tmp_path / "none.json") == ()


def test_a_record_replaces_the_one_of_its_id(tmp_path):
    path = tmp_path / "results.json"
    keep_records(path, (record("b"), record("a", 1.0)))
    keep_records(path, [record("a", 2.0), record("c")])
    assert [(r.id, r.value) for r in read_records(path)] == [("a", 2.0), ("b", 0.5), ("c", 0.5)]


def _keep_some(path, name):
    for number in range(20):
        keep_records(path, [record(f"{name}.{number}")])


def test_two_who_record_at_once_lose_nothing(tmp_path):
    path = tmp_path / "results.json"
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=_keep_some, args=(path, name)) for name in "ab"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(read_records(path)) == 40


def test_records_that_cannot_be_written_are_told(tmp_path):
    with pytest.raises(ConfigError, match="cannot be written: No such file or directory"):
        keep_records(tmp_path / "none" / "results.json", [record("a")])


def test_whether_records_can_be_written_is_told_before_the_work(tmp_path):
    check_writable(tmp_path / "results.json")
    assert list(tmp_path.iterdir()) == [], "nothing is made yet"
    with pytest.raises(ConfigError, match=r"results\.json cannot be written: .*none is no folder"):
        check_writable(tmp_path / "none" / "results.json")
    (tmp_path / "results.json").write_text("{")
    with pytest.raises(ConfigError, match="expected a JSON list"):
        check_writable(tmp_path / "results.json")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "expected a JSON list"),
        ('[{"id": "a"}]', "missing required field"),
        (msgspec.json.encode([record("a"), record("a")]).decode(), "the id 'a' is there twice"),
    ],
)
def test_a_file_that_holds_no_records_is_refused(tmp_path, text, message):
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_records(tmp_path / "results.json")


def test_a_table_holds_what_it_asks_for_in_its_order():
    records = [
        record("bench.load", 12.345, unit="ms"),
        record("bench.ratio", 5.1),
        record("evaluate.uar", 0.71234, interval=(0.7, 0.725)),
    ]
    text = "before\n<!-- results: evaluate bench.* -->\nold\n<!-- end -->\nafter\n"
    assert fill_tables(text, records) == (
        "before\n<!-- results: evaluate bench.* -->\n"
        "| measured | value | on |\n|---|---|---|\n"
        "| metric of evaluate.uar | 0.712 [0.700, 0.725] | clips |\n"
        "| metric of bench.load | 12.3 ms | clips |\n"
        "| metric of bench.ratio | 5.1 | clips |\n"
        "<!-- end -->\nafter\n"
    )
    assert fill_tables(fill_tables(text, records), records) == fill_tables(text, records)


def test_a_table_that_asks_for_nothing_known_or_has_no_end_is_an_error():
    with pytest.raises(ConfigError, match="a table asks for 'x', but no record"):
        fill_tables("<!-- results: x -->\n<!-- end -->", [record("a")])
    with pytest.raises(ConfigError, match="has no `<!-- end -->`"):
        fill_tables("<!-- results: a -->\n", [record("a")])


def test_large_and_unknown_figures_are_written_plainly():
    text = render_results([record("a.parameters", 957_950.0), record("a.joules", None), record("a.zero", 0.0)])
    assert "| 957,950 |" in text
    assert "| not measured here |" in text
    assert "| 0.000 |" in text
    assert "- parameters, joules, zero: by hand. `exclaim x` (2026-01-01; source tree abababababab)" in text


def test_the_source_tree_changes_with_a_name_or_a_byte_and_not_with_caches(tmp_path):
    (tmp_path / "a.py").write_text("1")
    first = source_tree(tmp_path)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__/a.pyc").write_text("x")
    assert source_tree(tmp_path) == first
    (tmp_path / "a.py").write_text("2")
    second = source_tree(tmp_path)
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    assert len({first, second, source_tree(tmp_path)}) == 3


def test_identifiers_are_plain():
    assert identifier("Deeply, test speakers") == "deeply-test-speakers"


def test_the_command_writes_and_checks(tmp_path, capsys):
    (tmp_path / "docs").mkdir()
    keep_records(tmp_path / "docs/results.json", [record("a.x")])
    (tmp_path / "README.md").write_text("<!-- results: a.x -->\n<!-- end -->\n")
    with pytest.raises(SystemExit):
        main(["results", "--check", "--root", str(tmp_path)])
    assert "README.md" in capsys.readouterr().err
    for arguments in (["results", "--root", str(tmp_path)], ["results", "--check", "--root", str(tmp_path)]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert not ended.value.code
    assert "metric of a.x" in (tmp_path / "README.md").read_text()
    (tmp_path / "docs/results.md").write_text("better numbers")
    with pytest.raises(SystemExit) as ended:
        main(["results", "--check", "--root", str(tmp_path)])
    assert ended.value.code == 1


def test_the_projects_tables_are_what_was_measured():
    with pytest.raises(SystemExit) as ended:
        main(["results", "--check", "--root", str(PROJECT)])
    assert not ended.value.code, "run `exclaim results` and commit what it writes"
