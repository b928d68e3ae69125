"""What a pickle may import and do: so little that nothing dangerous can be made of it."""

from __future__ import annotations

import io
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from podium.registry.inspection.findings import judge
from podium.registry.inspection.scan import scan


def verdict(content: bytes, path: str = "model.pkl") -> str:
    return judge(scan(path, io.BytesIO(content)))


def text(value: str) -> bytes:
    return b"\x8c" + bytes([len(value)]) + value.encode()


def name(module: str, attribute: str) -> bytes:
    return text(module) + text(attribute) + b"\x93"


def pickled(*opcodes: bytes) -> bytes:
    return b"\x80\x04" + b"".join(opcodes) + b"."


def call(module: str, attribute: str, *arguments: str) -> bytes:
    return pickled(name(module, attribute), b"(", *map(text, arguments), b"tR")


# One line a root package that models are made of: what in it loads, evaluates, imports, opens,
# starts or downloads something.
_LOADERS = """
catboost.core CatBoost.load_model _catboost.load_library
catboost.utils create_cd
collections _sys namedtuple
copyreg add_extension __newobj__ __newobj_ex__ pickle
datetime sys
decimal sys
interpret.ext.extension load_class_extensions
joblib load
joblib.memory Memory
joblib.numpy_pickle load NDArrayWrapper ZNDArrayWrapper
lightgbm Booster
lightgbm.basic Dataset _load_lib ctypes
lightgbm.libpath find_lib_path
numpy DataSource fromfile fromregex frompyfunc genfromtxt load loadtxt memmap save savetxt vectorize
numpy ctypeslib
numpy.core _ufunc_reconstruct
numpy.core._internal _commastring
numpy._core _ufunc_reconstruct
numpy._core._multiarray_umath fromfile
numpy._core._ufunc_config errstate
numpy.ctypeslib load_library
numpy.distutils.exec_command exec_command
numpy.distutils.misc_util exec_mod_from_location
numpy.lib._datasource DataSource open
numpy.lib.format open_memmap read_array
numpy.lib.npyio NpzFile load
numpy.testing import_nose measure rundocs runstring tempdir
numpy.testing._private.extbuild build_and_import_extension
numpy.testing.utils runstring
pandas HDFStore eval read_clipboard read_csv read_hdf read_html read_json read_parquet read_pickle
pandas read_sql read_xml to_pickle util
pandas.compat._optional import_optional_dependency
pandas.compat.pickle_compat load
pandas.core.computation.eval eval
pandas.core.computation.expr PythonExprVisitor
pandas.io.common get_handle urlopen
pandas.io.pickle read_pickle
pandas.util._exceptions find_stack_level
scipy.io loadmat mmread netcdf_file readsav
scipy.io.matlab loadmat
scipy.io.wavfile read
scipy.datasets face
scipy.sparse load_npz save_npz
scipy._lib._ccallback LowLevelCallable
scipy._lib._testutils check_free_memory
scipy._lib.deprecation _sub_module_deprecation
scipy.misc face
scipy.stats._distn_infrastructure rv_continuous_frozen rv_frozen
scipy.stats._continuous_distns norm_gen
sklearn __check_build
sklearn.datasets fetch_openml load_files load_svmlight_file
sklearn.datasets._base _fetch_remote
sklearn.externals._arff load
sklearn.externals.joblib load
sklearn.feature_extraction.image img_to_graph
sklearn.utils._joblib load
sklearn.utils._testing TempMemmap assert_run_python_script_without_output
sklearn.utils.metaestimators available_if
sklearn.utils.parallel _FuncWrapper Parallel delayed
sklearn.pipeline _transform_one
sklearn.metrics._scorer _cached_call get_scorer
statsmodels.api load webdoc
statsmodels.base.data ModelData
statsmodels.datasets get_rdataset
statsmodels.iolib.smpickle load_pickle
statsmodels.tools.web webdoc
torch jit load save
torch._C PyTorchFileReader _jit_set_profiling_mode
torch._dynamo.guards CheckFunctionManager
torch._inductor.codecache AsyncCompile PyCodeCache.load
torch._inductor.compile_worker.__main__ main
torch._tensor _rebuild_from_type_v2
torch._utils _import_dotted_name _rebuild_from_type_v2 _rebuild_parameter_with_state
torch._utils _rebuild_wrapper_subclass
torch.classes load_library
torch.distributed.run run
torch.fx.graph_module _deserialize_graph_module reduce_graph_module
torch.fx.graph_module _exec_with_source
torch.hub download_url_to_file load load_state_dict_from_url
torch.jit load script
torch.jit._serialization load
torch.multiprocessing.spawn spawn
torch.nn.modules.container load
torch.ops load_library
torch.package PackageImporter
torch.package.package_importer PackageImporter
torch.serialization _load load
torch.storage _load_from_bytes
torch.utils.cpp_extension load load_inline
torch.utils.data DataLoader
torch.utils.dlpack from_dlpack
torch.utils.model_zoo load_url
transformers AutoModel pipeline
transformers.dynamic_module_utils get_class_from_dynamic_module
transformers.pipelines pipeline
transformers.training_args TrainingArguments
transformers.utils.hub cached_file
transformers.utils.import_utils _LazyModule
xgboost Booster
xgboost.core DMatrix QuantileDMatrix os ctypes _LIB
xgboost.libpath find_lib_path
xgboost.compat import_cupy
xgboost.spark.core SparkXGBModel
"""
LOADERS = [
    (module, attribute)
    for module, *found in map(str.split, _LOADERS.strip().splitlines())
    for attribute in found
]


@pytest.mark.parametrize(("module", "attribute"), LOADERS)
def test_what_loads_or_evaluates_is_in_no_package_clean(module: str, attribute: str) -> None:
    assert verdict(call(module, attribute, "somewhere")) != "CLEAN"
    assert verdict(pickled(name(module, attribute), b")\x81}b")) != "CLEAN"
    assert verdict(pickled(name(module, attribute))) != "CLEAN", "nor to be named for later"
    assert verdict(f"c{module}\n{attribute}\n(S'x'\ntR.".encode()) != "CLEAN"


MADE = name("sklearn.linear_model._logistic", "LogisticRegression") + b")\x81"
SCORER = name("sklearn.metrics._scorer", "_Scorer") + b")\x81}" + text("_sign") + b"K\x01sb"


@pytest.mark.parametrize(
    "content",
    [
        pickled(SCORER, b")R"),
        pickled(SCORER, b")\x81"),
        pickled(SCORER, b")}\x92"),
        pickled(MADE, b"}", text("__setstate__"), SCORER, b"sb}b"),
        pickled(MADE, b"}", text("append"), SCORER, b"sbK\x01a"),
        pickled(MADE, b"}", text("extend"), SCORER, b"sb(K\x01e"),
        pickled(MADE, b"}b", b"K\x01K\x01s"),
        pickled(name("sklearn.pipeline", "Pipeline"), b"N}", text("fit"), SCORER, b"s\x86b"),
        pickled(name("collections", "OrderedDict"), b"}b"),
        pickled(name("xgboost.core", "Booster"), b"(NNX\x04\x00\x00\x00pathtR"),
        pickled(name("xgboost.core", "Booster"), b"N\x85\x81"),
        pickled(name("numpy", "dtype"), b")}\x92"),
        pickled(name("collections", "OrderedDict"), b"NR"),
        pickled(name("copyreg", "_reconstructor"), MADE, name("builtins", "object"), b"N\x87R"),
        pickled(name("copyreg", "_reconstructor"), name("numpy", "ndarray"), MADE, b"N\x87R"),
        pickled(
            name("copyreg", "_reconstructor"),
            name("numpy", "ndarray"),
            name("numpy", "matrix"),
            b"N\x87R",
        ),
        pickled(name("sklearn.metrics._dist_metrics", "newObj"), MADE, b"\x85R"),
        pickled(name("pandas.core.indexes.interval", "_new_IntervalIndex"), MADE, b"}\x86R"),
        pickled(name("numpy.ma.core", "_mareconstruct"), MADE, MADE, b")\x8c\x01f(tR"),
        pickled(
            name("numpy.random._pickle", "__generator_ctor"),
            text("path"),
            name("xgboost.core", "Booster"),
            b"\x86R",
        ),
        pickled(
            name("numpy.random._pickle", "__bit_generator_ctor"),
            name("xgboost.core", "Booster"),
            b"\x85R",
        ),
        pickled(name("torch._utils", "_rebuild_parameter"), MADE, b"\x89)\x87R"),
        pickled(
            name("sklearn.isotonic", "IsotonicRegression"),
            b")\x81}",
            text("_build_f"),
            SCORER,
            b"sb",
        ),
        pickled(
            name("sklearn.isotonic", "IsotonicRegression"),
            b")\x81}",
            name("numpy._core.multiarray", "scalar"),
            b")R",
            SCORER,
            b"sb",
        ),
        pickled(name("sklearn.isotonic", "IsotonicRegression"), b")\x81N}\x86b"),
        b"\x80\x02(csklearn.pipeline\nPipeline\no.",
        b"(isklearn.pipeline\nPipeline\n.",
        pickled(b"\x82\x01)R"),
        # Of two pickles, one after the other, the second has a memo of its own.
        pickled(text("collections"), b"\x94", text("OrderedDict"), b"\x940")
        + pickled(
            text("pandas"), b"\x94", text("eval"), b"\x94h\x00h\x01\x93", text("1"), b"\x85R"
        ),
    ],
)
def test_a_trick_with_what_is_allowed_is_not_clean(content: bytes) -> None:
    assert verdict(content) != "CLEAN"


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def _attacks(folder: Path) -> dict[str, bytes]:
    """Pickles that touch ``folder/name`` when they are loaded."""
    touch = {each: f"__import__('pathlib').Path({str(folder / each)!r}).touch()" for each in _RUN}
    harm = {key: pickle.dumps(_Call(eval, code)) for key, code in touch.items()}
    lying = _written(folder / "lying.pkl", harm["pandas"])
    array = _written(folder / "lying.npy", harm["numpy"])
    return {
        "pandas": call("pandas", "read_pickle", str(lying)),
        "numpy": pickled(name("numpy", "load"), b"(", text(str(array)), b"N\x88", b"tR"),
        "scipy": pickled(
            name("scipy.stats._continuous_distns", "norm_gen"),
            b")\x81}",
            text("_parse_arg_template"),
            b"X" + len(touch["scipy"]).to_bytes(4, "little") + touch["scipy"].encode(),
            b"sb",
        ),
        "copyreg": pickled(
            name("copyreg", "add_extension"),
            b"(",
            text("builtins"),
            text("eval"),
            b"K\xf0tR0\x82\xf0X" + len(touch["copyreg"]).to_bytes(4, "little"),
            touch["copyreg"].encode(),
            b"\x85R",
        ),
    }


_RUN = ("pandas", "numpy", "scipy", "copyreg")


class _Call:
    def __init__(self, *call: Any) -> None:
        self._call = call

    def __reduce__(self) -> Any:
        return self._call[0], self._call[1:]


def test_what_such_a_name_can_do_is_true(tmp_path: Path) -> None:
    """Each of these runs a command of its own when it is loaded, and imports no name of Python's
    that is known to be dangerous.
    """
    for key, content in _attacks(tmp_path).items():
        held = _written(tmp_path / f"{key}.attack", content)
        program = "import pickle, sys; pickle.load(open(sys.argv[1], 'rb'))"
        command = [sys.executable, "-c", program, str(held)]
        subprocess.run(command, capture_output=True, timeout=120, check=False)
        assert (tmp_path / key).exists(), key
        assert verdict(content) == "UNKNOWN", key
