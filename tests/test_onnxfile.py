"""Reading an ONNX file's bytes agrees with the onnx package, and no bytes make it do anything but answer
or refuse.
"""

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exclaim.errors import ModelError
from exclaim.onnxfile import metadata, weights, with_metadata

onnx = pytest.importorskip("onnx", reason="the oracle; extra `learn`")


@pytest.fixture(scope="module")
def data(tmp_path_factory, make_network) -> bytes:
    path = tmp_path_factory.mktemp("onnx") / "tiny.onnx"
    return make_network(path, {"a": np.ones((3, 128))}).read_bytes()


def test_metadata_is_what_onnx_reads(data):
    written = with_metadata(with_metadata(data, "one", "1"), "größe", "x" * 300)
    theirs = onnx.load_from_string(written)
    assert {entry.key: entry.value for entry in theirs.metadata_props} == {"one": "1", "größe": "x" * 300}
    assert metadata(written) == {"one": "1", "größe": "x" * 300}
    assert theirs.graph == onnx.load_from_string(data).graph


def test_an_entry_is_replaced(data):
    written = with_metadata(with_metadata(with_metadata(data, "a", "1"), "b", "2"), "a", "3")
    assert metadata(written) == {"b": "2", "a": "3"}


def test_metadata_that_onnx_wrote_is_read(data):
    model = onnx.load_from_string(data)
    onnx.helper.set_model_props(model, {"a": "1", "b": ""})
    assert metadata(model.SerializeToString()) == {"a": "1", "b": ""}


def test_weights_are_what_onnx_reads(data):
    model = onnx.load_from_string(data)
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.zeros((2, 0, 300), np.int64), "odd"))
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.float32(1), "scalar"))
    expected = [(w.name, tuple(w.dims), w.data_type, False) for w in model.graph.initializer]
    assert weights(model.SerializeToString()) == expected


def test_weights_kept_elsewhere_are_seen(data):
    model = onnx.load_from_string(data)
    model.graph.initializer[0].data_location = onnx.TensorProto.EXTERNAL
    assert [w.external for w in weights(model.SerializeToString())] == [True, False, False, False]


@pytest.mark.parametrize("keep", [1, 10, 100, -1])
def test_a_file_cut_short_is_refused(data, keep):
    with pytest.raises(ModelError, match="not an ONNX file"):
        metadata(data[:keep])


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(noise):
    for read in (metadata, weights):
        with contextlib.suppress(ModelError):  # and nothing else
            read(noise)
