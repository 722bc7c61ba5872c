/*-------------------------------------------------------------------------
 *
 * buffer.h
 *	  The rows that this transaction has captured and not yet written.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_BUFFER_H
#define PGT_BUFFER_H

#include "route.h"

extern void pgt_buffer_init(void);
extern void pgt_buffer_put(CaptureLog *log, Datum *values, bool *nulls);
extern bool pgt_buffer_put_update(CaptureLog *log, Datum *values, bool *nulls);
extern void pgt_buffer_mark(CaptureLog *log);

#endif /* PGT_BUFFER_H */
