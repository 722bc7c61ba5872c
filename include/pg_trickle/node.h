/*-------------------------------------------------------------------------
 *
 * node.h
 *	  One non-linear node at run time: what its parts share.
 *
 * The state table of node 1 of stream table 7 for
 *
 *		SELECT region, sum(amount), string_agg(name, ',') ... GROUP BY region
 *
 * is pgtrickle_state.n_7_1
 *
 *		k1		keys
 *		a1, a2	results
 *		n		rows in the group
 *		s1		state of sum(amount)
 *		c1		rows in it
 *		hash	of the keys; indexed
 *
 * and, if keys may be equal without being identical, behind n
 *
 *		shown	rows known to have the keys as shown, representative.c
 *
 * Layer: dvm
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_NODE_H
#define PGT_NODE_H

#include "access/skey.h"
#include "nodes/bitmapset.h"

#include "pg_trickle/aggregate.h"
#include "pg_trickle/identity.h"
#include "pg_trickle/multiset.h"
#include "pg_trickle/program.h"
#include "pg_trickle/rowstore.h"

typedef struct Representative Representative;

struct NodeProgram
{
	MemoryContext memory; /* all of it */
	QueryNode *query;	  /* a copy, without its input */
	char *name;			  /* "node 1" */
	Linear *input;
	TupleDesc input_desc; /* keys, then arguments */
	bool keys_vary;		  /* equal ones may differ, representative.c */

	/* the state table */
	Oid state_relid;
	Oid state_index;
	List *multisets; /* OIDs, one per aggregate, or InvalidOid */
	TupleDesc state_desc;
	int nkeys;
	int naggs;
	int nvisible; /* keys and results come first */
	AttrNumber n;
	AttrNumber shown; /* 0: equal keys are identical */
	AttrNumber hash;
	RowIdentity *key;	/* of input rows and state rows alike */
	RowIdentity *image; /* of state rows */
	ScanKeyData probe;
	TupleDesc delta_desc; /* of the output's change */

	Aggregate **aggs;
	AggregateMemory agg_memory;
	List *texts;	   /* of GroupTexts, group_recompute.c */
	QueryText answers; /* all groups: keys, n, what is recomputed */
	QueryText check;   /* all groups: keys, all results, n */
	QueryText rows;	   /* the input */

	/* a run */
	MemoryContext run; /* reset when one starts */
	RowStore *store;
	TupleTableSlot *old; /* the stored row of the group */
	TupleTableSlot *new;
	Delta *output; /* NULL: a rebuild */
	bool mismatch; /* the change did not fit the state */
	List *doubts;  /* of DoubtBatch, group_recompute.c */

	/* the group at hand */
	GroupKey group;
	int64 group_n;
	bool stored;					/* "old" is its row */
	Representative *representative; /* NULL: equal keys are identical */
};

/* A scalar aggregate has one row, whatever its input. */
static inline bool
pgt_node_is_scalar(const NodeProgram *node)
{
	return node->nkeys == 0;
}

/* A rebuild hands it no rows, but the result of a query. */
static inline bool
pgt_is_asked_in_rebuild(const Aggregate *agg)
{
	return agg->strategy->answer != NULL && !agg->strategy->fed;
}

/* ---- state_table.c: the state table ---- */

/* Everything that follows from the query alone. */
extern NodeProgram *pgt_node_plan(const QueryNode *query, MemoryContext memory);

/* ---- node_group.c: a run, and the group at hand ---- */

/* Open the state table; "output" gets the changes, NULL: they go nowhere. */
extern void pgt_node_begin(NodeProgram *node, Delta *output);
extern void pgt_node_end(NodeProgram *node);

/*
 * Find the stored row of the group that "row" belongs to: its first columns
 * are the keys.  Sets node->stored.
 */
extern void pgt_group_find(NodeProgram *node, TupleTableSlot *row, int64 hash);

/* Keep copies of the keys of "row", in the current memory context. */
extern void pgt_copy_keys(const NodeProgram *node, TupleTableSlot *row,
						  GroupKey *to);

/* Start on that group, with what is stored of it. */
extern void pgt_group_begin(NodeProgram *node, TupleTableSlot *row);

/* Start on it as if nothing was known of it. */
extern void pgt_group_begin_anew(NodeProgram *node, TupleTableSlot *row);
extern void pgt_group_apply(NodeProgram *node, TupleTableSlot *row,
							int64 weight);

/* Fill node->new with what the group's aggregates lead to. */
extern void pgt_group_finish(NodeProgram *node);

/* Store node->new, or remove the group, and put the change into the output. */
extern void pgt_group_write(NodeProgram *node);
extern void pgt_group_remove(NodeProgram *node);

/* ---- representative.c: which of equal keys the group shows ---- */

extern bool pgt_keys_may_vary(const NodeProgram *node);

/* These are only for nodes whose keys do. */
extern Representative *pgt_representative_build(const NodeProgram *node);
extern void pgt_representative_begin(NodeProgram *node,
									 TupleTableSlot *stored);
extern void pgt_representative_apply(NodeProgram *node, TupleTableSlot *row,
									 int64 weight);
extern bool pgt_representative_is_lost(const NodeProgram *node);
extern void pgt_representative_store(NodeProgram *node, Datum *values,
									 bool *nulls);

/* ---- group_recompute.c: groups in doubt ---- */

/* Put the group at hand, of which node->new is what is known, aside. */
extern void pgt_group_put_aside(NodeProgram *node, int doubt);

/* Query the input for all groups that were put aside, and write them. */
extern void pgt_groups_recompute(NodeProgram *node);

extern void pgt_group_texts_free(List *texts);

/* ---- group_query.c: queries over the input, by group ---- */

typedef enum GroupRows
{
	GROUP_INPUT,   /* the input's columns, a group's number */
	GROUP_ANSWERS, /* number, n, aggregates that are asked */
} GroupRows;

/*
 * For the groups whose keys are bound as "affected": keys that are in "nulls"
 * (0..) are NULL in all of them, the others in none.  palloc'd.
 */
extern Query *pgt_group_query(const NodeProgram *node, GroupRows rows,
							  const Bitmapset *nulls);

/* For all groups: keys, n and the recomputed, or all, results. */
extern Query *pgt_all_groups_query(const NodeProgram *node, bool check);

/* For all rows of the input. */
extern Query *pgt_all_rows_query(const NodeProgram *node);

/* The name of the affected groups in the texts; their columns: number, keys. */
extern char *pgt_affected_name(const NodeProgram *node);
extern TupleDesc pgt_affected_desc(const NodeProgram *node);

#endif /* PGT_NODE_H */
