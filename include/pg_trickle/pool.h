/*-------------------------------------------------------------------------
 *
 * pool.h
 *	  The refresh workers of all databases, in shared memory.
 *
 * Layer: schedule
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_POOL_H
#define PGT_POOL_H

#include "datatype/timestamp.h"
#include "storage/latch.h"

#include "pg_trickle/refresh.h"

#define POOL_SLOTS 64	/* the largest max_refresh_workers */
#define JOB_MEMBERS 128 /* stream tables of one transaction */

/* What a worker is to do. */
typedef struct PoolJob
{
	int n;						/* stream tables to be refreshed together; 0:
								 * look after logs and history */
	bool drained_only;			/* of that, only to empty segments */
	int64 pgt_ids[JOB_MEMBERS]; /* upstream first */
	char reason[64];			/* for the history */
	int nerrors;				/* in a row, before this one */
	int64 cycle_id;				/* of the round of the scheduler */
} PoolJob;

#define POOL_FULL (-1)
#define POOL_NO_PROCESS (-2)

typedef enum JobOutcome
{
	JOB_DONE,
	JOB_POSTPONED, /* something was in its way; to be tried again */
	JOB_FAILED,	   /* an error, which is recorded */
	JOB_LOST,	   /* the worker did not start or went away */
} JobOutcome;

typedef struct JobResult
{
	JobOutcome outcome;
	TimestampTz retry_at; /* of JOB_FAILED: not before; 0: no more */
	RefreshOutcome members[JOB_MEMBERS];
} JobResult;

/* Called once by _PG_init(). */
extern void pgt_pool_init(void);

/* ---- for schedulers ---- */

/* Join: from now on this process may give jobs.  Leaves at its exit. */
extern void pgt_pool_join(void);

/*
 * Give a job to an idle worker, "preferred" if it can; or, with "may_start",
 * to a new one.  The number of its slot, or -1: then this database waits for
 * a slot if it might have started one, and its latch is set when it may try
 * again.
 */
extern int pgt_pool_give(const PoolJob *job, int preferred, bool may_start);

/* Could a process be started now, without one of others leaving? */
extern bool pgt_pool_has_place(void);

/*
 * The server had no process for one of us; nobody tells when it has one again,
 * so try then.  DT_NOEND: it was long ago.
 */
extern TimestampTz pgt_pool_crowded_until(void);

/* A job that has ended, as the number of its slot; -1: none. */
extern int pgt_pool_collect(JobResult *result);

/* There is nothing more to give now: others may have what we do not use. */
extern void pgt_pool_rest(void);

/* How many workers has this database that are to stay? */
extern int pgt_pool_workers(void);

/* A job that has been given to a worker, and is not done. */
typedef struct RunningJob
{
	Oid database;
	pid_t pid;	  /* 0: the process is being started */
	int64 pgt_id; /* the first one that is refreshed; 0: none */
	TimestampTz given_at;
} RunningJob;

/* Those of all databases; room for POOL_SLOTS.  How many there are. */
extern int pgt_pool_jobs(RunningJob *jobs);

/* Cancel the job of one of them: somebody waits for its locks. */
extern void pgt_pool_cancel(pid_t pid);

/* ---- for workers ---- */

/* Take up the slot that this process was started for; false: too late. */
extern bool pgt_pool_enter(int slot, uint32 generation, Oid *database);

/* The next job, waiting for it; false: time to go. */
extern bool pgt_pool_next(PoolJob *job);

/* The job is over. */
extern void pgt_pool_finish(const JobResult *result);

/* Was the job cancelled because it makes somebody wait? */
extern bool pgt_pool_gave_way(void);

/* ---- for others ---- */

/* Terminate the workers of a database; they are gone soon after. */
extern void pgt_pool_stop_database(Oid database);

/* How many jobs of a database are running? */
extern int pgt_pool_running(Oid database);

#endif /* PGT_POOL_H */
