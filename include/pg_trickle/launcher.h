/*-------------------------------------------------------------------------
 *
 * launcher.h
 *	  The processes of the extension: one launcher per server, one scheduler
 *	  per database, and what they and their refresh workers have to tell each
 *	  other and the commands that need a database for themselves.
 *
 * Layer: schedule
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_LAUNCHER_H
#define PGT_LAUNCHER_H

#include "datatype/timestamp.h"

#include "pg_trickle/compat.h"

/* Called once by _PG_init(). */
extern void pgt_launcher_init(void);

/* ---- for background workers that connect to a database ---- */

/*
 * To be called before connecting: from now until its end this process counts
 * as one of the database, and is terminated when a command needs the database
 * for itself.  False if that is so now: exit with code 0, quietly.
 */
extern bool pgt_enter_database(Oid database);

/* ---- for the scheduler of a database ---- */

typedef enum SchedulerExit
{
	EXIT_NONE,		   /* has not left yet */
	EXIT_FAILED,	   /* an error, or terminated: comes back after a while */
	EXIT_NO_EXTENSION, /* comes back after CREATE EXTENSION */
	EXIT_DISABLED,	   /* comes back when pg_trickle.enabled is on */
	EXIT_STOPPED,	   /* a command needed the database, or closed it */
	EXIT_GAVE_WAY,	   /* to the scheduler of another database, for a while */
} SchedulerExit;

/* Like pgt_enter_database(), but does not return if it is not wanted. */
extern void pgt_scheduler_enter(Oid database);

/* It has found the extension; without this it counts as starting. */
extern void pgt_scheduler_runs(void);

/*
 * Does another database wait for the place of this scheduler, which has had
 * it for a while?  Then it gives no more jobs, and leaves when none runs.
 */
extern bool pgt_scheduler_turn_is_over(void);

/* End this process, with code 0. */
pg_noreturn extern void pgt_scheduler_leave(SchedulerExit why);

/* Is the extension here?  In a transaction of its own. */
extern bool pgt_extension_exists(void);

/* ---- for who wants to know ---- */

typedef enum SchedulerState
{
	SCHEDULER_UNKNOWN,	/* no extension, not looked at yet, or switched off */
	SCHEDULER_STARTING, /* looks whether the extension is there */
	SCHEDULER_RUNNING,
	SCHEDULER_LEFT,	   /* ended, and the launcher has not dealt with it yet */
	SCHEDULER_BACKOFF, /* failed; comes back at next_start */
	SCHEDULER_CROWDED, /* there is no free background worker for it */
	SCHEDULER_HELD,	   /* a command needs the database for itself */
} SchedulerState;

typedef struct SchedulerStatus
{
	SchedulerState state;
	int pid;				/* 0: no process */
	TimestampTz since;		/* when it came into this state */
	TimestampTz next_start; /* of BACKOFF */
	int failures;			/* in a row */
	int restarts;			/* after failures, since the server started */
	SchedulerExit last_exit;
	TimestampTz last_exit_at; /* 0: never */
} SchedulerStatus;

/* Is the library preloaded, so that there can be processes at all? */
extern bool pgt_is_preloaded(void);

/* The process of the launcher; 0 if there is none now. */
extern int pgt_launcher_pid(void);

/* How many databases wait for room for a scheduler? */
extern int pgt_crowded_schedulers(void);

/* What is known of the scheduler of a database. */
extern SchedulerStatus pgt_scheduler_status(Oid database);
extern const char *pgt_scheduler_state_name(SchedulerState state);

/* ---- entry points of the processes ---- */

extern PGDLLEXPORT void pgt_launcher_main(Datum arg);
extern PGDLLEXPORT void pgt_scheduler_main(Datum database);

#endif /* PGT_LAUNCHER_H */
