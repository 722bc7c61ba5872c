/*-------------------------------------------------------------------------
 *
 * join_estimate.c
 *	  What the planner thinks of a table that was never analyzed.
 *
 * It knows nothing about such a table's columns, and takes each to have 200
 * different values.  With a million orders, a changed customer then seems to
 * have 5,000 of them, their lines seem to be millions, and reading all lines
 * once seems to be cheaper than looking them up.  For a few changed rows that
 * is wrong nearly always, and wrong by far: who joins by a column that has an
 * index expects to meet few rows.
 *
 * So while a plan for few changed rows is made, a column that has no
 * statistics and is joined by "=" counts as unique.  Columns that are compared
 * with constants keep the planner's guess: for them, "unique" would make an
 * index on a column with two values look like the best way into the table.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_statistic.h"
#include "nodes/pathnodes.h"
#include "utils/rel.h"
#include "utils/selfuncs.h"
#include "utils/syscache.h"

#include "join_estimate.h"
#include "planning.h"

static int
find_range_table_index(PlannerInfo *root, const RangeTblEntry *rte)
{
	for (int i = 1; i < root->simple_rel_array_size; i++)
	{
		if (root->simple_rte_array[i] == rte)
			return i;
	}

	return 0;
}

/*
 * A column of a child (a partition, or a member of a UNION ALL) is joined
 * under the name of its parent; false if that has no such column.
 */
static bool
find_column_of_query(PlannerInfo *root, int *varno, AttrNumber *attnum)
{
	while (root->append_rel_array != NULL &&
		   root->append_rel_array[*varno] != NULL)
	{
		AppendRelInfo *child = root->append_rel_array[*varno];

		if (*attnum < 1 || *attnum > child->num_child_cols)
			return false;
		*attnum = child->parent_colnos[*attnum - 1];
		*varno = child->parent_relid;
	}

	return *attnum > 0;
}

static bool
is_column(const Expr *expr, int varno, AttrNumber attnum)
{
	const Var *var = (const Var *) expr;

	if (IsA(expr, RelabelType))
		var = (const Var *) ((const RelabelType *) expr)->arg;

	return IsA(var, Var) && var->varno == varno && var->varattno == attnum &&
		   var->varlevelsup == 0;
}

/* Is the column in the class, with something of another table? */
static bool
joins_column(const EquivalenceClass *ec, int varno, AttrNumber attnum)
{
	bool found = false;
	bool others = false;
	ListCell *lc;

	foreach (lc, ec->ec_members)
	{
		const EquivalenceMember *member = lfirst(lc);

		found |= is_column(member->em_expr, varno, attnum);
		others |= !bms_is_member(varno, member->em_relids);
	}

	return found && others && !ec->ec_has_const;
}

static bool
is_joined(PlannerInfo *root, int varno, AttrNumber attnum)
{
	ListCell *lc;

	if (varno == 0 || !find_column_of_query(root, &varno, &attnum))
		return false;
	foreach (lc, root->eq_classes)
	{
		if (joins_column(lfirst(lc), varno, attnum))
			return true;
	}

	return false;
}

/* Has the planner nothing to go by?  It never has for a UNION ALL. */
static bool
lacks_statistics(const RangeTblEntry *rte, AttrNumber attnum)
{
	if (rte->rtekind == RTE_SUBQUERY)
		return rte->inh;
	return rte->rtekind == RTE_RELATION &&
		   !SearchSysCacheExists3(STATRELATTINH, ObjectIdGetDatum(rte->relid),
								  Int16GetDatum(attnum),
								  BoolGetDatum(rte->inh));
}

/* A row of pg_statistic that says "unique" and nothing else. */
static HeapTuple
unique_statistics(Oid relid, AttrNumber attnum, bool inherited)
{
	Relation rel = table_open(StatisticRelationId, AccessShareLock);
	Datum values[Natts_pg_statistic] = {0};
	bool nulls[Natts_pg_statistic] = {false};
	HeapTuple tuple;

	values[Anum_pg_statistic_starelid - 1] = ObjectIdGetDatum(relid);
	values[Anum_pg_statistic_staattnum - 1] = Int16GetDatum(attnum);
	values[Anum_pg_statistic_stainherit - 1] = BoolGetDatum(inherited);
	values[Anum_pg_statistic_stanullfrac - 1] = Float4GetDatum(0);
	values[Anum_pg_statistic_stadistinct - 1] = Float4GetDatum(-1);
	for (int i = Anum_pg_statistic_stanumbers1; i <= Natts_pg_statistic; i++)
		nulls[i - 1] = true;

	tuple = heap_form_tuple(RelationGetDescr(rel), values, nulls);
	table_close(rel, AccessShareLock);
	return tuple;
}

static bool
estimate(Planning *planning, PlannerInfo *root, RangeTblEntry *rte,
		 AttrNumber attnum, VariableStatData *vardata)
{
	if (!lacks_statistics(rte, attnum) ||
		!is_joined(root, find_range_table_index(root, rte), attnum))
		return false;

	vardata->statsTuple = unique_statistics(rte->relid, attnum, rte->inh);
	vardata->freefunc = heap_freetuple;
	return true;
}

/*
 * Plan, unless there is a plan.
 */
CachedPlan *
pgt_plan_for_few_rows(SPIPlanPtr plan)
{
	Planning planning = {.describe = estimate};

	return pgt_plan_with(&planning, plan);
}
