/*-------------------------------------------------------------------------
 *
 * progress.h
 *	  How far a first fill or a recomputation is, for others to see.
 *
 * Layer: base
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_PROGRESS_H
#define PGT_PROGRESS_H

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

typedef enum ProgressPhase
{
	PROGRESS_STATES,	/* making the states that the result does not show */
	PROGRESS_FILLING,	/* writing the result into the empty table */
	PROGRESS_INDEXING,	/* making its indexes */
	PROGRESS_COMPUTING, /* the result, to compare with */
	PROGRESS_COMPARING, /* reading what the table holds */
	PROGRESS_APPLYING,	/* writing what differs */
	NUM_PROGRESS_PHASES,
} ProgressPhase;

/* What one backend is at. */
typedef struct Progress
{
	int pid;
	Oid database;
	int64 pgt_id;
	Oid relid;
	Oid owner;
	NameData schema; /* of the stream table, which others may not see yet */
	NameData name;
	ProgressPhase phase;
	int64 rows_done;
	double rows_estimated; /* by the planner; less than 0: not known */
	TimestampTz started_at;
} Progress;

extern const char *pgt_progress_phase_name(ProgressPhase phase);

/* Called once by _PG_init(). */
extern void pgt_progress_init(void);

/* ---- for who does it; nothing without shared memory ---- */

/*
 * It begins; it ends with pgt_progress_end(), or with the (sub)transaction
 * that fails.
 */
extern void pgt_progress_begin(int64 pgt_id, Oid relid, Oid owner);
extern void pgt_progress_end(void);

/* Nothing unless it has begun; "rows": what is expected, or -1. */
extern void pgt_progress_phase(ProgressPhase phase, double rows);

/* In the phase that is on, another query of that many rows starts. */
extern void pgt_progress_expect(double rows);

extern bool pgt_progress_is_on;
extern void pgt_progress_count(void);

/* One more row. */
static inline void
pgt_progress_row(void)
{
	if (pgt_progress_is_on)
		pgt_progress_count();
}

/* ---- for who watches ---- */

/* Of Progress: all backends of a database, in the caller's context. */
extern List *pgt_progress_list(Oid database);

/* Is there shared memory to tell it? */
extern bool pgt_progress_is_shared(void);

#endif /* PGT_PROGRESS_H */
