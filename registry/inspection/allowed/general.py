"""Python's own, NumPy and SciPy."""

from __future__ import annotations

from .names import Must, functions, names

NAMED = names("""
__builtin__ Ellipsis NotImplemented bool dict float int list long object str tuple unicode
builtins Ellipsis NotImplemented bool dict float int list object str tuple
joblib.numpy_pickle NumpyArrayWrapper
numpy bool bool_ bytes_ complex128 complex64 datetime64 float16 float32 float64 int16 int32 int64
numpy int8 intp longdouble matrix ndarray object_ poly1d recarray record str_ timedelta64 uint16
numpy uint32 uint64 uint8
numpy absolute cbrt cos exp exp2 expm1 log log10 log1p log2 max mean median min reciprocal sign sin
numpy sqrt square sum tan tanh
numpy.ma MaskedArray
numpy.ma.core MaskedArray
numpy.matrixlib.defmatrix matrix
numpy.polynomial.polynomial Polynomial
numpy.random._mt19937 MT19937
numpy.random._pcg64 PCG64 PCG64DXSM
numpy.random._philox Philox
numpy.random._sfc64 SFC64
numpy.random.bit_generator SeedSequence
numpy.rec recarray
scipy._lib.array_api_compat.numpy._aliases asarray
scipy.interpolate._bsplines BSpline
scipy.interpolate._cubic Akima1DInterpolator CubicHermiteSpline CubicSpline PchipInterpolator
scipy.interpolate._fitpack2 InterpolatedUnivariateSpline LSQUnivariateSpline UnivariateSpline
scipy.interpolate._interpolate PPoly
scipy.interpolate._rbfinterp RBFInterpolator
scipy.interpolate._rgi RegularGridInterpolator
scipy.sparse._bsr bsr_array bsr_matrix
scipy.sparse._coo coo_array coo_matrix
scipy.sparse._csc csc_array csc_matrix
scipy.sparse._csr csr_array csr_matrix
scipy.sparse._dia dia_array dia_matrix
scipy.sparse._dok dok_array dok_matrix
scipy.sparse._lil lil_array lil_matrix
scipy.sparse.bsr bsr_matrix
scipy.sparse.coo coo_matrix
scipy.sparse.csc csc_matrix
scipy.sparse.csr csr_matrix
scipy.sparse.dia dia_matrix
scipy.sparse.lil lil_matrix
scipy.spatial._ckdtree cKDTree
scipy.spatial._kdtree KDTree
scipy.stats._kde gaussian_kde
""")

_BIT_GENERATORS = names("""
numpy.random._mt19937 MT19937
numpy.random._pcg64 PCG64 PCG64DXSM
numpy.random._philox Philox
numpy.random._sfc64 SFC64
""")

CALLED = {
    # They make a value, and look at nothing but what the value consists of.
    **functions("""
__builtin__ bytearray bytes complex frozenset set slice xrange
builtins bytearray bytes complex frozenset range set slice
_codecs encode
collections Counter OrderedDict defaultdict deque
datetime date datetime time timedelta timezone
decimal Decimal
fractions Fraction
numpy dtype
numpy._core._internal _convert_to_stringdtype_kwargs
numpy._core.multiarray _reconstruct scalar
numpy._core.numeric _frombuffer
numpy.core.multiarray _reconstruct scalar
numpy.core.numeric _frombuffer
numpy.random.bit_generator __pyx_unpickle_SeedSequence
"""),
    # How protocols 0 and 1 make objects: ``base.__new__(class, state)``, ``base.__init__(…)``.
    **functions(
        """
copy_reg _reconstructor
copyreg _reconstructor
""",
        _0=Must.BE_NAMED,
        _1=names("""
__builtin__ dict list object
builtins dict list object
"""),
    ),
    # It asks both classes for their ``__new__``.
    **functions("numpy.ma.core _mareconstruct", _0=Must.BE_NAMED, _1=Must.BE_NAMED),
    # They call the class, and the function.
    **functions("numpy.random._pickle __bit_generator_ctor", _0=_BIT_GENERATORS),
    **functions(
        "numpy.random._pickle __generator_ctor __randomstate_ctor",
        _1=names("numpy.random._pickle __bit_generator_ctor"),
    ),
}
