/*-------------------------------------------------------------------------
 *
 * due.h
 *	  Which stream tables are to be refreshed now, and when to look again.
 *
 * Layer: schedule
 *
 * The scheduler fills in a DueModel, prepares it, and then goes round:
 *
 *		n = pgt_due_now(model, now, out);
 *		for each of out, workers permitting: pgt_note_started(), start it
 *		sleep until a latch, a worker that ends, or pgt_next_due(model, now)
 *		pgt_note_dirty() of what changed, pgt_note_finished() of what ended
 *
 * No function here reads a clock, a catalog or a setting: unit-tested.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_DUE_H
#define PGT_DUE_H

#include "datatype/timestamp.h"

#include "pg_trickle/cron.h"
#include "pg_trickle/options.h"
#include "pg_trickle/schedule.h"

/* One stream table.  Unknown times in the past are DT_NOBEGIN. */
typedef struct DueNode
{
	/* ---- what it is: by the caller ---- */
	int64 pgt_id;
	Oid owner;
	Schedule schedule;
	Tier tier;
	bool held;			   /* suspended, gated, blown fuse, paused ... */
	bool untracked_inputs; /* its content changes without a sign: the clock,
							* foreign tables */
	bool atomic;		   /* what is its owner's of the diamonds that end here
							* is refreshed as one */
	DiamondPolicy policy;  /* of those */
	int *upstream;		   /* the stream tables it reads, by index */
	int nupstream;
	int64 *sources; /* what else it reads, by any id */
	int nsources;

	/* ---- how it is: by the caller at first, then by pgt_note_... ---- */
	bool dirty;				 /* something it reads has changed */
	TimestampTz dirty_since; /* ... that long ago; the oldest */
	TimestampTz last_start;	 /* of the last refresh that succeeded; never: its
							  * creation, or DT_NOBEGIN to be due at once */
	TimestampTz last_end;	 /* of the last refresh */
	int64 last_duration_us;
	bool recomputed; /* ... as a whole, as the next one will; the caller sets
					  * it before pgt_note_finished() */
	int consecutive_errors;
	TimestampTz retry_at; /* after an error: not before */
	bool running;
	TimestampTz run_start; /* of the refresh that runs, or ran last */
	TimestampTz run_dirty; /* dirty_since at its start; DT_NOEND: was clean */
	TimestampTz run_since; /* what its consumers are dirty since, if it
							* changes something */

	/* ---- derived: by pgt_prepare_model() ---- */
	int group; /* of atomic diamonds; -1: none */
	int unit;
	int *consumers;
	int nconsumers;

	/* ---- derived at each look ---- */
	TimestampTz change_at; /* the oldest change that would reach it */
	TimestampTz wanted_at; /* when it should be refreshed */
	TimestampTz comes_at;  /* ... and the backoff is over */
	TimestampTz due_at;	   /* ... and it has rested after its last refresh */
	bool comes;			   /* its refresh runs, or will without further cause */

	/* The last answer of pgt_cron_next(): true of all from cron_from on. */
	TimestampTz cron_from;
	TimestampTz cron_next;
} DueNode;

/* Stream tables that are refreshed in one transaction; mostly just one. */
typedef struct DueUnit
{
	int first; /* place in DueModel.order */
	int n;
	DiamondPolicy policy;
} DueUnit;

/* The stream tables of a database. */
typedef struct DueModel
{
	/* ---- by the caller; the zone's rules must outlive the model ---- */
	int nnodes;
	DueNode *nodes;
	const ZoneRules *zone; /* for cron */
	TimestampTz loaded_at; /* now */

	/* ---- derived: by pgt_prepare_model() ---- */
	int *order; /* upstream first; the members of a unit are neighbours */
	DueUnit *units;
	int nunits;
	int ngroups;
} DueModel;

/*
 * Find order, consumers and groups, in the caller's memory context, where the
 * caller has put the model.  Returns 0; or, if stream tables read each other
 * in a circle, the length of the circle, and its members in "cycle" (room for
 * nnodes): each reads the next, the last the first, the smallest pgt_id comes
 * first.  Such a model cannot be used.
 */
extern int pgt_prepare_model(DueModel *model, int *cycle);

/*
 * The diamonds that end in a stream table, whatever its options: sets those
 * members true that lie between a shared source and it, and returns their
 * number; 0: none.  The model must be prepared.
 */
extern int pgt_find_diamond(const DueModel *model, int apex, bool *member);

/* Take over by pgt_id how the nodes of an older model were. */
extern void pgt_inherit_model(DueModel *model, const DueModel *older);

/*
 * The nodes whose refresh may start now, longest due first; room for nnodes.
 * None waits for another, except that the members of an atomic group, which
 * are neighbours and upstream first, are one transaction of one worker.
 */
extern int pgt_due_now(DueModel *model, TimestampTz now, int *out);

/*
 * When something will be due that is not yet; DT_NOEND: nothing will, unless
 * something changes or ends.
 */
extern TimestampTz pgt_next_due(DueModel *model, TimestampTz now);

/*
 * When this one will be due by what is known now: in the past, if it waits or
 * runs; DT_NOEND, if never.
 */
extern TimestampTz pgt_due_at(DueModel *model, int node, TimestampTz now);

/* What a tier makes of a period, both in microseconds. */
extern int64 pgt_tier_period(Tier tier, int64 period);

/* Something that it reads has changed. */
extern void pgt_note_dirty(DueModel *model, int node, TimestampTz since);

/* Its refresh begins, on schedule or on request. */
extern void pgt_note_started(DueModel *model, int node, TimestampTz now);

/* It ended well; "changed": the content is another, so consumers are dirty. */
extern void pgt_note_finished(DueModel *model, int node, TimestampTz now,
							  bool changed);

/* It ended in an error, and is tried again after a while. */
extern void pgt_note_failed(DueModel *model, int node, TimestampTz now);

/*
 * The clock says "now", which may be less than before: nothing waits for a
 * time that it has shown already.
 */
extern void pgt_note_clock(DueModel *model, TimestampTz now);

/*
 * The wait after the nth error in a row that counts: the third one comes a
 * minute after the first, and the waits become 5 minutes.
 */
extern int64 pgt_error_wait(int nerrors);

/*
 * The wait after the nth refresh in a row that could not be, for no fault of
 * its own: base * 2^(n-1), at most 5 minutes.
 */
extern int64 pgt_backoff(int64 base_us, int n);

#endif /* PGT_DUE_H */
