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

#include "pg_trickle/catalog.h"

/* Called once by _PG_init(): transaction and relcache callbacks. */
extern void pgt_capture_init(void);

/*
 * Put the capture triggers on a tracked source, its partitions and its
 * inheritance children, where they are missing.  The caller holds SHARE ROW
 * EXCLUSIVE or more on the source.
 */
extern void pgt_capture_install(const Source *source);
extern void pgt_capture_remove(const Source *source);

/*
 * NULL if every capture trigger of the source (with its partitions and
 * children) is in place and enabled ALWAYS, else the name of the relation
 * that lacks one, in the current memory context.
 */
extern char *pgt_capture_gap(const Source *source);

/* Write what the transaction has buffered to the logs. */
extern void pgt_capture_flush(void);

/*
 * Is a statement that writes the source, its partitions or its children
 * running, whose changes are not captured yet?
 */
extern bool pgt_capture_pending(const Source *source);

/*
 * Put a reset mark into the log of a source: its old content can no longer
 * be told from its changes.  Buffered and rolled back like a row.
 */
extern void pgt_capture_reset(const Source *source);

#endif							/* PGT_CAPTURE_H */
