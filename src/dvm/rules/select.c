/*-------------------------------------------------------------------------
 *
 * select.c
 *	  The rule for SELECT ... FROM ... WHERE: filter, projection, inner join.
 *
 * For R join S, with dR and dS the changes and R1, S0 the tables as they are
 * and were:
 *
 *		d(R join S) = dR join S0  +  R1 join dS
 *
 * and so for any number of tables: one term for each, in which it is replaced
 * by its change, those before it are new and those behind it old.  A table
 * that is joined with itself is two.  The weight of a joined row is the
 * product of the weights; conditions and expressions stay as they are.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "../linear_rule.h"

static bool
matches_select(const Query *query)
{
	return query->setOperations == NULL;
}

static AttrNumber
derive_select(Query *query, Derivation *d)
{
	Expr *weight = NULL;
	ListCell *lc;

	foreach (lc, query->jointree->fromlist)
	{
		int varno = lfirst_node(RangeTblRef, lc)->rtindex;
		AttrNumber attno = pgt_derive_entry(query, varno, d);
		Var *factor = pgt_weight_var(varno, attno);

		if (attno != 0)
			weight = pgt_weight_product(weight, (Expr *) factor);
	}

	return weight == NULL ? 0 : pgt_add_weight(query, weight);
}

const BlockRule pgt_rule_select = {
	.name = "select",
	.matches = matches_select,
	.derive = derive_select,
};
