/*-------------------------------------------------------------------------
 *
 * capture.h
 *	  Catching the changes of heap tables.
 *
 * Layer: capture
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_CAPTURE_H
#define PGT_CAPTURE_H

#include "utils/snapshot.h"

#include "pg_trickle/catalog.h"

/* Called once by _PG_init(): transaction and relcache callbacks. */
extern void pgt_capture_init(void);

/*
 * NULL if the changes of a relation and of its partitions and children can be
 * captured, else a clause that says why not ("t" is a temporary table), in the
 * current memory context.  Locks all of them ACCESS SHARE.
 */
extern char *pgt_capture_obstacle(Oid relid);

/*
 * Put the capture triggers on a tracked source, its partitions and its
 * inheritance children, where they are missing or disabled, and a reset mark
 * into its log if any were.  Locks all of them SHARE ROW EXCLUSIVE (do it
 * before the log gets more columns: then no writer is half-way).
 */
extern void pgt_capture_install(const Source *source);

/*
 * The source has got columns, under a lock that keeps others away from it and
 * its family: log them, if somebody reads whole rows.
 */
extern void pgt_capture_new_columns(const Source *source);

/* Let the owners of all sources, and nobody else, read the logs. */
extern void pgt_capture_follow_owners(void);

/* Drop the triggers; locks the source and its family ACCESS EXCLUSIVE. */
extern void pgt_capture_remove(const Source *source);

/*
 * NULL if every capture trigger of the source (with its partitions and
 * children) is in place and enabled ALWAYS, else the name of the relation
 * whose changes may escape, in the current memory context: then the source
 * can only be recomputed.  A refresh asks after it locked the source and
 * before it takes its snapshot; whoever closes a gap leaves a reset mark.
 */
extern char *pgt_capture_gap(const Source *source);

/* The same for who only looks, and has locked the family of the source. */
extern char *pgt_capture_gap_among(const Source *source, List *family);

/*
 * Write what the transaction has buffered to the logs; also before the log of
 * a source gets more columns.
 */
extern void pgt_capture_flush(void);

/*
 * Is a statement that writes the source, its partitions or its children
 * certainly running, whose changes are not captured yet?  False does not say
 * that none is; what was missed, pgt_capture_seen() finds out.
 */
extern bool pgt_capture_pending(const Source *source);

/*
 * To be called once by each refresh, for each source it read, with the
 * highest command id that its snapshot had: a change that this transaction
 * made before, and that is captured only later, is then an error 55006.
 */
extern void pgt_capture_seen(const Source *source, CommandId curcid);

/*
 * These sources (a list of int64 *, which is copied) are still to be read
 * under a snapshot, which lives as long: until pgt_capture_watch_done(), or the
 * end of the subtransaction, a change of a row that it does not show is error
 * 40001.  Watches nest.
 */
extern void pgt_capture_watch(List *track_ids, Snapshot snapshot);
extern void pgt_capture_watch_done(void);
extern bool pgt_capture_is_watching(void); /* anything */

/*
 * Put a reset mark into the log of a source: its old content can no longer
 * be told from its changes.  Buffered and rolled back like a row.
 */
extern void pgt_capture_reset(const Source *source);

/*
 * Has an unlogged source (or partition, or child) lost its rows in a crash?
 * pgt_capture_sentinel_set() puts a reset mark and makes the answer "no" once
 * this transaction commits; a refresh does so before it flushes and reads the
 * log, and so finds the mark like every other consumer.
 */
extern bool pgt_capture_lost(const Source *source);
extern void pgt_capture_sentinel_set(const Source *source);

/* After a restore: the sentinel, if there is one, goes with its source. */
extern void pgt_capture_link_sentinel(const Source *source);

#endif /* PGT_CAPTURE_H */
