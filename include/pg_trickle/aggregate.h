/*-------------------------------------------------------------------------
 *
 * aggregate.h
 *	  One aggregate of a node, maintained from the rows that came and went.
 *
 * What an aggregate keeps per group, and what it can do with a row, is its
 * strategy.  The node does the same with each: load() what is stored for a
 * group, apply() the group's changed rows, store() what they lead to.  A
 * strategy that cannot go on says so by a doubt, and the node resolves it.
 *
 * Layer: dvm
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_AGGREGATE_H
#define PGT_AGGREGATE_H

#include "access/attnum.h"
#include "catalog/pg_aggregate.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "nodes/primnodes.h"

struct GroupKey;
struct Multiset;
struct WindowAggState;

typedef struct Aggregate Aggregate;

/* What the rows of a change left open; a set. */
#define DOUBT_NONE 0
#define DOUBT_REFEED 0x01	/* feed the group's rows again, from scratch */
#define DOUBT_QUERY 0x02	/* ask the aggregate of the group's rows */
#define DOUBT_MISMATCH 0x04 /* a row went that was never there */

/* What an aggregate keeps beside its result; a set. */
#define KEEPS_STATE 0x01  /* s<i>, a transition state */
#define KEEPS_COUNT 0x02  /* c<i>, a number of rows */
#define KEEPS_VALUES 0x04 /* a multiset of values, see multiset.h */

/* What the strategies have to know about an aggregate to choose it. */
typedef struct AggregateFacts
{
	const Aggref *aggref;
	FormData_pg_aggregate form;
	int nargs;
	Oid argtypes[FUNC_MAX_ARGS];
	Oid transtype;	 /* of the moving state; InvalidOid: none */
	bool serialised; /* the moving state is stored as bytea */
} AggregateFacts;

typedef struct AggregateStrategy
{
	const char *name;	 /* shown by explain_st() */
	const char *meaning; /* and so is this */
	int keeps;			 /* KEEPS_... */
	bool fed;			 /* a rebuild hands it all rows of a group */
	bool (*matches)(const AggregateFacts *facts);
	void (*prepare)(Aggregate *agg, const AggregateFacts *facts);

	/*
	 * Start on a group; "stored" is its state row, NULL for a new one, in
	 * which case the state of an aggregate over no rows is made.
	 */
	void (*load)(Aggregate *agg, TupleTableSlot *stored);

	/* A row whose arguments are in agg->values came or went; a doubt. */
	int (*apply)(Aggregate *agg, int64 weight);

	/* Put the result and what is kept into a row of the state table. */
	void (*store)(Aggregate *agg, Datum *values, bool *nulls);

	/* Take the result from a query over all rows; NULL: none is asked. */
	void (*answer)(Aggregate *agg, Datum value, bool isnull);
} AggregateStrategy;

/* A Var on the node's input or a constant. */
typedef struct AggregateInput
{
	AttrNumber column; /* of the input; 0: a constant */
	Datum value;
	bool isnull;
} AggregateInput;

/* What the aggregates of a node share. */
typedef struct AggregateMemory
{
	struct WindowAggState *caller; /* the executor node that transition
									 * functions believe to be called by */
	MemoryContext lasting;		   /* as long as the node's program */
	MemoryContext group;		   /* states; reset after each group */
	MemoryContext row;			   /* reset after each row */
} AggregateMemory;

struct Aggregate
{
	const AggregateStrategy *strategy;
	AggregateMemory *memory;
	Aggref *aggref;
	int number; /* 1.. */

	/* columns of the state table; 0: not kept */
	AttrNumber result;
	AttrNumber state;
	AttrNumber count;
	Oid statetype;		  /* type of column "state" */
	bool state_is_result; /* no s<i>: a<i> is the state */
	bool count_is_n;	  /* no c<i>: every row of the group counts */

	/* the input */
	int nargs;
	AggregateInput *args;
	AggregateInput *filter; /* NULL: none */
	bool skips_nulls;		/* rows with a NULL argument do not count */
	Datum *values;			/* the arguments of the row at hand */
	bool *nulls;

	int doubt;					  /* about the group at hand */
	const struct GroupKey *group; /* which that is */
	struct Multiset *multiset;	  /* if it keeps values */
	bool from_scratch;			  /* a rebuild: the multiset is complete */
	void *own;					  /* the strategy's */
};

/*
 * Choose the strategy of an aggregate and say what it keeps; nothing is
 * looked up but catalogs.  Allocated in memory->lasting.
 */
extern Aggregate *pgt_aggregate_plan(Aggref *aggref, int number,
									 AggregateMemory *memory);

/* Resolve its functions, once its columns and its multiset are set. */
extern void pgt_aggregate_prepare(Aggregate *agg);

/* The types that its state consists of, to compare; palloc'd. */
extern char *pgt_aggregate_signature(const Aggregate *agg);

/* Error 42501 if the current user may not call the aggregate. */
extern void pgt_aggregate_check_access(const Aggregate *agg);

/* The group at hand, see the strategy's functions of the same names. */
extern void pgt_aggregate_load(Aggregate *agg, TupleTableSlot *stored);
extern void pgt_aggregate_apply(Aggregate *agg, TupleTableSlot *row,
								int64 weight);
extern void pgt_aggregate_answer(Aggregate *agg, Datum value, bool isnull);
extern void pgt_aggregate_store(Aggregate *agg, Datum *values, bool *nulls);

/* Read the arguments of a row into agg->values; false: it does not count. */
extern bool pgt_aggregate_fetch(Aggregate *agg, TupleTableSlot *row);

extern bool pgt_arguments_storable(const AggregateFacts *facts);

extern const AggregateStrategy pgt_strategy_moving;
extern const AggregateStrategy pgt_strategy_ordered;
extern const AggregateStrategy pgt_strategy_extremum;
extern const AggregateStrategy pgt_strategy_distinct;
extern const AggregateStrategy pgt_strategy_recompute;

/* ---- aggregate_moving.c: states that can be undone ---- */

typedef struct Moving Moving;

extern bool pgt_moving_possible(const AggregateFacts *facts);
extern Moving *pgt_moving_prepare(Aggregate *agg, const AggregateFacts *facts);
extern void pgt_moving_start(Aggregate *agg, Moving *moving);
extern void pgt_moving_load(Aggregate *agg, Moving *moving,
							TupleTableSlot *stored);

/* Add or remove one row; false: the inverse function cannot. */
extern void pgt_moving_forward(Aggregate *agg, Moving *moving,
							   const Datum *values, const bool *nulls);
extern bool pgt_moving_inverse(Aggregate *agg, Moving *moving,
							   const Datum *values, const bool *nulls);
extern int64 pgt_moving_count(const Moving *moving);
extern void pgt_moving_store(Aggregate *agg, Moving *moving,
							 Datum *values, bool *nulls);

#endif /* PGT_AGGREGATE_H */
