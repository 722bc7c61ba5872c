/*-------------------------------------------------------------------------
 *
 * kept_memory.h
 *	  Memory that a session keeps from one large refresh to the next.
 *
 * Layer: base
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_KEPT_MEMORY_H
#define PGT_KEPT_MEMORY_H

/* From now on; called again it does nothing. */
extern void pgt_keep_freed_memory(void);

#endif /* PGT_KEPT_MEMORY_H */
