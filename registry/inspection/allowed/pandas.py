"""pandas, and of pyarrow what its columns of text are kept in."""

from __future__ import annotations

from .names import Must, functions, names

NAMED = names("""
pandas BooleanDtype Categorical CategoricalDtype CategoricalIndex DataFrame DatetimeIndex
pandas DatetimeTZDtype Float32Dtype Float64Dtype Index Int16Dtype Int32Dtype Int64Dtype Int8Dtype
pandas IntervalDtype IntervalIndex MultiIndex NA PeriodIndex RangeIndex Series SparseDtype
pandas TimedeltaIndex UInt16Dtype UInt32Dtype UInt64Dtype UInt8Dtype
pandas._libs.missing NA
pandas.arrays ArrowStringArray BooleanArray DatetimeArray FloatingArray IntegerArray
pandas.arrays IntervalArray NumpyExtensionArray PeriodArray SparseArray StringArray TimedeltaArray
pandas.core.arrays.boolean BooleanArray BooleanDtype
pandas.core.arrays.categorical Categorical
pandas.core.arrays.datetimes DatetimeArray
pandas.core.arrays.floating Float32Dtype Float64Dtype FloatingArray
pandas.core.arrays.integer Int16Dtype Int32Dtype Int64Dtype Int8Dtype IntegerArray
pandas.core.arrays.integer UInt16Dtype UInt32Dtype UInt64Dtype UInt8Dtype
pandas.core.arrays.interval IntervalArray
pandas.core.arrays.numpy_ NumpyExtensionArray PandasArray
pandas.core.arrays.period PeriodArray
pandas.core.arrays.sparse.array SparseArray
pandas.core.arrays.sparse.dtype SparseDtype
pandas.core.arrays.string_ StringArray
pandas.core.arrays.string_arrow ArrowStringArray
pandas.core.arrays.timedeltas TimedeltaArray
pandas.core.dtypes.dtypes CategoricalDtype DatetimeTZDtype IntervalDtype SparseDtype
pandas.core.frame DataFrame
pandas.core.indexes.base Index
pandas.core.indexes.category CategoricalIndex
pandas.core.indexes.datetimes DatetimeIndex
pandas.core.indexes.interval IntervalIndex
pandas.core.indexes.multi MultiIndex
pandas.core.indexes.numeric Float64Index Int64Index UInt64Index
pandas.core.indexes.period PeriodIndex
pandas.core.indexes.range RangeIndex
pandas.core.indexes.timedeltas TimedeltaIndex
pandas.core.internals.managers SingleBlockManager
pandas.core.series Series
""")

CALLED = {
    # They make a value, and look at nothing but what the value consists of.
    **functions("""
pandas Period PeriodDtype StringDtype
pandas._libs.arrays __pyx_unpickle_NDArrayBacked
pandas._libs.internals _unpickle_block
pandas._libs.interval Interval
pandas._libs.sparse BlockIndex IntIndex
pandas._libs.tslibs.nattype _nat_unpickle
pandas._libs.tslibs.offsets Day Hour Minute MonthBegin MonthEnd QuarterBegin QuarterEnd Second
pandas._libs.tslibs.offsets YearBegin YearEnd
pandas._libs.tslibs.period Period
pandas._libs.tslibs.timedeltas _timedelta_unpickle
pandas._libs.tslibs.timestamps _unpickle_timestamp
pandas.core.arrays.string_ StringDtype
pandas.core.dtypes.dtypes PeriodDtype
pandas.core.internals.managers BlockManager
pyarrow.lib _restore_array py_buffer type_for_alias
"""),
    # They ask the class for a method by which to make it.
    **functions(
        """
pandas.core.indexes.base _new_Index
pandas.core.indexes.datetimes _new_DatetimeIndex
pandas.core.indexes.interval _new_IntervalIndex
pandas.core.indexes.period _new_PeriodIndex
pandas.core.indexes.timedeltas _new_TimedeltaIndex
""",
        _0=Must.BE_NAMED,
    ),
}
