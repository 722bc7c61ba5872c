/*-------------------------------------------------------------------------
 *
 * database.h
 *	  What the launcher and the hooks on commands share (database.c).
 *
 * Layer: schedule
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_SCHEDULE_DATABASE_H
#define PGT_SCHEDULE_DATABASE_H

#include "nodes/pg_list.h"

#include "pg_trickle/launcher.h"

/* One database that has a scheduler, or may get one again. */
typedef struct SchedulerEntry
{
	Oid database;			  /* InvalidOid: the entry is free */
	uint32 ticket;			  /* of the start that is under way */
	bool stop;				  /* it was asked to leave */
	TimestampTz turn_over_at; /* it was asked to make room; 0: it was not */
	SchedulerStatus status;	  /* never SCHEDULER_HELD */
} SchedulerEntry;

/* May a scheduler be started? */
typedef enum StartAnswer
{
	START_NOW,
	START_NOT_NOW, /* something is going on, of which the launcher is told */
	START_NO_ROOM, /* too many databases */
} StartAnswer;

extern void pgt_database_init(void);
extern void pgt_utility_init(void);

/* ---- for backends ---- */

/* The launcher has to look at this database, or (InvalidOid) at the list. */
extern void pgt_tell_launcher(Oid database);

/* Keep our processes out of a database until the end of the transaction. */
extern void pgt_hold_database(Oid database);

/* ---- for the launcher ---- */

extern void pgt_launcher_attach(void);
extern List *pgt_take_told(bool *all, bool *list); /* OIDs of databases */
extern List *pgt_scheduler_entries(void);		   /* copies */
extern SchedulerEntry *pgt_find_entry(List *entries, Oid database);
extern void pgt_stop_database(Oid database);
extern StartAnswer pgt_entry_starts(Oid database, uint32 *ticket);
extern void pgt_entry_lost(Oid database, uint32 ticket);
extern void pgt_entry_waits(Oid database, SchedulerState state,
							TimestampTz next_start);
extern TimestampTz pgt_entry_turn(Oid database, bool over);
extern void pgt_entry_forget(Oid database);

#endif /* PGT_SCHEDULE_DATABASE_H */
