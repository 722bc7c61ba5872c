/*-------------------------------------------------------------------------
 *
 * shared.h
 *	  Shared memory.
 *
 * Layer: base
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_SHARED_H
#define PGT_SHARED_H

#include "storage/lwlock.h"

/*
 * A piece of shared memory that a module needs.  Modules register theirs
 * while the library is preloaded; "where" points to a variable of the module
 * that stays NULL in servers that do not preload the library.
 */
typedef struct SharedPart
{
	const char *name; /* unique, for shmem and the LWLock tranche */
	Size (*size)(void);
	void (*init)(void *memory, LWLock *lock); /* memory is zeroed */
	void **where;
} SharedPart;

/* Ask for a piece; "part" stays where it is.  Nothing unless preloading. */
extern void pgt_register_shared(const SharedPart *part);

/* Install the hooks; called once by _PG_init(), after all registrations. */
extern void pgt_shared_init(void);

#endif /* PGT_SHARED_H */
