/*-------------------------------------------------------------------------
 *
 * group_query.c
 *	  Queries over a node's input, for some or all of its groups.
 *
 * For SELECT region, string_agg(name, ',') FROM customers GROUP BY region, the
 * groups whose string_agg() is in doubt are bound as "groups of node 1", with
 * a number each (c1) and the keys (c2..), and the query is
 *
 *		SELECT a.c1, count(*), string_agg(i.name, ','), 1::int8
 *		FROM (SELECT region, name FROM customers) i, "groups of node 1" a
 *		WHERE i.region = a.c2
 *		GROUP BY a.c1 ORDER BY a.c1
 *
 * so that an index on customers(region) is used if there is one.  The last
 * column is the weight that every query text has.
 *
 * A key that is NULL cannot be found by "=", and IS NOT DISTINCT FROM uses no
 * index.  Therefore groups are queried by which of their keys are NULL, each
 * kind with a text of its own: WHERE i.region IS NULL.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_aggregate.h"
#include "catalog/pg_operator_d.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "pg_trickle/node.h"

/* The range table: the input, and the groups. */
#define INPUT_RTI 1
#define AFFECTED_RTI 2

/* Columns of the affected groups. */
#define Anum_affected_number 1
#define Natts_affected_fixed 1

/*
 * The name by which the texts call the affected groups; palloc'd.
 */
char *
pgt_affected_name(const NodeProgram *node)
{
	return psprintf("groups of %s", node->name);
}

/*
 * Their descriptor: number, keys, weight; in the current memory context.
 */
TupleDesc
pgt_affected_desc(const NodeProgram *node)
{
	int n = node->nkeys + Natts_affected_fixed;
	Oid *types = palloc(sizeof(Oid) * n);
	int32 *typmods = palloc(sizeof(int32) * n);
	Oid *collations = palloc(sizeof(Oid) * n);

	types[0] = INT8OID;
	typmods[0] = -1;
	collations[0] = InvalidOid;
	for (int i = 0; i < node->nkeys; i++)
	{
		Form_pg_attribute key = TupleDescAttr(node->input_desc, i);

		types[i + 1] = key->atttypid;
		typmods[i + 1] = key->atttypmod;
		collations[i + 1] = key->attcollation;
	}
	return pgt_delta_desc(n, types, typmods, collations);
}

/* ---- parts ---- */

static List *
column_names(TupleDesc desc)
{
	List *names = NIL;

	for (int i = 0; i < desc->natts; i++)
	{
		char *name = NameStr(TupleDescAttr(desc, i)->attname);

		names = lappend(names, makeString(pstrdup(name)));
	}
	return names;
}

static RangeTblEntry *
input_entry(const NodeProgram *node)
{
	RangeTblEntry *rte = makeNode(RangeTblEntry);

	rte->rtekind = RTE_SUBQUERY;
	rte->subquery = copyObject(pgt_linear_query(node->input));
	rte->alias = makeAlias("i", NIL);
	rte->eref = makeAlias("i", column_names(node->input_desc));
	rte->inFromCl = true;
	return rte;
}

/* A name that is bound when the text is run; printed like that of a CTE. */
static RangeTblEntry *
affected_entry(const NodeProgram *node)
{
	RangeTblEntry *rte = makeNode(RangeTblEntry);

	rte->rtekind = RTE_CTE;
	rte->ctename = pgt_affected_name(node);
	rte->alias = makeAlias("a", NIL);
	rte->eref = makeAlias("a", column_names(pgt_affected_desc(node)));
	rte->inFromCl = true;
	return rte;
}

static Var *
input_column(const NodeProgram *node, int i)
{
	Form_pg_attribute attr = TupleDescAttr(node->input_desc, i);

	return makeVar(INPUT_RTI, i + 1, attr->atttypid, attr->atttypmod,
				   attr->attcollation, 0);
}

static Var *
affected_key(const NodeProgram *node, int i)
{
	Form_pg_attribute attr = TupleDescAttr(node->input_desc, i);

	return makeVar(AFFECTED_RTI, i + 1 + Natts_affected_fixed, attr->atttypid,
				   attr->atttypmod, attr->attcollation, 0);
}

/* i.k = a.k, under the equality of GROUP BY, or i.k IS NULL. */
static Expr *
key_condition(const NodeProgram *node, int i, bool isnull)
{
	SortGroupClause *key = list_nth_node(SortGroupClause, node->query->keys, i);
	Var *column = input_column(node, i);
	NullTest *test;

	if (!isnull)
		return make_opclause(key->eqop, BOOLOID, false, (Expr *) column,
							 (Expr *) affected_key(node, i), InvalidOid,
							 column->varcollid);

	test = makeNode(NullTest);
	test->arg = (Expr *) column;
	test->nulltesttype = IS_NULL;
	test->location = -1;
	return (Expr *) test;
}

static Expr *
int8_constant(int64 value)
{
	return (Expr *) makeConst(INT8OID, -1, InvalidOid, sizeof(int64),
							  Int64GetDatum(value), false, FLOAT8PASSBYVAL);
}

static Expr *
group_number(const NodeProgram *node)
{
	if (pgt_node_is_scalar(node))
		return int8_constant(0);
	return (Expr *) makeVar(AFFECTED_RTI, Anum_affected_number, INT8OID, -1,
							InvalidOid, 0);
}

/* count(*) */
static Expr *
row_count(void)
{
	Aggref *count = makeNode(Aggref);

	count->aggfnoid = F_COUNT_;
	count->aggtype = INT8OID;
	count->aggstar = true;
	count->aggkind = AGGKIND_NORMAL;
	count->aggno = -1;
	count->aggtransno = -1;
	count->location = -1;
	return (Expr *) count;
}

static TargetEntry *
add_column(Query *query, Expr *expr)
{
	AttrNumber attno = list_length(query->targetList) + 1;
	TargetEntry *tle = makeTargetEntry(expr, attno, psprintf("o%d", attno),
									   false);

	query->targetList = lappend(query->targetList, tle);
	return tle;
}

/* Group by a column, in the way of key "i". */
static SortGroupClause *
key_clause(const NodeProgram *node, int i, TargetEntry *tle)
{
	SortGroupClause *clause = copyObject(list_nth_node(SortGroupClause,
													   node->query->keys, i));

	tle->ressortgroupref = tle->resno;
	clause->tleSortGroupRef = tle->resno;
	return clause;
}

static SortGroupClause *
number_clause(TargetEntry *tle)
{
	SortGroupClause *clause = makeNode(SortGroupClause);

	clause->eqop = lookup_type_cache(INT8OID, TYPECACHE_EQ_OPR)->eq_opr;
	clause->sortop = Int8LessOperator;
	clause->hashable = true;
	tle->ressortgroupref = tle->resno;
	clause->tleSortGroupRef = tle->resno;
	return clause;
}

/* GROUP BY the keys, which become columns. */
static void
group_by_keys(const NodeProgram *node, Query *query)
{
	for (int i = 0; i < node->nkeys; i++)
	{
		TargetEntry *tle = add_column(query, (Expr *) input_column(node, i));

		query->groupClause = lappend(query->groupClause,
									 key_clause(node, i, tle));
	}
}

/* GROUP BY the number of the group, in its order. */
static void
group_by_number(const NodeProgram *node, Query *query)
{
	TargetEntry *tle = add_column(query, group_number(node));

	if (pgt_node_is_scalar(node))
		return;
	query->groupClause = list_make1(number_clause(tle));
	query->sortClause = copyObject(query->groupClause);
}

/*
 * Direct arguments, as in percentile_cont(k) WITHIN GROUP (...), must be
 * keys in the eyes of the parser.
 */
static void
group_by_direct_arguments(const NodeProgram *node, Query *query)
{
	bool needed = false;

	for (int i = 0; i < node->naggs; i++)
	{
		List *direct = node->aggs[i]->aggref->aggdirectargs;

		needed |= contain_var_clause((Node *) direct);
	}
	if (!needed || pgt_node_is_scalar(node))
		return;

	for (int i = 0; i < node->nkeys; i++)
	{
		TargetEntry *tle = add_column(query, (Expr *) input_column(node, i));

		tle->resjunk = true;
		query->groupClause = lappend(query->groupClause,
									 key_clause(node, i, tle));
	}
}

/* ---- queries ---- */

static Query *
make_query(const NodeProgram *node)
{
	Query *query = makeNode(Query);
	RangeTblRef *input = makeNode(RangeTblRef);

	query->commandType = CMD_SELECT;
	query->querySource = QSRC_ORIGINAL;
	query->canSetTag = true;
	query->rtable = list_make1(input_entry(node));
	input->rtindex = INPUT_RTI;
	query->jointree = makeFromExpr(list_make1(input), NULL);
	return query;
}

static void
join_affected(const NodeProgram *node, Query *query, const Bitmapset *nulls)
{
	RangeTblRef *affected = makeNode(RangeTblRef);
	List *conditions = NIL;

	if (pgt_node_is_scalar(node))
		return;

	query->rtable = lappend(query->rtable, affected_entry(node));
	affected->rtindex = AFFECTED_RTI;
	query->jointree->fromlist = lappend(query->jointree->fromlist, affected);
	for (int i = 0; i < node->nkeys; i++)
		conditions = lappend(conditions,
							 key_condition(node, i, bms_is_member(i, nulls)));
	query->jointree->quals = (Node *) make_ands_explicit(conditions);
}

static void
add_input_columns(const NodeProgram *node, Query *query)
{
	for (int i = 0; i < node->input_desc->natts; i++)
		add_column(query, (Expr *) input_column(node, i));
}

static void
add_aggregate(Query *query, const Aggregate *agg)
{
	add_column(query, (Expr *) copyObject(agg->aggref));
}

static Query *
finish_query(Query *query)
{
	add_column(query, int8_constant(1)); /* the weight */
	return query;
}

/*
 * The query for groups in doubt; "nulls" has the keys (from 0) that are NULL.
 * GROUP_INPUT: their rows, with the number of the group behind the columns of
 * the input, in the order of that number.  GROUP_ANSWERS: one row per group,
 * in that order too: number, n, the results of aggregates that can be asked.
 */
Query *
pgt_group_query(const NodeProgram *node, GroupRows rows, const Bitmapset *nulls)
{
	Query *query = make_query(node);

	join_affected(node, query, nulls);
	if (rows == GROUP_INPUT)
	{
		add_input_columns(node, query);
		group_by_number(node, query);
		query->groupClause = NIL; /* ordered, not grouped */
		return finish_query(query);
	}

	query->hasAggs = true;
	group_by_number(node, query);
	add_column(query, row_count());
	for (int i = 0; i < node->naggs; i++)
	{
		if (node->aggs[i]->strategy->answer != NULL)
			add_aggregate(query, node->aggs[i]);
	}
	group_by_direct_arguments(node, query);
	return finish_query(query);
}

/*
 * The query for all groups: keys, n and the results that a rebuild cannot make
 * from the rows, or, to check what is stored, keys, all results and n.
 */
Query *
pgt_all_groups_query(const NodeProgram *node, bool check)
{
	Query *query = make_query(node);

	query->hasAggs = true;
	group_by_keys(node, query);
	if (!check)
		add_column(query, row_count());
	for (int i = 0; i < node->naggs; i++)
	{
		if (check || pgt_is_asked_in_rebuild(node->aggs[i]))
			add_aggregate(query, node->aggs[i]);
	}
	if (check)
		add_column(query, row_count());
	return finish_query(query);
}

/*
 * The query for all rows of the input.
 */
Query *
pgt_all_rows_query(const NodeProgram *node)
{
	Query *query = make_query(node);

	add_input_columns(node, query);
	return finish_query(query);
}
