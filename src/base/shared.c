/*-------------------------------------------------------------------------
 *
 * shared.c
 *	  Shared memory: pieces of it, each with one lock, for the modules that
 *	  need some.
 *
 * Only a preloaded library gets any.  Everything works without, except what
 * needs processes of its own.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/shmem.h"

#include "pg_trickle/shared.h"

#define MAX_PARTS 16

static const SharedPart *parts[MAX_PARTS];
static int nparts = 0;

static shmem_request_hook_type next_request_hook = NULL;
static shmem_startup_hook_type next_startup_hook = NULL;

/*
 * Ask for a piece of shared memory; see shared.h.
 */
void
pgt_register_shared(const SharedPart *part)
{
	if (!process_shared_preload_libraries_in_progress)
		return;

	if (nparts == MAX_PARTS)
		elog(ERROR, "too many pieces of shared memory");
	parts[nparts++] = part;
}

static void
request(void)
{
	if (next_request_hook != NULL)
		next_request_hook();

	for (int i = 0; i < nparts; i++)
	{
		RequestAddinShmemSpace(parts[i]->size());
		RequestNamedLWLockTranche(parts[i]->name, 1);
	}
}

static void
startup(void)
{
	if (next_startup_hook != NULL)
		next_startup_hook();

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	for (int i = 0; i < nparts; i++)
	{
		const SharedPart *part = parts[i];
		bool found;
		void *memory = ShmemInitStruct(part->name, part->size(), &found);

		if (!found)
		{
			memset(memory, 0, part->size());
			part->init(memory, &GetNamedLWLockTranche(part->name)->lock);
		}
		*part->where = memory;
	}
	LWLockRelease(AddinShmemInitLock);
}

/*
 * Have the pieces that were registered allocated when the server starts.
 */
void
pgt_shared_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;

	next_request_hook = shmem_request_hook;
	shmem_request_hook = request;
	next_startup_hook = shmem_startup_hook;
	shmem_startup_hook = startup;
}
