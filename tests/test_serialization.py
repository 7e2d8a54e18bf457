"""Files of tensors: what goes in comes out, and a failure never costs the file that was there."""

import errno
import json
import os

import numpy as np
import pytest

import minitransformer as mt
from minitransformer.nn import serialization
from minitransformer.nn.serialization import load, load_metadata, save

STATE = {
    "weight": np.arange(6, dtype=np.float32).reshape(2, 3) / 7,
    "half": np.array([1.5, -0.25, 65504.0], np.float16),
    "double": np.array(np.pi),
    "none": np.zeros((0, 4), np.float32),
    "ids": np.array([[-3, 2**62]]),
    "bytes": np.array([0, 255], np.uint8),
    "flags": np.array([True, False, True]),
}
METADATA = {"config": json.dumps({"n_layer": 2}), "naïve": "α → β", "empty": ""}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        assert found[name].shape == array.shape
        assert found[name].tobytes() == array.tobytes()


def test_a_state_comes_back_bit_for_bit(path):
    save(path, STATE, METADATA)
    assert_same(load(path), STATE)
    assert load_metadata(path) == METADATA
    load(path)["weight"][0, 0] = 5  # writable


def test_nothing_at_all_can_be_saved(path):
    save(path, {})
    assert load(path) == {}
    assert load_metadata(path) == {}


def test_tensors_views_and_byte_orders_are_saved_by_value(path):
    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    state = {
        "tensor": mt.Tensor(x),
        "transposed": x.T,
        "strided": x[:, ::2],
        "big": x.astype(">f4"),
    }
    mt.save(path, state)
    expected = {"tensor": x, "transposed": x.T, "strided": x[:, ::2], "big": x}
    assert_same(mt.load(str(path)), {k: np.ascontiguousarray(v) for k, v in expected.items()})


def test_the_same_state_gives_the_same_bytes(path):
    save(path, STATE, METADATA)
    first = path.read_bytes()
    save(path, dict(reversed(STATE.items())), dict(reversed(METADATA.items())))
    assert path.read_bytes() == first


def test_the_format_is_that_of_the_safetensors_library(path):
    from safetensors.numpy import load_file, save_file

    save(path, STATE, METADATA)
    assert_same(load_file(path), STATE)
    save_file(STATE, path, {"format": "np"})
    assert_same(load(path), STATE)
    assert load_metadata(path) == {"format": "np"}


def test_every_tensor_starts_at_a_multiple_of_its_width(path):
    save(path, STATE)
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    for name, array in STATE.items():
        assert (start + header[name]["data_offsets"][0]) % array.itemsize == 0


def test_bfloat16_becomes_float32(path):
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    x = torch.tensor([1.0, -2.5, 3.140625, 1e-40, float("inf"), float("-inf"), 3e38, -0.0])
    save_file({"x": x.bfloat16().reshape(2, 4)}, path)
    found = load(path)["x"]
    assert found.dtype == np.float32
    assert found.tobytes() == x.bfloat16().float().reshape(2, 4).numpy().tobytes()


def test_a_dtype_that_numpy_does_not_have_is_named(path):
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    save_file({"tiny": torch.zeros(2, dtype=torch.float8_e4m3fn)}, path)
    with pytest.raises(ValueError, match=r"model\.safetensors: tiny has dtype F8_E4M3"):
        load(path)


def test_a_missing_file_or_folder_is_an_os_error(path):
    with pytest.raises(FileNotFoundError):
        load(path)
    with pytest.raises(FileNotFoundError):
        save(path.parent / "nowhere" / "x.safetensors", STATE)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"not a model at all" * 20, bytes(100)])
def test_a_foreign_file_is_refused_by_name(path, content):
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"load: .*model\.safetensors is cut off, damaged, or not"):
        load(path)


def test_a_file_cut_anywhere_is_refused(path):
    save(path, STATE, METADATA)
    content = path.read_bytes()
    for end in range(len(content)):
        path.write_bytes(content[:end])
        with pytest.raises(ValueError, match="cut off"):
            load(path)
    path.write_bytes(content + b"\0")
    with pytest.raises(ValueError, match="cut off"):
        load(path)


@pytest.mark.parametrize("flip", [0x01, 0x02, 0x10, 0x20, 0x80, 0xFF])
def test_no_flipped_byte_is_ever_loaded_as_something_else(path, flip):
    save(path, {"a": np.array([1.0, 2.0], np.float32), "b": np.array([7])}, {"step": "12"})
    content = path.read_bytes()
    for i in range(len(content)):
        path.write_bytes(content[:i] + bytes([content[i] ^ flip]) + content[i + 1 :])
        with pytest.raises(ValueError, match=r"model\.safetensors"):
            load(path)
        with pytest.raises(ValueError, match=r"model\.safetensors"):
            load_metadata(path)


def full_disk(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def full_after_the_header(monkeypatch):
    """Writing the header works; the first tensor finds the disk full, in part written."""

    class Disk:
        def __init__(self, file):
            self.file = file
            self.writes = 0

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def write(self, content):
            self.writes += 1
            if self.writes > 1:
                self.file.write(bytes(content)[:3])
                full_disk()
            return self.file.write(content)

    opened = serialization.Path.open
    monkeypatch.setattr(
        serialization.Path, "open", lambda self, mode: Disk(opened(self, mode)), raising=True
    )


def full_at_fsync(monkeypatch):
    monkeypatch.setattr(os, "fsync", full_disk)


def stopped_at_replace(monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", stop)


@pytest.mark.parametrize("fail", [full_after_the_header, full_at_fsync, stopped_at_replace])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(path, monkeypatch, fail):
    save(path, STATE, METADATA)
    before = path.read_bytes()
    with monkeypatch.context() as patched:
        fail(patched)
        with pytest.raises((OSError, KeyboardInterrupt)):
            save(path, {"weight": np.ones(1000, np.float32)})
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_numbers_and_name_are_on_the_disk_in_this_order(path, monkeypatch):
    calls = []
    fsync, replace = os.fsync, os.replace

    def noted_fsync(descriptor):
        calls.append("fsync of the folder" if path.exists() else "fsync of the file")
        fsync(descriptor)

    def noted_replace(source, target):
        assert str(source) == f"{target}.tmp"
        calls.append("replace")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "replace", noted_replace)
    save(path, STATE)
    assert calls == ["fsync of the file", "replace", "fsync of the folder"]


@pytest.mark.parametrize(
    ("state", "metadata", "error", "message"),
    [
        ({"a": 3.0}, {}, TypeError, "a should be a Tensor or an array, got float"),
        ({"a": [1, 2]}, {}, TypeError, "a should be a Tensor or an array, got list"),
        ({"a": np.array(["x"])}, {}, TypeError, "a has dtype <U1"),
        ({"a": np.array([1j])}, {}, TypeError, "a has dtype complex128"),
        ({"__metadata__": np.ones(1)}, {}, ValueError, "cannot be called '__metadata__'"),
        ({3: np.ones(1)}, {}, ValueError, "cannot be called 3"),
        ({}, {"step": 3}, TypeError, "metadata 'step' should be a text, got 3"),
        ({}, {"written_by": "me"}, ValueError, "metadata cannot be called written_by"),
    ],
)
def test_what_cannot_be_saved_is_named_and_the_old_file_kept(path, state, metadata, error, message):
    save(path, STATE)
    before = path.read_bytes()
    with pytest.raises(error, match=message):
        save(path, state, metadata)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]
