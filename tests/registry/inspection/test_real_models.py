"""Models as people have them, of which the scan must not say that anything is wrong with them."""

from __future__ import annotations

import io
import pickle
import sys
import zipfile
from collections import OrderedDict
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from podium.registry.inspection.findings import judge
from podium.registry.inspection.scan import scan

POINTS = np.abs(np.random.default_rng(1).random((60, 4)))
LABELS = np.array([0, 1] * 30)


def verdict(content: bytes, path: str = "model.pkl") -> str:
    return judge(scan(path, io.BytesIO(content)))


def _is_clean(value: Any, *, since: int = 0) -> None:
    import joblib

    for protocol in range(since, 6):
        assert scan("model.pkl", io.BytesIO(pickle.dumps(value, protocol))) == []
    buffer = io.BytesIO()
    joblib.dump(value, buffer)
    assert scan("model.joblib", buffer) == []


def _estimators() -> list[Any]:
    from sklearn import (
        calibration,
        cluster,
        decomposition,
        ensemble,
        linear_model,
        naive_bayes,
        neighbors,
        neural_network,
        svm,
        tree,
    )
    from sklearn.gaussian_process import GaussianProcessClassifier, kernels
    from sklearn.model_selection import GridSearchCV

    logistic = linear_model.LogisticRegression()
    return [
        logistic,
        linear_model.SGDClassifier(loss="log_loss"),
        linear_model.RidgeCV(),
        linear_model.LassoCV(cv=3),
        linear_model.PoissonRegressor(),
        naive_bayes.GaussianNB(),
        neighbors.KNeighborsClassifier(algorithm="ball_tree", metric="manhattan"),
        neighbors.NearestNeighbors(algorithm="kd_tree"),
        svm.SVC(probability=False),
        tree.DecisionTreeClassifier(),
        ensemble.RandomForestClassifier(3),
        ensemble.ExtraTreesRegressor(3),
        ensemble.GradientBoostingClassifier(n_estimators=3),
        ensemble.HistGradientBoostingClassifier(max_iter=3),
        ensemble.HistGradientBoostingRegressor(max_iter=3, loss="quantile", quantile=0.5),
        ensemble.AdaBoostClassifier(n_estimators=3),
        ensemble.IsolationForest(n_estimators=3),
        ensemble.StackingClassifier([("a", logistic), ("b", tree.DecisionTreeClassifier())], cv=2),
        ensemble.VotingClassifier([("a", logistic)], voting="soft"),
        neural_network.MLPClassifier((4,), max_iter=3),
        cluster.KMeans(2),
        decomposition.PCA(2),
        GaussianProcessClassifier(1.0 * kernels.Matern() + kernels.WhiteKernel()),
        calibration.CalibratedClassifierCV(logistic, method="isotonic", cv=2),
        GridSearchCV(logistic, {"C": [1, 2]}, cv=2),
        GridSearchCV(logistic, {"C": [1, 2]}, cv=2, scoring="roc_auc"),
    ]


@pytest.mark.filterwarnings("ignore")
def test_estimators_of_scikit_learn_are_clean() -> None:
    for estimator in _estimators():
        _is_clean(estimator.fit(POINTS, LABELS))


@pytest.mark.filterwarnings("ignore")
def test_pipelines_of_scikit_learn_are_clean() -> None:
    import pandas as pd
    from sklearn import compose, feature_selection, impute, pipeline, preprocessing
    from sklearn.feature_extraction import text as texts
    from sklearn.linear_model import LogisticRegression

    frame = pd.DataFrame(POINTS, columns=list("abcd"))
    frame["e"], frame["f"] = ["x", "y", "z"] * 20, ["some words", "others"] * 30
    columns = compose.make_column_transformer(
        (preprocessing.OneHotEncoder(handle_unknown="ignore"), ["e"]),
        (texts.TfidfVectorizer(), "f"),
        (preprocessing.FunctionTransformer(np.log1p), ["a"]),
        (preprocessing.SplineTransformer(), ["b"]),
        (pipeline.make_pipeline(impute.SimpleImputer(), preprocessing.StandardScaler()), ["c"]),
        remainder="passthrough",
    )
    chosen = feature_selection.SelectKBest(feature_selection.f_classif, k=3)
    whole = pipeline.make_pipeline(columns, chosen, LogisticRegression())
    _is_clean(whole.fit(frame, LABELS))


def test_frames_of_pandas_are_clean() -> None:
    import pandas as pd

    days = pd.date_range("2026-11-25", periods=2, tz="UTC")
    _is_clean(
        pd.DataFrame(
            {
                "number": [1, 2],
                "text": ["a", None],
                "kind": pd.Categorical(["u", "v"]),
                "when": days,
                "maybe": pd.array([1, None], dtype="Int64"),
                "span": pd.to_timedelta([1, 2], unit="s"),
            },
            index=pd.MultiIndex.from_tuples([(1, "x"), (2, "y")]),
        )
    )
    _is_clean(pd.Series([1, 2], index=days))
    _is_clean(
        [pd.cut(pd.Series([1, 2, 3]), 2), pd.NA, pd.Timestamp("2026-11-25"), pd.RangeIndex(3)]
    )


def test_arrays_of_numpy_and_scipy_are_clean() -> None:
    from scipy import interpolate, sparse, spatial

    _is_clean([np.float32(1), np.datetime64("2026"), np.array(["a", None]), np.ones((2, 3)).T])
    _is_clean(
        [np.random.default_rng(1), np.random.RandomState(1), np.ma.masked_array([1], [False])]
    )
    _is_clean([np.rec.array([(1, 2.0)], dtype=[("a", int), ("b", float)]), np.float64, np.exp])
    _is_clean([sparse.csr_matrix(np.eye(2)), sparse.coo_array(np.eye(2))])
    _is_clean(spatial.KDTree(np.eye(2)), since=2)
    _is_clean(interpolate.CubicSpline([1, 2, 3], [1, 2, 3]), since=2)


@pytest.mark.parametrize(
    ("library", "model"),
    [
        ("xgboost", "XGBClassifier"),
        ("xgboost", "XGBRanker"),
        ("lightgbm", "LGBMClassifier"),
        ("catboost", "CatBoostClassifier"),
    ],
)
def test_what_boosting_writes_is_clean(library: str, model: str) -> None:
    made = getattr(pytest.importorskip(library, reason=f"pip install {library}"), model)(
        n_estimators=2
    )
    grouped = {"qid": np.zeros(60)} if model == "XGBRanker" else {}
    _is_clean(made.fit(POINTS, LABELS, **grouped))


class _Library:
    """Stands for libraries that are not here: pickles name what is in it as if they were."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def __call__(self, module: str, name: str) -> Any:
        parts = module.split(".")
        for package in (".".join(parts[: at + 1]) for at in range(len(parts))):
            if package not in sys.modules:
                self._monkeypatch.setitem(sys.modules, package, ModuleType(package))
        made = type(name, (_Dressed,), {"__module__": module})
        self._monkeypatch.setattr(sys.modules[module], name, made, raising=False)
        return made


class _Dressed:
    """An object of any attributes."""

    @classmethod
    def of(cls, **attributes: Any) -> Any:
        made = cls.__new__(cls)
        made.__dict__.update(attributes)
        return made


class _Reduced:
    def __init__(self, *reduced: Any) -> None:
        self._reduced = reduced

    def __reduce__(self) -> Any:
        return self._reduced


class _Storage:
    def __init__(self, kind: Any) -> None:
        self.kind = kind


class _Archive(pickle.Pickler):
    def persistent_id(self, value: Any) -> Any:
        if isinstance(value, _Storage):
            return ("storage", value.kind, "0", "cpu", 6)
        return None


def _torch_file(value: Any) -> bytes:
    """As ``torch.save`` writes it."""
    data, buffer = io.BytesIO(), io.BytesIO()
    _Archive(data, protocol=2).dump(value)
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("model/data.pkl", data.getvalue())
        archive.writestr("model/byteorder", "little")
        archive.writestr("model/data/0", np.ones(6, "<f4").tobytes())
        archive.writestr("model/version", "3\n")
    return buffer.getvalue()


def test_what_torch_writes_is_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """State dicts, check points and whole modules, by what ``torch.save`` writes of them."""
    library = _Library(monkeypatch)
    tensor_of, parameter_of = (
        library("torch._utils", "_rebuild_tensor_v2"),
        library("torch._utils", "_rebuild_parameter"),
    )
    storage = _Storage(library("torch", "FloatStorage"))
    tensor = _Reduced(tensor_of, (storage, 0, (2, 3), (3, 1), False, OrderedDict()))
    weights = OrderedDict(weight=tensor)
    weights._metadata = OrderedDict({"": {"version": 1}})  # type: ignore[attr-defined]
    assert verdict(_torch_file(weights), "model.pt") == "CLEAN"
    checkpoint = {"epoch": 3, "model": weights, "optimizer": {"state": {0: {"step": tensor}}}}
    dtype = _Reduced(library("torch", "Size"), ((2, 3),))
    assert verdict(_torch_file({**checkpoint, "shape": dtype}), "last.ckpt") == "CLEAN"
    parameter = _Reduced(parameter_of, (tensor, True, OrderedDict()))
    layer = library("torch.nn.modules.linear", "Linear").of(
        training=False, _parameters=OrderedDict(weight=parameter), _non_persistent_buffers_set=set()
    )
    relu = library("torch.nn.modules.activation", "ReLU").of(inplace=False)
    whole = library("torch.nn.modules.container", "Sequential").of(
        _modules=OrderedDict({"0": layer, "1": relu}), _forward_hooks=OrderedDict()
    )
    assert verdict(_torch_file(whole), "model.pth") == "CLEAN"
    own = library("ourlib.nets", "Net").of(_modules=OrderedDict(a=whole))
    assert verdict(_torch_file(own), "model.pth") == "UNKNOWN"
    hidden = _Reduced(library("torch.storage", "_load_from_bytes"), (b"a pickle",))
    assert verdict(_torch_file({"a": hidden}), "model.pth") == "UNKNOWN"


def test_what_boosting_writes_elsewhere_is_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """The form of it, where the libraries are not installed."""
    library = _Library(monkeypatch)
    for module, classifier, booster in (
        ("xgboost", ("sklearn", "XGBClassifier"), ("core", "Booster")),
        ("lightgbm", ("sklearn", "LGBMClassifier"), ("basic", "Booster")),
        ("catboost", ("core", "CatBoostClassifier"), ("core", "CatBoost")),
    ):
        inner = library(f"{module}.{booster[0]}", booster[1]).of(handle=bytearray(b"a model"))
        model = library(f"{module}.{classifier[0]}", classifier[1]).of(_Booster=inner, depth=3)
        for protocol in (2, 4, 5):
            assert verdict(pickle.dumps(model, protocol)) == "CLEAN"


def test_files_of_skops_are_clean() -> None:
    from sklearn.linear_model import LogisticRegression

    skops = pytest.importorskip("skops.io")
    model = LogisticRegression().fit(POINTS, LABELS)
    assert verdict(skops.dumps(model), "model.skops") == "CLEAN"
