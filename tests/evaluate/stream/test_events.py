"""Events as CSV: what is written is read, and what does not hold is refused with its line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exclaim.errors import CorpusError
from exclaim.evaluate.stream.events import Event, check_within, read_events, write_events


@pytest.fixture
def table(tmp_path) -> Path:
    return tmp_path / "events.csv"


def test_events_are_read_in_any_order_of_columns_and_others_are_passed_over(table):
    table.write_text("label,note,onset,offset\nscream,loud,1.5,2.25\n\nspeech,,1.75,9\n", "utf-8-sig")
    assert read_events(table) == (
        Event(onset=1.5, offset=2.25, label="scream"),
        Event(onset=1.75, offset=9.0, label="speech"),  # other labels may overlap
    )


def test_the_header_alone_says_that_nothing_sounds(table):
    table.write_text("onset,offset,label\n")
    assert read_events(table) == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "columns \\(none\\)"),
        ("1,2,scream\n", "the first line names the columns 1, 2, scream; expected onset, offset, label"),
        ("onset,offset,label,onset\n", "each once"),
        ("onset,offset,label,source,source\n", "each once"),
        ("onset,offset,label\n1,2\n", "line 2: 2 cells; expected 3"),
        ("onset,offset,label\n1,2,scream\nx,5,scream\n", "line 3: onset is 'x'; expected seconds"),
        ("onset,offset,label\n1,nan,scream\n", "line 2: offset is 'nan'"),
        ("onset,offset,label\n1,inf,scream\n", "line 2: offset is 'inf'"),
        ("onset,offset,label\n-1,2,scream\n", "line 2: onset is '-1'"),
        ("onset,offset,label\n2,2,scream\n", "line 2: ends at 2 s, not after its onset at 2 s"),
        ("onset,offset,label\n1,2, \n", "line 2: has no label"),
        ("onset,offset,label\n5,6,scream\n1,2,speech\n", "line 3: begins at 1 s, before the event above it"),
        ("onset,offset,label\n1,4,scream\n2,3,speech\n3.5,5,scream\n", "line 4: 'scream' begins at 3.5 s, while"),
    ],
)
def test_what_does_not_hold_is_refused(table, text, said):
    table.write_text(text)
    with pytest.raises(CorpusError, match=said):
        read_events(table)


def test_a_file_that_is_not_there_or_not_text_is_refused(table):
    with pytest.raises(CorpusError, match="cannot be read"):
        read_events(table)
    table.write_bytes(b"RIFF\xff\xfe")
    with pytest.raises(CorpusError, match="cannot be read"):
        read_events(table)


@pytest.mark.parametrize(("onset", "offset", "fits"), [(8, 10.4, True), (8, 10.6, False), (10, 10.2, False)])
def test_events_belong_within_their_recording(table, onset, offset, fits):
    events = [Event(onset=onset, offset=offset, label="scream")]
    if fits:
        check_within(events, 10.0, table)
    else:
        with pytest.raises(CorpusError, match=r"the recording ends at 10\.0 s"):
            check_within(events, 10.0, table)


times = st.lists(st.integers(0, 10**7), min_size=2, max_size=20, unique=True).map(sorted)
words = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=8)


@given(times=times, label=words, source=st.none() | words)
def test_what_is_written_is_read_again(tmp_path_factory, times, label, source):
    events = tuple(
        Event(onset=onset / 1000, offset=offset / 1000, label=label, source=source)
        for onset, offset in zip(times[::2], times[1::2], strict=False)
    )
    path = tmp_path_factory.mktemp("events") / "events.csv"
    write_events(path, events)
    assert read_events(path) == events
