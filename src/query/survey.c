/*-------------------------------------------------------------------------
 *
 * survey.c
 *	  What a query reads, and whether anything stands in the way of
 *	  maintaining it.
 *
 * The whole query is looked at even when an obstacle was found early: sources
 * must be complete, and the gravest obstacle counts.  In
 *
 *		SELECT id, now() FROM a LEFT JOIN b USING (id)
 *
 * the LEFT JOIN would allow to recompute when a or b changed, but now() asks
 * for it at each refresh.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/heap.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"

#include "pg_trickle/compat.h"
#include "pg_trickle/catalog.h"
#include "pg_trickle/normal_form.h"

#include "query.h"

static void survey_query(Query *query, const Survey *outer);

/*
 * Keep an obstacle unless one as grave is known.  "construct" is copied,
 * "detail" (a sentence, or NULL) too; what view it is part of is added.
 */
void
pgt_note_obstacle(Survey *survey, ObstacleKind kind, const char *construct,
				  const char *detail, int location)
{
	Obstacle *obstacle = &survey->form->obstacle;

	if (kind <= obstacle->kind)
		return;

	obstacle->kind = kind;
	obstacle->construct = pstrdup(construct);
	obstacle->location = location;
	obstacle->named = survey->named;
	obstacle->view = survey->view;
	obstacle->detail = detail ? pstrdup(detail) : NULL;
	if (OidIsValid(survey->view))
		obstacle->detail = psprintf("%s%sIt is part of view \"%s\".",
									detail ? detail : "", detail ? " " : "",
									get_rel_name(survey->view));
}

/* ---- sources ---- */

/* The columns of a table that a set refers to; a whole row is all of them. */
static Bitmapset *
user_columns(Oid relid, const Bitmapset *referenced)
{
	Bitmapset *columns = NULL;
	bool whole = bms_is_member(-FirstLowInvalidHeapAttributeNumber,
							   referenced);
	Relation rel = table_open(relid, AccessShareLock);
	TupleDesc desc = RelationGetDescr(rel);

	for (int attno = 1; attno <= desc->natts; attno++)
		if (!TupleDescAttr(desc, attno - 1)->attisdropped &&
			(whole || bms_is_member(attno - FirstLowInvalidHeapAttributeNumber,
									referenced)))
			columns = bms_add_member(columns, attno);
	table_close(rel, NoLock);

	return columns;
}

static SourceUse *
find_source(NormalForm *form, const RangeTblEntry *rte)
{
	SourceUse *use;
	ListCell *lc;

	foreach (lc, form->sources)
	{
		use = lfirst(lc);
		if (use->relid == rte->relid)
			return use;
	}

	use = palloc0(sizeof(SourceUse));
	use->relid = rte->relid;
	use->relkind = rte->relkind;
	form->sources = lappend(form->sources, use);
	return use;
}

/* Add a use of a table with these columns to the sources. */
static void
add_source(NormalForm *form, const RangeTblEntry *rte, Bitmapset *columns)
{
	SourceUse *use = find_source(form, rte);
	int attno = -1;

	use->inh |= rte->inh;
	for (int i = 0; i < use->ncolumns; i++)
		columns = bms_add_member(columns, use->columns[i]);

	use->columns = palloc0(sizeof(AttrNumber) * (bms_num_members(columns) + 1));
	use->ncolumns = 0;
	while ((attno = bms_next_member(columns, attno)) >= 0)
		use->columns[use->ncolumns++] = attno;
}

/* ---- obstacles that tables are ---- */

static void
survey_children(const RangeTblEntry *rte, Survey *survey)
{
	ListCell *lc;

	if (!has_subclass(rte->relid))
		return;

	if (!rte->inh)
	{
		pgt_note_obstacle(survey, OBSTACLE_NO_RULE, "ONLY",
						  "Changes of the table include those of its children.",
						  -1);
		return;
	}

	foreach (lc, pgt_family(rte->relid, AccessShareLock))
	{
		Oid child = lfirst_oid(lc);

		if (get_rel_relkind(child) == RELKIND_FOREIGN_TABLE)
			pgt_note_obstacle(survey, OBSTACLE_EVERY_REFRESH,
							  psprintf("foreign table \"%s\"",
									   get_rel_name(child)),
							  "Its changes cannot be followed.", -1);
	}
}

/* The kinds of relations whose changes cannot be seen. */
static void
survey_relkind(const RangeTblEntry *rte, Survey *survey)
{
	const char *kind;

	switch (rte->relkind)
	{
		case RELKIND_RELATION:
		case RELKIND_PARTITIONED_TABLE:
			survey_children(rte, survey);
			return;
		case RELKIND_MATVIEW:
			kind = "materialized view";
			break;
		case RELKIND_FOREIGN_TABLE:
			kind = "foreign table";
			break;
		case RELKIND_SEQUENCE:
			kind = "sequence";
			break;
		default:
			kind = "relation";
			break;
	}

	pgt_note_obstacle(survey, OBSTACLE_EVERY_REFRESH,
					  psprintf("%s \"%s\"", kind, get_rel_name(rte->relid)),
					  "Its changes cannot be followed.", -1);
}

/*
 * A column that is computed when it is read (since PG18) is not in the log:
 * its change is not seen.
 */
static void
survey_virtual_columns(Oid relid, const Bitmapset *columns, Survey *survey)
{
	int attno = -1;

	while ((attno = bms_next_member(columns, attno)) >= 0)
		if (get_attgenerated(relid, attno) == 'v')
			pgt_note_obstacle(survey, OBSTACLE_EVERY_REFRESH,
							  psprintf("virtual generated column \"%s\"",
									   get_attname(relid, attno, false)),
							  "Its changes cannot be followed.", -1);
}

static bool
may_read(Oid relid, Oid role, const Bitmapset *columns)
{
	int attno = -1;

	if (pg_class_aclcheck(relid, role, ACL_SELECT) == ACLCHECK_OK)
		return true;
	if (bms_is_empty(columns))
		return pg_attribute_aclcheck_all(relid, role, ACL_SELECT,
										 ACLMASK_ANY) == ACLCHECK_OK;

	while ((attno = bms_next_member(columns, attno)) >= 0)
		if (pg_attribute_aclcheck(relid, attno, role,
								  ACL_SELECT) != ACLCHECK_OK)
			return false;

	return true;
}

/*
 * Delta queries read tables as the owner of the stream table, also those that
 * the query reads through a view with the rights of the view's owner.
 */
static void
survey_rights(const RangeTblEntry *rte, const Bitmapset *columns,
			  Survey *survey)
{
	const char *name = get_rel_name(rte->relid);

	if (survey->reader != survey->owner &&
		!may_read(rte->relid, survey->owner, columns))
		pgt_note_obstacle(survey, OBSTACLE_NO_RULE,
						  psprintf("view \"%s\"", get_rel_name(survey->view)),
						  psprintf("The owner may not read table \"%s\" itself.",
								   name),
						  -1);

	if (check_enable_rls(rte->relid, survey->owner, true) == RLS_ENABLED ||
		check_enable_rls(rte->relid, survey->reader, true) == RLS_ENABLED)
		pgt_note_obstacle(survey, OBSTACLE_EVERY_REFRESH,
						  psprintf("row-level security of table \"%s\"", name),
						  "Its policies apply to the owner of the stream table.",
						  -1);
}

/* ---- the parts of a query ---- */

static void
survey_subquery(const RangeTblEntry *rte, const Survey *survey)
{
	Survey inner = *survey;

	if (OidIsValid(rte->relid))
	{
		Relation view = table_open(rte->relid, AccessShareLock);

		inner.view = rte->relid;
		if (!OidIsValid(inner.named))
			inner.named = rte->relid;
		inner.reader = RelationHasSecurityInvoker(view) ?
						   survey->owner :
						   view->rd_rel->relowner;
		table_close(view, NoLock);
	}

	survey_query(rte->subquery, &inner);
}

static void
survey_table(const RangeTblEntry *rte, Bitmapset *columns,
			 const Survey *outer)
{
	Survey survey = *outer;

	if (!OidIsValid(survey.named))
		survey.named = rte->relid;
	add_source(survey.form, rte, bms_copy(columns));
	survey_relkind(rte, &survey);
	survey_virtual_columns(rte->relid, columns, &survey);
	survey_rights(rte, columns, &survey);
	pgt_survey_table_name(rte->relid, &survey);
}

static void
survey_entry(Query *query, int varno, const Survey *survey)
{
	RangeTblEntry *rte = list_nth(query->rtable, varno - 1);
	Bitmapset *columns;

	if (rte->rtekind == RTE_SUBQUERY)
		survey_subquery(rte, survey);
	if (rte->rtekind != RTE_RELATION)
		return;

	columns = user_columns(rte->relid, pgt_referenced_columns(query, varno));
	survey_table(rte, columns, survey);
}

static void
survey_var(const Var *var, Survey *survey)
{
	const char *name;

	if (var->varattno >= 0)
		return;

	name = NameStr(SystemAttributeDefinition(var->varattno)->attname);
	if (var->varattno == TableOidAttributeNumber)
		pgt_note_obstacle(survey, OBSTACLE_NO_RULE, name,
						  "Changes of a table do not tell the partition.",
						  var->location);
	else
		pgt_note_obstacle(survey, OBSTACLE_EVERY_REFRESH, name,
						  "System columns change without a change of the row.",
						  var->location);
}

/*
 * "a IN (subquery)" is "a = ANY (subquery)" to the server, and only the text
 * that is analyzed tells which of them it is: analyze.c marks it.  What comes
 * from a view is called IN, as the server prints it.
 */
static bool
is_in(const SubLink *sublink)
{
	if (sublink->subLinkType != ANY_SUBLINK)
		return false;
	return sublink->operName == NIL ||
		   (sublink->location < 0 &&
			strcmp(strVal(llast(sublink->operName)), "=") == 0);
}

static const char *
sublink_name(const SubLink *sublink)
{
	static const char *const names[] = {
		[EXISTS_SUBLINK] = "EXISTS",
		[ALL_SUBLINK] = "%s ALL (subquery)",
		[ANY_SUBLINK] = "%s ANY (subquery)",
		[ROWCOMPARE_SUBLINK] = "row comparison with a subquery",
		[EXPR_SUBLINK] = "scalar subquery",
		[MULTIEXPR_SUBLINK] = "row subquery",
		[ARRAY_SUBLINK] = "ARRAY (subquery)",
		[CTE_SUBLINK] = "WITH",
	};

	if (is_in(sublink))
		return "IN (subquery)";
	if (sublink->subLinkType == ALL_SUBLINK ||
		sublink->subLinkType == ANY_SUBLINK)
		return psprintf(names[sublink->subLinkType],
						strVal(llast(sublink->operName)));
	return names[sublink->subLinkType];
}

static void
survey_sublink(const SubLink *sublink, Survey *survey)
{
	pgt_note_obstacle(survey, OBSTACLE_NO_RULE, sublink_name(sublink), NULL,
					  sublink->location);
}

/*
 * NOT EXISTS and NOT IN are joins of their own, and known by these names.
 * Noted before what is negated, which is as grave.
 */
static void
survey_negation(const BoolExpr *expr, Survey *survey)
{
	const SubLink *sublink = linitial(expr->args);

	if (expr->boolop != NOT_EXPR || !IsA(sublink, SubLink))
		return;
	if (sublink->subLinkType == EXISTS_SUBLINK || is_in(sublink))
		pgt_note_obstacle(survey, OBSTACLE_NO_RULE,
						  psprintf("NOT %s", sublink_name(sublink)), NULL,
						  expr->location);
}

static bool
survey_walker(Node *node, Survey *survey)
{
	if (node == NULL)
		return false;

	if (IsA(node, Query))
	{
		survey_query((Query *) node, survey);
		return false;
	}

	if (IsA(node, Var))
		survey_var((Var *) node, survey);
	else if (IsA(node, SubLink))
		survey_sublink((SubLink *) node, survey);
	else if (IsA(node, BoolExpr))
		survey_negation((BoolExpr *) node, survey);
	else
		pgt_survey_functions(node, survey);
	pgt_survey_names(node, survey);

	return expression_tree_walker(node, survey_walker, survey);
}

static void
survey_query(Query *query, const Survey *outer)
{
	Survey survey = *outer;

	check_stack_depth();
	pgt_survey_constructs(query, &survey);
	for (int varno = 1; varno <= list_length(query->rtable); varno++)
		survey_entry(query, varno, &survey);
	query_tree_walker(query, survey_walker, &survey,
					  QTW_IGNORE_RT_SUBQUERIES | QTW_IGNORE_JOINALIASES);
}

/*
 * Find the sources and the gravest obstacle of an expanded query that "owner"
 * will run; both are put into "form", in the current memory context.
 */
void
pgt_survey(Query *query, NormalForm *form, Oid owner)
{
	Survey survey = {
		.form = form,
		.query = query,
		.owner = owner,
		.reader = owner,
	};

	survey_query(query, &survey);
}
