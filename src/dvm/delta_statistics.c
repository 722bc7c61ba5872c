/*-------------------------------------------------------------------------
 *
 * delta_statistics.c
 *	  What the planner thinks of a large change.
 *
 * It knows how many rows a delta has, and nothing about their values: it takes
 * each column to have 200 different ones.  So it never hashes the delta when
 * it is the smaller side of a join (a hundred rows seem to have each hash), and
 * does not know that ten thousand neighbouring orders are of a hundredth of the
 * customers, so that a merge join would read only those.
 *
 * A sample of the delta tells.  As in ANALYZE it is made into a row of
 * pg_statistic:
 *
 *		sample of c2	7 9 9 12 ... 4711	NULL fraction 0
 *											-0.5 different values per row
 *											histogram {7, 4711}
 *
 * Nor does the planner know anything of a UNION ALL, as which a table is joined
 * whose rows from before the change are meant (see the README).  It gets the
 * statistics of the largest table among its members, which that one is, but
 * for the changed rows.
 *
 * Values may be used only by functions that do not leak them, as always if it
 * has not been checked whether the user may read a column.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_statistic.h"
#include "nodes/pathnodes.h"
#include "optimizer/plancat.h"
#include "utils/array.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/selfuncs.h"
#include "utils/sortsupport.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "pg_trickle/delta.h"

#include "delta_range.h"
#include "delta_statistics.h"
#include "planning.h"

#define SAMPLE_ROWS 1000

/* One column of a delta, as sampled. */
typedef struct Sample
{
	Form_pg_attribute attr;
	TypeCacheEntry *type;
	Datum *values; /* sorted, without NULLs */
	int nvalues;
	int nrows;
	int ndistinct;
	int nonce; /* values met once */
} Sample;

/* The statistics of a column, kept while a plan is made. */
typedef struct KnownColumn
{
	const Delta *delta;
	AttrNumber attnum;
	HeapTuple statistics; /* NULL: the type has no order */
} KnownColumn;

/* What a plan is made for. */
typedef struct LargeChange
{
	Planning planning;
	List *deltas;
	bool ranges;
	MemoryContext memory;
	List *known;	/* of KnownColumn */
	List *narrowed; /* of NarrowedColumn */
} LargeChange;

/* ---- the sample ---- */

static void
sample_row(Sample *sample, TupleTableSlot *row)
{
	bool isnull;
	Datum value = slot_getattr(row, sample->attr->attnum, &isnull);

	sample->nrows++;
	if (!isnull)
		sample->values[sample->nvalues++] =
			datumCopy(value, sample->attr->attbyval, sample->attr->attlen);
}

/* An odd distance: an update is two rows, and either may be met. */
static void
read_sample(const Delta *delta, Sample *sample)
{
	TupleTableSlot *row = MakeSingleTupleTableSlot(delta->desc,
												   &TTSOpsMinimalTuple);
	int64 distance = (delta->nrows / SAMPLE_ROWS) | 1;

	tuplestore_select_read_pointer(delta->rows, 0);
	tuplestore_rescan(delta->rows);
	while (sample->nrows < SAMPLE_ROWS &&
		   tuplestore_gettupleslot(delta->rows, true, false, row))
	{
		sample_row(sample, row);
		if (!tuplestore_skiptuples(delta->rows, distance - 1, true))
			break;
	}
	tuplestore_rescan(delta->rows);
	ExecDropSingleTupleTableSlot(row);
}

static int
compare_values(const void *a, const void *b, void *arg)
{
	return ApplySortComparator(*(const Datum *) a, false,
							   *(const Datum *) b, false, arg);
}

static void
count_values(Sample *sample, SortSupport order)
{
	int copies = 0;

	for (int i = 0; i < sample->nvalues; i++)
	{
		bool last = i + 1 == sample->nvalues ||
					compare_values(&sample->values[i], &sample->values[i + 1],
								   order) != 0;

		copies++;
		if (!last)
			continue;
		sample->ndistinct++;
		if (copies == 1)
			sample->nonce++;
		copies = 0;
	}
}

/* False if the type has no order. */
static bool
take_sample(const Delta *delta, AttrNumber attnum, Sample *sample)
{
	SortSupportData order = {0};

	memset(sample, 0, sizeof(Sample));
	sample->attr = TupleDescAttr(delta->desc, attnum - 1);
	sample->type = lookup_type_cache(getBaseType(sample->attr->atttypid),
									 TYPECACHE_LT_OPR);
	if (!OidIsValid(sample->type->lt_opr))
		return false;

	sample->values = palloc(sizeof(Datum) * SAMPLE_ROWS);
	read_sample(delta, sample);
	order.ssup_cxt = CurrentMemoryContext;
	order.ssup_collation = sample->attr->attcollation;
	PrepareSortSupportFromOrderingOp(sample->type->lt_opr, &order);
	qsort_arg(sample->values, sample->nvalues, sizeof(Datum), compare_values,
			  &order);
	count_values(sample, &order);
	return true;
}

/* ---- statistics ---- */

/* Different values per row, as ANALYZE estimates them (Haas and Stokes). */
static double
distinct_fraction(const Sample *sample, const Delta *delta)
{
	double n = sample->nvalues;
	double d = sample->ndistinct;
	double rows = delta->nrows * (n / Max(sample->nrows, 1));
	double estimate = d;

	if (n == 0)
		return 1;
	if (sample->nonce == sample->nvalues)
		estimate = rows;
	else if (rows > n)
		estimate = n * d / (n - sample->nonce + sample->nonce * n / rows);
	return Min(Max(estimate, d) / delta->nrows, 1);
}

/* The bounds; for the types that one usually joins by. */
static void
add_histogram(const Sample *sample, Datum *values, bool *nulls)
{
	Datum bounds[2];
	ArrayType *array;

	if (!sample->type->typbyval || sample->ndistinct < 2)
		return;

	bounds[0] = sample->values[0];
	bounds[1] = sample->values[sample->nvalues - 1];
	array = construct_array(bounds, 2, sample->type->type_id,
							sample->type->typlen, sample->type->typbyval,
							sample->type->typalign);
	values[Anum_pg_statistic_stakind1 - 1] =
		Int16GetDatum(STATISTIC_KIND_HISTOGRAM);
	values[Anum_pg_statistic_staop1 - 1] =
		ObjectIdGetDatum(sample->type->lt_opr);
	values[Anum_pg_statistic_stacoll1 - 1] =
		ObjectIdGetDatum(sample->attr->attcollation);
	values[Anum_pg_statistic_stavalues1 - 1] = PointerGetDatum(array);
	nulls[Anum_pg_statistic_stavalues1 - 1] = false;
}

static HeapTuple
form_statistics(const Sample *sample, const Delta *delta, bool ranges)
{
	Relation rel = table_open(StatisticRelationId, AccessShareLock);
	Datum values[Natts_pg_statistic] = {0};
	bool nulls[Natts_pg_statistic] = {false};
	double nrows = Max(sample->nrows, 1);
	HeapTuple tuple;

	for (int i = Anum_pg_statistic_stanumbers1; i <= Natts_pg_statistic; i++)
		nulls[i - 1] = true;
	values[Anum_pg_statistic_staattnum - 1] =
		Int16GetDatum(sample->attr->attnum);
	values[Anum_pg_statistic_stanullfrac - 1] =
		Float4GetDatum(1 - sample->nvalues / nrows);
	values[Anum_pg_statistic_stawidth - 1] = Int32GetDatum(8);
	values[Anum_pg_statistic_stadistinct - 1] =
		Float4GetDatum(-distinct_fraction(sample, delta));
	if (ranges)
		add_histogram(sample, values, nulls);

	tuple = heap_form_tuple(RelationGetDescr(rel), values, nulls);
	table_close(rel, AccessShareLock);
	return tuple;
}

/* ---- the planner asks ---- */

/*
 * See delta_statistics.h.
 */
Delta *
pgt_find_delta(List *deltas, const RangeTblEntry *rte)
{
	ListCell *lc;

	if (rte->rtekind != RTE_NAMEDTUPLESTORE)
		return NULL;
	foreach (lc, deltas)
	{
		Delta *delta = lfirst(lc);

		if (strcmp(delta->name, rte->enrname) == 0)
			return delta->nrows > 0 ? delta : NULL;
	}

	return NULL;
}

static KnownColumn *
find_known(const LargeChange *change, const Delta *delta, AttrNumber attnum)
{
	ListCell *lc;

	foreach (lc, change->known)
	{
		KnownColumn *column = lfirst(lc);

		if (column->delta == delta && column->attnum == attnum)
			return column;
	}

	return NULL;
}

static const NarrowedColumn *
find_narrowed(const LargeChange *change, Oid relid, AttrNumber attnum)
{
	ListCell *lc;

	foreach (lc, change->narrowed)
	{
		const NarrowedColumn *column = lfirst(lc);

		if (column->relid == relid && column->attnum == attnum)
			return column;
	}

	return NULL;
}

/* The planner asks many times for the same column. */
static HeapTuple
statistics_of(LargeChange *change, const Delta *delta, AttrNumber attnum)
{
	KnownColumn *column = find_known(change, delta, attnum);

	if (column == NULL)
	{
		MemoryContext before = MemoryContextSwitchTo(change->memory);
		Sample sample;

		column = palloc0(sizeof(KnownColumn));
		column->delta = delta;
		column->attnum = attnum;
		if (take_sample(delta, attnum, &sample))
			column->statistics = form_statistics(&sample, delta,
												 change->ranges);
		change->known = lappend(change->known, column);
		MemoryContextSwitchTo(before);
	}

	return column->statistics;
}

/* They are freed together. */
static void
keep(HeapTuple tuple)
{
}

/*
 * The rows of a table that is narrowed are fewer, and so are its different
 * values, of which the planner takes all to be there still: it would expect
 * a tenth of the rows that a join has.
 */
static HeapTuple
narrowed_statistics(const LargeChange *change, const RangeTblEntry *rte,
					AttrNumber attnum)
{
	const NarrowedColumn *column = find_narrowed(change, rte->relid, attnum);
	HeapTuple whole;
	HeapTuple part;

	if (column == NULL)
		return NULL;
	whole = SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(rte->relid),
							Int16GetDatum(attnum), BoolGetDatum(rte->inh));
	if (!HeapTupleIsValid(whole))
		return NULL;
	part = heap_copytuple(whole);
	ReleaseSysCache(whole);
	((Form_pg_statistic) GETSTRUCT(part))->stadistinct *= column->fraction;
	return part;
}

/*
 * The largest table among the members of a UNION ALL, and its column that is
 * column *attnum there; or NULL.
 */
static RelOptInfo *
find_largest_member(PlannerInfo *root, const RangeTblEntry *rte,
					AttrNumber *attnum)
{
	RelOptInfo *largest = NULL;
	AttrNumber column = InvalidAttrNumber;
	ListCell *lc;

	foreach (lc, root->append_rel_list)
	{
		AppendRelInfo *info = lfirst(lc);
		RelOptInfo *rel = root->simple_rel_array[info->child_relid];
		const Var *var;

		if (root->simple_rte_array[info->parent_relid] != rte ||
			rel == NULL || rel->rtekind != RTE_RELATION ||
			(largest != NULL && rel->tuples <= largest->tuples))
			continue;
		var = list_nth(info->translated_vars, *attnum - 1);
		if (!IsA(var, Var) || var->varno != (int) info->child_relid)
			continue;
		largest = rel;
		column = var->varattno;
	}

	*attnum = column;
	return largest;
}

/*
 * A column of a UNION ALL is taken to be like that of its largest table.
 */
static bool
describe_union(PlannerInfo *root, const RangeTblEntry *rte, AttrNumber attnum,
			   VariableStatData *vardata)
{
	RelOptInfo *rel = find_largest_member(root, rte, &attnum);
	const RangeTblEntry *member;

	if (rel == NULL || attnum <= 0)
		return false;
	member = root->simple_rte_array[rel->relid];
	vardata->isunique = has_unique_index(rel, attnum);
	vardata->statsTuple = SearchSysCache3(STATRELATTINH,
										  ObjectIdGetDatum(member->relid),
										  Int16GetDatum(attnum),
										  BoolGetDatum(member->inh));
	vardata->freefunc = ReleaseSysCache;
	return true;
}

static bool
describe(Planning *planning, PlannerInfo *root, RangeTblEntry *rte,
		 AttrNumber attnum, VariableStatData *vardata)
{
	LargeChange *change = (LargeChange *) planning;
	Delta *delta;

	if (rte->rtekind == RTE_SUBQUERY)
		return rte->inh && attnum > 0 &&
			   describe_union(root, rte, attnum, vardata);
	if (rte->rtekind == RTE_RELATION)
	{
		vardata->statsTuple = narrowed_statistics(change, rte, attnum);
		vardata->freefunc = heap_freetuple;
		if (HeapTupleIsValid(vardata->statsTuple))
			vardata->isunique = false; /* is as good as "-1" */
	}
	else
	{
		delta = pgt_find_delta(change->deltas, rte);
		if (delta == NULL || attnum <= 0)
			return false;
		vardata->statsTuple = statistics_of(change, delta, attnum);
		vardata->freefunc = keep;
	}
	return HeapTupleIsValid(vardata->statsTuple);
}

static void
narrow(Planning *planning, Query *query)
{
	LargeChange *change = (LargeChange *) planning;

	change->narrowed = pgt_narrow_query(query, change->deltas);
}

/*
 * See delta_statistics.h.
 */
CachedPlan *
pgt_plan_for_many_rows(SPIPlanPtr plan, List *deltas, bool ranges)
{
	LargeChange change = {
		.planning.describe = describe,
		.planning.begin = ranges ? narrow : NULL,
		.deltas = deltas,
		.ranges = ranges,
		.memory = AllocSetContextCreate(CurrentMemoryContext,
										"pg_trickle delta statistics",
										ALLOCSET_SMALL_SIZES),
	};
	CachedPlan *result = pgt_plan_with(&change.planning, plan);

	MemoryContextDelete(change.memory);
	return result;
}
