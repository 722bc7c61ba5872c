/*-------------------------------------------------------------------------
 *
 * sentinel.h
 *	  Has an unlogged source lost its rows in a crash?
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_SENTINEL_H
#define PGT_SENTINEL_H

#include "pg_trickle/catalog.h"

extern Oid pgt_sentinel(const Source *source);
extern void pgt_sentinel_drop(const Source *source);

#endif /* PGT_SENTINEL_H */
