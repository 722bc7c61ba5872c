/*-------------------------------------------------------------------------
 *
 * named_relations.c
 *	  The relations that the text of a query names, whether they exist or not.
 *
 *		WITH a AS (SELECT * FROM a) SELECT * FROM a JOIN s.b ON ...
 *
 * names a (the first time; the second is the CTE) and s.b.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "nodes/nodeFuncs.h"

#include "pg_trickle/normal_form.h"

#include "query.h"

typedef struct NameSearch
{
	List *ctes;	 /* names that mean CTEs here, as char * */
	List *names; /* of RangeVar */
} NameSearch;

static bool collect_names(Node *node, NameSearch *search);

static bool
is_cte(const RangeVar *name, const NameSearch *search)
{
	ListCell *lc;

	if (name->schemaname != NULL)
		return false;
	foreach (lc, search->ctes)
	{
		if (strcmp(lfirst(lc), name->relname) == 0)
			return true;
	}

	return false;
}

/* A CTE is known to those after it, with RECURSIVE to all of them. */
static void
collect_from_with(const WithClause *with, NameSearch *search)
{
	ListCell *lc;

	foreach (lc, with->ctes)
	{
		if (with->recursive)
			search->ctes = lcons(((CommonTableExpr *) lfirst(lc))->ctename,
								 search->ctes);
	}
	foreach (lc, with->ctes)
	{
		CommonTableExpr *cte = lfirst(lc);

		(void) collect_names(cte->ctequery, search);
		if (!with->recursive)
			search->ctes = lcons(cte->ctename, search->ctes);
	}
}

static bool
collect_from_select(const SelectStmt *select, NameSearch *search)
{
	List *outer = list_copy(search->ctes);
	SelectStmt rest = *select;

	collect_from_with(select->withClause, search);
	rest.withClause = NULL;
	(void) raw_expression_tree_walker((Node *) &rest, collect_names, search);
	search->ctes = outer;
	return false;
}

static bool
collect_names(Node *node, NameSearch *search)
{
	if (node == NULL)
		return false;
	if (IsA(node, RangeVar) && !is_cte((RangeVar *) node, search))
		search->names = lappend(search->names, node);
	if (IsA(node, SelectStmt) && ((SelectStmt *) node)->withClause != NULL)
		return collect_from_select((SelectStmt *) node, search);

	return raw_expression_tree_walker(node, collect_names, search);
}

/*
 * See normal_form.h.
 */
List *
pgt_named_relations(const char *text)
{
	NameSearch search = {0};

	(void) collect_names(pgt_parse_query(text)->stmt, &search);
	return search.names;
}

/*
 * See normal_form.h.
 */
int
pgt_name_location(const char *text, Oid relid)
{
	ListCell *lc;

	foreach (lc, pgt_named_relations(text))
	{
		const RangeVar *name = lfirst(lc);

		if (RangeVarGetRelid(name, NoLock, true) == relid)
			return name->location;
	}

	return -1;
}
