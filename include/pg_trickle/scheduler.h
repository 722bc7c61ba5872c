/*-------------------------------------------------------------------------
 *
 * scheduler.h
 *	  The processes that refresh stream tables by themselves.
 *
 * Layer: schedule
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_SCHEDULER_H
#define PGT_SCHEDULER_H

#include "pg_trickle/due.h"

/* The main function of workers, started by name; see pool.c. */
extern PGDLLEXPORT void pgt_worker_main(Datum slot);

/* ---- model.c: the stream tables of this database, as due.c wants them ---- */

/* What the scheduler knows of a stream table besides its DueNode. */
typedef struct StreamNode
{
	int64 *tracks; /* the logs of what it reads */
	int ntracks;
	bool is_populated;
	char *schedule; /* the text */
	int slot;		/* of the worker that refreshed it last; -1 */

	/* What the catalog does not say: something was in the way. */
	int npostponed; /* in a row */
	TimestampTz postponed_until;
} StreamNode;

typedef struct Model
{
	MemoryContext memory; /* of all of it */
	DueModel due;
	StreamNode *streams; /* beside due.nodes: by pgt_id */
	char *timezone;		 /* that its crons are read in */
} Model;

/*
 * Read the catalog, outside of a transaction; what "older" (or NULL) knows of
 * running refreshes and changes is taken over, and it is freed.  NULL: the
 * extension does not exist here any more ("older" is freed then, too).
 */
extern Model *pgt_load_model(Model *older);

/* The place of a stream table; -1. */
extern int pgt_model_find(const Model *model, int64 pgt_id);

/* ---- maintain.c ---- */

/* Tidy up logs and history of this database: now, or if it is time to. */
extern void pgt_maintain_database(bool now);

/* Empty the segments that refreshes have left. */
extern void pgt_empty_drained_segments(void);

/* ---- give_way.c ---- */

/*
 * Cancel refreshes that make a user's command wait, if it is time to look;
 * returns when to look again, DT_NOEND: when a job is given.
 */
extern TimestampTz pgt_give_way(TimestampTz now);

/* ---- worker.c ---- */

/* What every process of ours does between two things. */
extern void pgt_handle_interrupts(void);

/* Name it in pg_stat_activity; forget about settings of users. */
extern void pgt_connect(Oid database);

#endif /* PGT_SCHEDULER_H */
