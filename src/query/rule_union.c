/*-------------------------------------------------------------------------
 *
 * rule_union.c
 *	  Trees of UNION and UNION ALL become one flat UNION ALL, which is linear,
 *	  and nodes for duplicate removal.
 *
 *		SELECT a FROM r UNION ALL (SELECT b FROM s UNION SELECT c FROM t)
 *
 * becomes
 *
 *		node 1:	input	SELECT b FROM s UNION ALL SELECT c FROM t
 *				keys 1
 *		query:	SELECT a FROM r UNION ALL SELECT k1 FROM "node 1"
 *
 * The members of the flat UNION ALL have exactly the column types of the set
 * operation: what the server casts tacitly (int4 to numeric, say) is cast
 * explicitly, since a term of the change has one member only.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_coerce.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"

#include "pg_trickle/normal_form.h"

#include "query.h"

static bool
matches_union(const Query *query)
{
	return query->setOperations != NULL;
}

/* ---- obstacles ---- */

/* The first UNION (without ALL) of a tree of set operations, or NULL. */
static const SetOperationStmt *
find_distinct_union(const Node *node)
{
	const SetOperationStmt *stmt = (const SetOperationStmt *) node;
	const SetOperationStmt *found;

	if (!IsA(node, SetOperationStmt))
		return NULL;
	if (stmt->op == SETOP_UNION && !stmt->all)
		return stmt;

	found = find_distinct_union(stmt->larg);
	return found ? found : find_distinct_union(stmt->rarg);
}

static const char *
union_obstacle(const Query *query, const char **detail, int *location)
{
	const SetOperationStmt *stmt = find_distinct_union(query->setOperations);
	const char *obstacle;
	ListCell *lc;

	if (stmt == NULL)
		return NULL;

	obstacle = pgt_node_obstacle(query, detail, location);
	foreach (lc, stmt->colTypes)
		if (obstacle == NULL)
			obstacle = pgt_key_obstacle(lfirst_oid(lc), detail);

	return obstacle;
}

/* ---- flattening ---- */

static bool
same_columns(const SetOperationStmt *a, const SetOperationStmt *b)
{
	return equal(a->colTypes, b->colTypes) &&
		   equal(a->colTypmods, b->colTypmods) &&
		   equal(a->colCollations, b->colCollations);
}

/* The target list of a set operation, as the parser makes it. */
static List *
setop_targets(const SetOperationStmt *stmt, int leftmost, List *names)
{
	List *targets = NIL;

	for (int i = 0; i < list_length(stmt->colTypes); i++)
	{
		Var *var = makeVar(leftmost, i + 1,
						   list_nth_oid(stmt->colTypes, i),
						   list_nth_int(stmt->colTypmods, i),
						   list_nth_oid(stmt->colCollations, i), 0);

		targets = lappend(targets,
						  makeTargetEntry((Expr *) var, i + 1,
										  strVal(list_nth(names, i)), false));
	}

	return targets;
}

/* The names of the columns of a query. */
static List *
target_names(const Query *query)
{
	List *names = NIL;
	ListCell *lc;

	foreach (lc, query->targetList)
		names = lappend(names,
						makeString(((TargetEntry *) lfirst(lc))->resname));
	return names;
}

/*
 * A query of a part of a set operation's tree.  The members move down one
 * level, so that what they refer to outside is one level farther away.
 */
static Query *
part_query(const Query *query, SetOperationStmt *stmt)
{
	Query *part = makeNode(Query);
	Node *leftmost = stmt->larg;
	ListCell *lc;

	while (IsA(leftmost, SetOperationStmt))
		leftmost = ((SetOperationStmt *) leftmost)->larg;

	part->commandType = CMD_SELECT;
	part->canSetTag = true;
	part->rtable = copyObject(query->rtable);
	part->jointree = makeFromExpr(NIL, NULL);
	part->setOperations = copyObject((Node *) stmt);
	part->targetList = setop_targets(stmt, ((RangeTblRef *) leftmost)->rtindex,
									 target_names(query));
	foreach (lc, part->rtable)
	{
		RangeTblEntry *rte = lfirst(lc);

		IncrementVarSublevelsUp((Node *) rte->subquery, 1, 1);
	}
	pgt_compact_range_table(part);
	return part;
}

/*
 * Collect the members below "node" as subqueries.  An operation other than
 * the root's becomes a member itself; but below a UNION it does not matter
 * whether duplicates are removed twice.
 */
static void
collect_members(const Query *query, Node *node, const SetOperationStmt *root,
				Normalizer *normalizer, List **members)
{
	SetOperationStmt *stmt = (SetOperationStmt *) node;
	RangeTblEntry *rte;

	if (IsA(node, RangeTblRef))
	{
		rte = rt_fetch(((RangeTblRef *) node)->rtindex, query->rtable);
		*members = lappend(*members, rte->subquery);
		return;
	}

	if (same_columns(stmt, root) && (stmt->all || !root->all))
	{
		collect_members(query, stmt->larg, root, normalizer, members);
		collect_members(query, stmt->rarg, root, normalizer, members);
		return;
	}

	*members = lappend(*members,
					   pgt_normalize_block(part_query(query, stmt),
										   normalizer));
}

/* ---- members ---- */

/* SELECT * FROM (query), so that there are expressions to be cast. */
static Query *
select_from(Query *query)
{
	Query *outer = makeNode(Query);
	RangeTblEntry *rte = makeNode(RangeTblEntry);
	RangeTblRef *ref = makeNode(RangeTblRef);
	ListCell *lc;

	outer->commandType = CMD_SELECT;
	outer->canSetTag = true;
	foreach (lc, query->targetList)
	{
		TargetEntry *tle = lfirst(lc);

		tle = makeTargetEntry((Expr *) makeVarFromTargetEntry(1, tle),
							  tle->resno, tle->resname, false);
		outer->targetList = lappend(outer->targetList, tle);
	}

	IncrementVarSublevelsUp((Node *) query, 1, 1);
	rte->rtekind = RTE_SUBQUERY;
	rte->subquery = query;
	rte->inFromCl = true;
	rte->eref = makeAlias("member", target_names(query));
	rte->alias = makeAlias("member", NIL);
	ref->rtindex = 1;
	outer->rtable = list_make1(rte);
	outer->jointree = makeFromExpr(list_make1(ref), NULL);
	return outer;
}

static bool
needs_cast(const Query *member, const SetOperationStmt *root)
{
	ListCell *target;
	ListCell *type;

	forboth (target, member->targetList, type, root->colTypes)
	{
		TargetEntry *tle = lfirst(target);

		if (exprType((Node *) tle->expr) != lfirst_oid(type))
			return true;
	}

	return false;
}

/* Give a member the column types of the set operation. */
static Query *
cast_member(Query *member, const SetOperationStmt *root)
{
	ListCell *target;
	ListCell *type;

	if (!needs_cast(member, root))
		return member;
	if (member->setOperations != NULL || member->hasTargetSRFs)
		member = select_from(member);

	forboth (target, member->targetList, type, root->colTypes)
	{
		TargetEntry *tle = lfirst(target);

		tle->expr = (Expr *) coerce_to_common_type(NULL, (Node *) tle->expr,
												   lfirst_oid(type), "UNION");
		tle->resorigtbl = InvalidOid;
		tle->resorigcol = 0;
	}

	return member;
}

static RangeTblEntry *
member_entry(Query *member, int number)
{
	RangeTblEntry *rte = makeNode(RangeTblEntry);

	rte->rtekind = RTE_SUBQUERY;
	rte->subquery = member;
	rte->eref = makeAlias(psprintf("*SELECT* %d", number),
						  target_names(member));
	rte->alias = rte->eref;
	return rte;
}

static Node *
member_ref(int varno)
{
	RangeTblRef *ref = makeNode(RangeTblRef);

	ref->rtindex = varno;
	return (Node *) ref;
}

/* The UNION ALL of the members, with the columns of "root". */
static Query *
union_all(List *members, const SetOperationStmt *root, List *names)
{
	Query *query = makeNode(Query);
	Node *tree = NULL;
	ListCell *lc;

	query->commandType = CMD_SELECT;
	query->canSetTag = true;
	query->jointree = makeFromExpr(NIL, NULL);
	query->targetList = setop_targets(root, 1, names);

	foreach (lc, members)
	{
		int number = foreach_current_index(lc) + 1;
		SetOperationStmt *stmt;

		query->rtable = lappend(query->rtable,
								member_entry(cast_member(lfirst(lc), root),
											 number));
		if (tree == NULL)
		{
			tree = member_ref(number);
			continue;
		}
		stmt = copyObject(unconstify(SetOperationStmt *, root));
		stmt->op = SETOP_UNION;
		stmt->all = true;
		stmt->groupClauses = NIL;
		stmt->larg = tree;
		stmt->rarg = member_ref(number);
		tree = (Node *) stmt;
	}

	query->setOperations = tree;
	pgt_name_columns(query, names);
	return query;
}

static Query *
derive_union(Query *query, Normalizer *normalizer)
{
	SetOperationStmt *root = castNode(SetOperationStmt, query->setOperations);
	List *members = NIL;
	Query *all;

	Assert(root->op == SETOP_UNION);
	collect_members(query, root->larg, root, normalizer, &members);
	collect_members(query, root->rarg, root, normalizer, &members);
	all = union_all(members, root, target_names(query));

	return root->all ? all : pgt_distinct_query(all, normalizer);
}

const QueryRule pgt_rule_union = {
	.name = "union",
	.matches = matches_union,
	.obstacle = union_obstacle,
	.derive = derive_union,
};
