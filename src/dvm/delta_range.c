/*-------------------------------------------------------------------------
 *
 * delta_range.c
 *	  Joins with a delta read only the range of a table that the delta is in.
 *
 * What changes together often lies together: the orders of today, of the
 * customers who came last.  Then
 *
 *		SELECT ... FROM delta d, customers c WHERE c.id = d.c2
 *
 * is the same as
 *
 *		SELECT ... WHERE c.id = d.c2 AND c.id >= 99001 AND c.id <= 100000
 *
 * and an index leads to those customers, while the planner, which derives
 * equalities but not ranges, would read all of them, or look up each one.
 *
 * The range is of all rows of the delta, as they were put, so that the
 * condition follows from the join.  It is added beside the "=" that it follows
 * from, in queries that are planned for one run, and only if the table's
 * statistics, which must not be outdated, say that it is a small part.  The
 * planner would count what it saves twice: narrowed_statistics() in
 * delta_statistics.c corrects that.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/stratnum.h"
#include "catalog/pg_class.h"
#include "catalog/pg_opfamily_d.h"
#include "catalog/pg_statistic.h"
#include "catalog/pg_type_d.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "storage/bufmgr.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "pg_trickle/delta.h"

#include "delta_range.h"
#include "delta_statistics.h"

#define SMALL_PART 0.5 /* of a table */
#define MAX_GROWTH 1.2 /* of a table since its statistics were made ... */
#define FREE_GROWTH 8  /* ... in blocks, whatever the factor */

typedef struct Narrowing
{
	List *deltas;
	List *narrowed;
} Narrowing;

/* ---- how much of the table ---- */

static int64
integer_value(Datum value, Oid type)
{
	switch (type)
	{
		case INT2OID:
			return DatumGetInt16(value);
		case INT4OID:
		case DATEOID:
			return DatumGetInt32(value);
		default:
			return DatumGetInt64(value);
	}
}

/*
 * The part of a histogram's bounds that are in the range, roughly; 1 if the
 * range goes beyond them: there the planner expects no rows, and might loop
 * over the delta for each of the many that have come since.
 */
static double
part_of_histogram(const AttStatsSlot *histogram, const DeltaRange *range)
{
	int last = histogram->nvalues - 1;
	int within = 1;

	if (integer_value(histogram->values[0], histogram->valuetype) >
			range->min ||
		integer_value(histogram->values[last], histogram->valuetype) <
			range->max)
		return 1;
	for (int i = 0; i <= last; i++)
	{
		int64 bound = integer_value(histogram->values[i],
									histogram->valuetype);

		if (bound >= range->min && bound <= range->max)
			within++;
	}
	return Min((double) within / histogram->nvalues, 1);
}

/*
 * Those of the table with its children, or of itself: before planning, any
 * table might have children.
 */
static HeapTuple
statistics_of(Oid relid, AttrNumber attnum)
{
	HeapTuple found = SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(relid),
									  Int16GetDatum(attnum),
									  BoolGetDatum(true));

	if (HeapTupleIsValid(found))
		return found;
	return SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(relid),
						   Int16GetDatum(attnum), BoolGetDatum(false));
}

/* Has the table grown since its statistics were made? */
static bool
has_grown(Oid relid)
{
	Relation rel = relation_open(relid, NoLock);
	bool grown = RELKIND_HAS_TABLE_AM(rel->rd_rel->relkind) &&
				 RelationGetNumberOfBlocks(rel) >
					 rel->rd_rel->relpages * MAX_GROWTH + FREE_GROWTH;

	relation_close(rel, NoLock);
	return grown;
}

/* The part of the rows of a table that is in the range; 1 if not known. */
static double
part_of_table(Oid relid, AttrNumber attnum, const DeltaRange *range)
{
	HeapTuple statistics = statistics_of(relid, attnum);
	AttStatsSlot histogram;
	double part = 1;

	if (!HeapTupleIsValid(statistics))
		return part;
	if (!has_grown(relid) &&
		get_attstatsslot(&histogram, statistics, STATISTIC_KIND_HISTOGRAM,
						 InvalidOid, ATTSTATSSLOT_VALUES))
	{
		part = part_of_histogram(&histogram, range);
		free_attstatsslot(&histogram);
	}
	ReleaseSysCache(statistics);
	return part;
}

/* ---- conditions ---- */

/*
 * The family in which the type of "changed" is ordered, if "=" is of it, and
 * if both types count in the same units: a date counts days, a timestamp not.
 */
static Oid
order_of(const Var *column, const Var *changed, Oid equal)
{
	TypeCacheEntry *type = lookup_type_cache(changed->vartype,
											 TYPECACHE_BTREE_OPFAMILY);
	List *families = get_mergejoin_opfamilies(equal);
	bool found = list_member_oid(families, type->btree_opf);

	list_free(families);
	found = found && (column->vartype == changed->vartype ||
					  type->btree_opf == INTEGER_BTREE_FAM_OID);
	return found ? type->btree_opf : InvalidOid;
}

static Expr *
make_bound(Oid family, int strategy, const Var *column, const Var *changed,
		   int64 value, int16 width)
{
	Oid compare = get_opfamily_member(family, column->vartype,
									  changed->vartype, strategy);
	Datum datum = width == sizeof(int64) ? Int64GetDatum(value) :
				  width == sizeof(int32) ? Int32GetDatum((int32) value) :
										   Int16GetDatum((int16) value);
	Const *bound = makeConst(changed->vartype, -1, InvalidOid, width, datum,
							 false, get_typbyval(changed->vartype));

	if (!OidIsValid(compare))
		return NULL;
	return make_opclause(compare, BOOLOID, false, copyObject((Expr *) column),
						 (Expr *) bound, InvalidOid, InvalidOid);
}

static Node *
narrow_column(Narrowing *narrowing, const RangeTblEntry *rte,
			  const Var *column, const Var *changed, Oid family,
			  const DeltaRange *range)
{
	double part = part_of_table(rte->relid, column->varattno, range);
	Expr *from;
	Expr *to;
	NarrowedColumn *narrowed;

	if (part >= SMALL_PART)
		return NULL;
	from = make_bound(family, BTGreaterEqualStrategyNumber, column, changed,
					  range->min, range->width);
	to = make_bound(family, BTLessEqualStrategyNumber, column, changed,
					range->max, range->width);
	if (from == NULL || to == NULL)
		return NULL;

	narrowed = palloc(sizeof(NarrowedColumn));
	narrowed->relid = rte->relid;
	narrowed->attnum = column->varattno;
	narrowed->fraction = part;
	narrowing->narrowed = lappend(narrowing->narrowed, narrowed);
	return (Node *) makeBoolExpr(AND_EXPR, list_make2(from, to), -1);
}

/* What follows for "column" from being equal to "changed", or NULL. */
static Node *
derive_range(Narrowing *narrowing, const Query *query, Oid equal,
			 const Node *column, const Node *changed)
{
	const Var *of_table = (const Var *) column;
	const Var *of_delta = (const Var *) changed;
	const RangeTblEntry *rte;
	const Delta *delta;
	const DeltaRange *range;
	Oid family;

	if (!IsA(column, Var) || !IsA(changed, Var) ||
		of_table->varlevelsup > 0 || of_delta->varlevelsup > 0 ||
		of_table->varattno < 1)
		return NULL;
	rte = rt_fetch(of_table->varno, query->rtable);
	delta = pgt_find_delta(narrowing->deltas,
						   rt_fetch(of_delta->varno, query->rtable));
	if (rte->rtekind != RTE_RELATION || delta == NULL)
		return NULL;
	range = pgt_delta_range(delta, of_delta->varattno);
	family = range == NULL ? InvalidOid : order_of(of_table, of_delta, equal);
	if (!OidIsValid(family))
		return NULL;
	return narrow_column(narrowing, rte, of_table, of_delta, family, range);
}

/* What follows from a condition, and it, joined by AND. */
static Node *
narrow_condition(Narrowing *narrowing, const Query *query, Node *condition)
{
	const OpExpr *op = (const OpExpr *) condition;
	Node *range;

	if (condition != NULL && is_andclause(condition))
	{
		ListCell *lc;

		foreach (lc, ((BoolExpr *) condition)->args)
			lfirst(lc) = narrow_condition(narrowing, query, lfirst(lc));
		return condition;
	}
	if (condition == NULL || !IsA(condition, OpExpr) ||
		list_length(op->args) != 2)
		return condition;

	range = derive_range(narrowing, query, op->opno, linitial(op->args),
						 lsecond(op->args));
	if (range == NULL)
		range = derive_range(narrowing, query, op->opno, lsecond(op->args),
							 linitial(op->args));
	return range == NULL ? condition : make_and_qual(condition, range);
}

/* Conditions that all rows of the level meet, and those of inner joins. */
static void
narrow_join(Narrowing *narrowing, const Query *query, Node *join)
{
	if (IsA(join, FromExpr))
	{
		FromExpr *from = (FromExpr *) join;
		ListCell *lc;

		foreach (lc, from->fromlist)
			narrow_join(narrowing, query, lfirst(lc));
		from->quals = narrow_condition(narrowing, query, from->quals);
	}
	else if (IsA(join, JoinExpr))
	{
		JoinExpr *expr = (JoinExpr *) join;

		if (expr->jointype != JOIN_INNER)
			return;
		narrow_join(narrowing, query, expr->larg);
		narrow_join(narrowing, query, expr->rarg);
		expr->quals = narrow_condition(narrowing, query, expr->quals);
	}
}

static bool
narrow_levels(Node *node, void *narrowing)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		Query *query = (Query *) node;

		if (query->jointree != NULL)
			narrow_join(narrowing, query, (Node *) query->jointree);
		return query_tree_walker(query, narrow_levels, narrowing, 0);
	}
	return expression_tree_walker(node, narrow_levels, narrowing);
}

/*
 * See delta_range.h.
 */
List *
pgt_narrow_query(Query *query, List *deltas)
{
	Narrowing narrowing = {.deltas = deltas};

	(void) narrow_levels((Node *) query, &narrowing);
	return narrowing.narrowed;
}
