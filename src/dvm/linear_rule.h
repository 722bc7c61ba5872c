/*
 * linear_rule.h
 *	  The rules by which a linear query becomes a term of its change.
 *
 * A derivation walks over a copy of the query and rewrites it in place.  The
 * leaves (tables and outputs of nodes) are counted as they are met: one of
 * them is replaced by its change, those before it stay as they are, those
 * behind it become their old state.  What has a weight column after that says
 * so by its number, and the weights are multiplied on the way up.
 */
#ifndef PGT_LINEAR_RULE_H
#define PGT_LINEAR_RULE_H

#include "nodes/parsenodes.h"

#define WEIGHT_NAME "w"

typedef struct Derivation
{
	int leaf;				 /* number of the leaf that is replaced */
	bool alone;				 /* leaves behind it have no change */
	const Oid *state_relids; /* tables of nodes */

	int next;	 /* number of the next leaf to be met */
	Oid relid;	 /* set: what the leaf is, */
	int node_id; /* or this, */
	char *delta; /* and the name of its change */
	List *old;	 /* names of the changes of leaves behind it */
} Derivation;

/* A leaf number that no leaf has: all stay as they are. */
#define NO_LEAF INT_MAX

/* "derive" returns the number of the weight column, 0: there is none. */
typedef struct EntryRule /* for an entry of the range table */
{
	const char *name;
	bool (*matches)(const RangeTblEntry *rte);
	AttrNumber (*derive)(Query *query, int varno, Derivation *d);
} EntryRule;

typedef struct BlockRule /* for a SELECT or UNION ALL */
{
	const char *name;
	bool (*matches)(const Query *query);
	AttrNumber (*derive)(Query *query, Derivation *d);
} BlockRule;

extern const EntryRule pgt_rule_table;
extern const EntryRule pgt_rule_node;
extern const EntryRule pgt_rule_subquery;
extern const EntryRule pgt_rule_constant;
extern const BlockRule pgt_rule_union_all;
extern const BlockRule pgt_rule_select;

/* Apply the rule that matches. */
extern AttrNumber pgt_derive_entry(Query *query, int varno, Derivation *d);
extern AttrNumber pgt_derive_block(Query *query, Derivation *d);

/* The number of leaves of a query. */
extern int pgt_count_leaves(const Query *query);
extern bool pgt_is_leaf(const RangeTblEntry *rte);

/* leaf.c: entry "varno", a table, is a leaf whose change is called "delta". */
extern AttrNumber pgt_derive_leaf(Query *query, int varno, Oid relid,
								  int node_id, const char *delta,
								  Derivation *d);

/* weight.c: expressions over weights. */
extern Expr *pgt_weight_one(void);
extern Expr *pgt_weight_negated(Expr *weight);
extern Expr *pgt_weight_product(Expr *a, Expr *b); /* NULL is 1 */
extern Var *pgt_weight_var(int varno, AttrNumber attno);

/* Add the weight as last column; returns its number. */
extern AttrNumber pgt_add_weight(Query *query, Expr *weight);

#endif /* PGT_LINEAR_RULE_H */
