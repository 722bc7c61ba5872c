/*-------------------------------------------------------------------------
 *
 * constant.c
 *	  The rule for what never changes: functions of other columns, VALUES.
 *
 * The server knows no such entry that reads a table; a function that does is
 * no leaf but an obstacle, found by its volatility.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "../linear_rule.h"

static bool
matches_constant(const RangeTblEntry *rte)
{
	return rte->rtekind == RTE_FUNCTION || rte->rtekind == RTE_VALUES ||
		   rte->rtekind == RTE_TABLEFUNC || rte->rtekind == RTE_RESULT;
}

static AttrNumber
derive_constant(Query *query, int varno, Derivation *d)
{
	return 0;
}

const EntryRule pgt_rule_constant = {
	.name = "constant",
	.matches = matches_constant,
	.derive = derive_constant,
};
