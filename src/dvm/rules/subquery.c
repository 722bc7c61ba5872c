/*-------------------------------------------------------------------------
 *
 * subquery.c
 *	  The rule for subqueries in FROM: the term of the subquery.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/value.h"
#include "parser/parsetree.h"

#include "../linear_rule.h"

static bool
matches_subquery(const RangeTblEntry *rte)
{
	return rte->rtekind == RTE_SUBQUERY;
}

static AttrNumber
derive_subquery(Query *query, int varno, Derivation *d)
{
	RangeTblEntry *rte = rt_fetch(varno, query->rtable);
	AttrNumber weight = pgt_derive_block(rte->subquery, d);

	if (weight != 0)
		rte->eref->colnames = lappend(rte->eref->colnames,
									  makeString(pstrdup(WEIGHT_NAME)));
	return weight;
}

const EntryRule pgt_rule_subquery = {
	.name = "subquery",
	.matches = matches_subquery,
	.derive = derive_subquery,
};
