/*-------------------------------------------------------------------------
 *
 * change_clock.h
 *	  When were changes committed, to two seconds?
 *
 * Layer: base
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_CHANGE_CLOCK_H
#define PGT_CHANGE_CLOCK_H

#include "datatype/timestamp.h"

#include "pg_trickle/wake.h"

/* Called once by _PG_init(). */
extern void pgt_change_clock_init(void);

/* A transaction that has just committed left new rows in these logs. */
extern void pgt_note_change_time(const WakeUp *what);

/*
 * A log has a row whose transaction became visible after "since".  When was
 * the first such transaction committed, at the earliest?  "since" itself if no
 * more is known.
 */
extern TimestampTz pgt_first_change(int64 track_id, TimestampTz since);

#endif /* PGT_CHANGE_CLOCK_H */
