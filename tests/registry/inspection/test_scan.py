"""What is found in files that run code when they are loaded, however they are dressed up; and that
nothing here loads them.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import struct
import subprocess
import sys
import tarfile
import textwrap
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from podium.registry.inspection.findings import judge
from podium.registry.inspection.scan import scan, scan_unseen


class Evil:
    """Unpickling this runs a command."""

    def __init__(self, *call: Any) -> None:
        self._call = call or (os.system, ("true",))

    def __reduce__(self) -> Any:
        return self._call


Json = dict[str, Any]
EVIL = pickle.dumps(Evil())
PROTOCOL_0 = pickle.dumps(Evil(), protocol=0)
# The name of what is imported is put together on the stack.
STACK_GLOBAL = b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85R."
# By way of what a trusted module has imported itself.
DOTTED = b"\x80\x04\x8c\x0dsklearn.utils\x8c\x09os.system\x93\x8c\x02id\x85R."
HDF5 = b"\x89HDF\r\n\x1a\n" + bytes(30)
ONNX = b"\x08\x08\x12\x07pytorch" + bytes(30)
HARMLESS = pickle.dumps(OrderedDict(a=np.arange(3), b="text"))


def zipped(name: str = "archive/data.pkl", data: bytes = EVIL) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, data)
        archive.writestr("archive/data/0", bytes(64))
        archive.writestr("archive/version", "3\n")
    return buffer.getvalue()


def tarred() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("model.pkl")
        info.size = len(EVIL)
        archive.addfile(info, io.BytesIO(EVIL))
    return buffer.getvalue()


def broken_zip() -> bytes:
    """One bit of the member is not what its checksum says: some readers do not mind."""
    whole = bytearray(zipped())
    whole[whole.index(EVIL) + len(EVIL) - 1] ^= 1
    return bytes(whole)


def safetensors(header: bytes = b'{"__metadata__":{}}') -> bytes:
    return struct.pack("<Q", len(header)) + header + bytes(16)


def numpy_file(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def joblib_file(value: Any, **options: Any) -> bytes:
    import joblib

    buffer = io.BytesIO()
    joblib.dump(value, buffer, **options)
    return buffer.getvalue()


def keras_file(layer: Json, **members: bytes) -> bytes:
    model = {"module": "keras", "class_name": "Sequential", "config": {"layers": [layer]}}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", json.dumps(model))
        archive.writestr("model.weights.h5", HDF5)
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def layer(class_name: str, module: str = "keras.layers") -> Json:
    return {"module": module, "class_name": class_name, "config": {"units": 3}}


def verdict(path: str, content: bytes) -> str:
    if path.endswith(".safetensors"):
        return judge(scan_unseen(path, len(content), content[:4096]))
    return judge(scan(path, io.BytesIO(content)))


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("model.pkl", EVIL),
        ("model.pkl", PROTOCOL_0),
        ("model.pkl", STACK_GLOBAL),
        ("model.pkl", pickle.dumps(Evil(eval, ("1",)))),
        ("model.pkl", pickle.dumps(Evil(subprocess.Popen, (["id"],)))),
        ("model.pkl", pickle.dumps({"deep": [1, {"in": Evil()}]})),
        ("model.pkl", HARMLESS + EVIL),
        ("model.pkl", EVIL[:-1]),
        ("model.pkl", EVIL + b"\xff garbage"),
        ("weights.txt", PROTOCOL_0),
        ("README.md", EVIL),
        ("noextension", STACK_GLOBAL),
        ("model.pt", zipped()),
        ("model.bin", zipped("archive/renamed.txt")),
        ("model.pt", zipped("archive/data.pkl", STACK_GLOBAL)),
        ("arrays.npz", zipped("a.npy", numpy_file(np.array([Evil()], dtype=object)))),
        ("array.npy", numpy_file(np.array([Evil()], dtype=object))),
        ("model.pt", b"prefix" + zipped()),
        ("model.pkl", EVIL + zipped(data=HARMLESS)),
        ("model.joblib", joblib_file({"a": np.arange(9), "b": Evil()})),
        ("model.joblib", joblib_file({"b": Evil(), "a": np.arange(9)}, protocol=2)),
        ("model.joblib", joblib_file(np.array([1, Evil()], dtype=object))),
        ("model.keras", keras_file(layer("Lambda"))),
        ("model.keras", keras_file({"deep": [{"class_name": "__lambda__"}]})),
        ("model.keras", keras_file(layer("Dense"), pickled=EVIL)),
        ("model.h5", HDF5 + b'{"class_name": "Lambda", "config": 1}'),
    ],
)
def test_what_is_dangerous_is_found(path: str, content: bytes) -> None:
    assert verdict(path, content) == "UNSAFE"


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("model.7z", b"7z\xbc\xaf\x27\x1c" + bytes(30)),
        ("model.pkl.gz", gzip.compress(EVIL, mtime=0)),
        ("model.tar", tarred()),
        ("model.pt", broken_zip()),
        ("model.pt", zipped()[:-30]),
        ("model.pt", zipped("inner.zip", zipped())),
        ("model.pkl", b"\x80\x04garbage"),
        ("model.pkl", HARMLESS[:-5]),
        ("model.joblib", b"not a pickle at all"),
        ("model.h5", HDF5),
        ("model.h5", b"not HDF5 at all"),
        ("model.keras", keras_file(layer("Dense", "ourlib.layers"))),
        ("model.keras", keras_file(layer("get_file", "keras.utils"))),
        ("model.keras", keras_file(layer("load_model", "keras.models"))),
        ("model.keras", keras_file({"class_name": "Dense"})),
        ("model.keras", keras_file(layer("Dense"), **{"assets/x.h5": HDF5})),
        ("model.keras", zipped("config.json", b"no JSON")),
        ("model.keras", zipped("other.json", b"{}")),
        ("model.zip", zipped("model.weights.h5", HDF5)),
        ("model.onnx", b"anything"),
        ("model.pkl", DOTTED),
        ("model.joblib", joblib_file(np.arange(9), compress=3)),
        ("model.joblib", joblib_file(np.arange(9))[:-1]),
        ("model.joblib", joblib_file(np.arange(9)) + b"more"),
        ("saved_model.pb", b"\x08\x01"),
        ("code/model.py", b"import os"),
        ("archive.pt", zipped("code/__torch__.py", b"def f(): ...")),
        ("model.pkl", pickle.dumps(Evil(json.dumps, ({},)))),
        ("weights.safetensors", EVIL),
        ("weights.safetensors", b""),
        ("weights.safetensors", safetensors(b"[1]")),
        ("weights.safetensors", struct.pack("<Q", 2**60) + b"{}"),
    ],
)
def test_what_cannot_be_told_is_not_clean(path: str, content: bytes) -> None:
    assert verdict(path, content) == "UNKNOWN"


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("weights.safetensors", safetensors()),
        ("model.pkl", HARMLESS),
        ("model.pt", zipped(data=HARMLESS)),
        ("array.npy", numpy_file(np.arange(10))),
        ("arrays.npz", zipped("a.npy", numpy_file(np.arange(10)))),
        ("model.joblib", joblib_file({"a": np.arange(9), "b": np.array(["text", None])})),
        ("model.joblib", joblib_file([np.zeros((3, 0)), np.float32(2), np.array(5)])),
        ("model.joblib", joblib_file(np.zeros(3, dtype=[("a", "f8"), ("b", "i4")]))),
        ("model.joblib", joblib_file(np.array(["2026-11-25"], dtype="M8[s]"), protocol=2)),
        ("model.keras", keras_file(layer("Dense"))),
        ("model.onnx", ONNX),
        ("conda.yaml", b"channels:\n- conda-forge\ndependencies:\n- python=3.11\n"),
        ("MLmodel", b"artifact_path: model\nflavors: {}\n"),
        ("requirements.txt", b"scikit-learn==1.5.0\ncloudpickle==3.1\n"),
        ("config.json", b'{"a": [1, 2]}'),
        ("image.png", b"\x89PNG\r\n\x1a\n" + bytes(range(256))),
        ("empty", b""),
    ],
)
def test_what_is_harmless_is_clean(path: str, content: bytes) -> None:
    assert scan(path, io.BytesIO(content)) == [] or path.endswith(".safetensors")
    assert verdict(path, content) == "CLEAN"


def test_a_model_of_scikit_learn_is_clean() -> None:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    assert scan("model.pkl", io.BytesIO(pickle.dumps(model))) == []


def test_what_joblib_keeps_of_scikit_learn_is_clean() -> None:
    """Trees have arrays of records, boosting has arrays of trees, text labels arrays of text."""
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier

    points, labels = np.random.default_rng(1).random((20, 2)), ["no", "yes"] * 10
    for model in (RandomForestClassifier(2), GradientBoostingClassifier(n_estimators=2)):
        content = joblib_file(model.fit(points, labels))
        assert scan("model.joblib", io.BytesIO(content)) == []


def test_nothing_hides_in_what_passes_for_an_array() -> None:
    """Whatever makes joblib go on elsewhere than it seems is not understood."""
    whole = joblib_file(np.zeros(64, dtype="u1"))
    assert verdict("model.joblib", whole) == "CLEAN"
    hidden = whole.replace(bytes(64), EVIL.ljust(64, b"."))
    assert verdict("model.joblib", hidden) == "CLEAN", "these are numbers to joblib"
    for changed in (
        hidden.replace(b"K@\x85", b"K\x01\x85"),  # the array is shorter than it seems
        hidden.replace(b"NumpyArrayWrapper", b"NumpyArrayWrappes"),
        hidden.replace(b"joblib.numpy_pickle", b"sklearn.numpypickle"),
        hidden.replace(b"\x8c\x05dtype", b"\x8c\x05dtypf", 1),
        hidden.replace(b"\x8c\x02u1", b"\x8c\x02O8"),
    ):
        assert changed != hidden
        assert verdict("model.joblib", changed) != "CLEAN"


@given(st.data())
def test_no_change_of_a_byte_makes_danger_clean(data: st.DataObject) -> None:
    content = bytearray(joblib_file({"a": np.arange(4), "b": Evil(), "c": np.arange(4)}))
    assert verdict("model.joblib", bytes(content)) == "UNSAFE"
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] = data.draw(st.integers(0, 255))
    if b"posix" in content and b"system" in content:
        assert verdict("model.joblib", bytes(content)) != "CLEAN"


def test_numbers_of_any_size_are_told_by_how_they_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("scan", "pickles"):
        monkeypatch.setattr(sys.modules[f"podium.registry.inspection.{module}"], "MAX_PICKLE", 200)
    array = numpy_file(np.arange(1000))
    objects = numpy_file(np.array(["a" * 300], dtype=object))
    for path, content in (("a.npy", array), ("model.onnx", ONNX + bytes(300))):
        assert judge(scan_unseen(path, len(content), content[:4096])) == "CLEAN"
    for path, content in (("a.npy", objects), ("model.onnx", bytes(300)), ("x.pkl", ONNX)):
        assert judge(scan_unseen(path, len(content), content[:4096])) == "UNKNOWN"
    assert verdict("a.npz", zipped("a.npy", array)) == "CLEAN"
    for raw, expected in ((bytes(1000), "CLEAN"), (STACK_GLOBAL + bytes(1000), "UNKNOWN")):
        assert verdict("model.pt", zipped("archive/data/7", raw)) == expected
    huge = b"\x80\x04\x8e" + struct.pack("<Q", 900) + bytes(900) + b"0" + STACK_GLOBAL[2:]
    assert verdict("model.pt", zipped("archive/data/7", huge)) == "UNKNOWN"


def test_a_large_file_is_not_looked_at_and_not_clean() -> None:
    assert judge(scan_unseen("model.pkl", 10**12, b"\x80\x04")) == "UNKNOWN"


@given(content=st.binary(max_size=300), name=st.sampled_from(["a", "a.pkl", "a.pt", "a.npy"]))
def test_it_never_raises(content: bytes, name: str) -> None:
    scan(name, io.BytesIO(content))
    scan(name, io.BytesIO(b"PK\x03\x04" + content))
    scan(name, io.BytesIO(b"\x80\x04" + content))


@given(
    before=st.sampled_from([b"", HARMLESS]),
    payload=st.sampled_from([EVIL, PROTOCOL_0, STACK_GLOBAL]),
    wrap=st.sampled_from([lambda data: data, lambda data: zipped(data=data)]),
    name=st.sampled_from(["model.pkl", "model.pt", "weights", "a.txt"]),
)
def test_no_dress_hides_it(
    before: bytes, payload: bytes, wrap: Callable[[bytes], bytes], name: str
) -> None:
    assert verdict(name, wrap(before + payload)) != "CLEAN"


def test_nothing_is_ever_unpickled() -> None:
    """Python tells of every import that a pickle makes: there is none, nor any exec of its code."""
    program = f"""
        import io, sys
        def watch(event, args):
            if event == "pickle.find_class" or (event == "os.system"):
                print("UNPICKLED", args)
                sys.stdout.flush()
        sys.addaudithook(watch)
        from podium.registry.inspection.scan import scan
        for name in ("model.pkl", "model.pt", "a.npy", "x"):
            for content in ({EVIL!r}, {PROTOCOL_0!r}, {STACK_GLOBAL!r}, {zipped()!r}):
                assert scan(name, io.BytesIO(content)), name
        print("done")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "done\n"
