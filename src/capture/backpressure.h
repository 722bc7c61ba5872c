/*-------------------------------------------------------------------------
 *
 * backpressure.h
 *	  Logs that grow faster than they are read.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_BACKPRESSURE_H
#define PGT_BACKPRESSURE_H

#include "route.h"

/* Before a chunk is written; may wait.  True: write a mark instead. */
extern bool pgt_log_is_overloaded(CaptureLog *log);

/* A chunk was written to the segment, which is open. */
extern void pgt_log_written(CaptureLog *log, Relation segment);

#endif /* PGT_BACKPRESSURE_H */
