/*-------------------------------------------------------------------------
 *
 * table.c
 *	  The rule for tables: they are leaves.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "parser/parsetree.h"

#include "pg_trickle/program.h"

#include "../linear_rule.h"

static bool
matches_table(const RangeTblEntry *rte)
{
	return rte->rtekind == RTE_RELATION;
}

static AttrNumber
derive_table(Query *query, int varno, Derivation *d)
{
	Oid relid = rt_fetch(varno, query->rtable)->relid;

	return pgt_derive_leaf(query, varno, relid, 0,
						   pgt_source_delta_name(relid), d);
}

const EntryRule pgt_rule_table = {
	.name = "table",
	.matches = matches_table,
	.derive = derive_table,
};
