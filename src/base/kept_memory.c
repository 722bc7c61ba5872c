/*-------------------------------------------------------------------------
 *
 * kept_memory.c
 *	  Memory that a session keeps from one large refresh to the next.
 *
 * A refresh of 10,000 updated rows fills some megabytes and frees them.  The
 * C library then gives them back to the system, because they are more than
 * what it keeps by default, and the next refresh gets them page by page,
 * cleared: an eighth of its time.
 *
 * So a session that refreshes much keeps up to 16 MB of what it frees.  Other
 * C libraries than glibc have their own ways.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "pg_trickle/kept_memory.h"

#define KEPT_BYTES (16 * 1024 * 1024)
#define LARGEST_BLOCK (8 * 1024 * 1024) /* of a memory context */

/*
 * See kept_memory.h.  Blocks of memory contexts have to come from where freed
 * memory is kept, not each from the system.
 */
void
pgt_keep_freed_memory(void)
{
#ifdef __GLIBC__
	static bool done = false;

	if (done)
		return;
	(void) mallopt(M_MMAP_THRESHOLD, LARGEST_BLOCK + 64);
	(void) mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
	done = true;
#endif
}
