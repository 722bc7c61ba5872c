/*-------------------------------------------------------------------------
 *
 * seen.h
 *	  Rows that a refresh of the same transaction saw before their capture.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_SEEN_H
#define PGT_SEEN_H

#include "commands/trigger.h"

#include "route.h"

/* Has this transaction refreshed anything? */
extern bool pgt_anything_seen;

extern void pgt_seen_init(void);
extern void pgt_check_not_seen(const CaptureRoute *route,
							   const TriggerData *trigdata);

#endif /* PGT_SEEN_H */
