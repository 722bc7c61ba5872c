/*-------------------------------------------------------------------------
 *
 * wake.h
 *	  How a transaction that changed something wakes the scheduler of its
 *	  database, in shared memory.
 *
 * Layer: base
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_WAKE_H
#define PGT_WAKE_H

#include "datatype/timestamp.h"
#include "port/atomics.h"
#include "storage/proc.h"

/*
 * Which logs have new rows: one bit per track_id modulo WAKE_BITS, so that
 * two logs may share one; a refresh for nothing is all that costs.
 */
#define WAKE_BITS 1024
#define WAKE_WORDS (WAKE_BITS / 64)

/* What else there is to look at. */
#define WAKE_CATALOG 0x01 /* stream tables, their options, gates changed */
#define WAKE_ALL 0x02	  /* any log may have new rows */
#define WAKE_PARTS 0x08	  /* what a restore makes last: triggers, indexes */
#define WAKE_DRAINED 0x10 /* segments of logs wait to be emptied */

/* What a scheduler is told. */
typedef struct WakeUp
{
	uint32 events; /* WAKE_... */
	uint64 logs[WAKE_WORDS];
} WakeUp;

/* Called once by _PG_init(). */
extern void pgt_wake_init(void);

/* ---- for transactions ---- */

/* This transaction, if it commits, leaves new rows in that log. */
extern void pgt_wake_for_log(int64 track_id);

/* This transaction, if it commits, leaves such events. */
extern void pgt_wake_for(uint32 events);

/* Now, for the database given (InvalidOid: all), without a transaction. */
extern void pgt_wake_now(Oid database, uint32 events);

/* Now, in this database: somebody waits for that log to be read. */
extern void pgt_wake_log_now(int64 track_id);

/* Does this database have a scheduler, which would be woken? */
extern bool pgt_wake_is_heard(void);

/* ---- for schedulers ---- */

/* Become who is woken for this database; false if there is no room. */
extern bool pgt_wake_attach(void);
extern void pgt_wake_detach(void);

/* Take what there is; false if there is nothing. */
extern bool pgt_wake_take(WakeUp *what);

/* Name the logs that need not wake; true if there is something to take. */
extern bool pgt_wake_listen(const uint64 *quiet);

static inline bool
pgt_wake_has_log(const WakeUp *what, int64 track_id)
{
	uint64 bit = (uint64) track_id % WAKE_BITS;

	return (what->events & WAKE_ALL) != 0 ||
		   (what->logs[bit / 64] & (UINT64CONST(1) << (bit % 64))) != 0;
}

static inline void
pgt_wake_clear_log(WakeUp *what, int64 track_id)
{
	uint64 bit = (uint64) track_id % WAKE_BITS;

	what->logs[bit / 64] &= ~(UINT64CONST(1) << (bit % 64));
}

#endif /* PGT_WAKE_H */
