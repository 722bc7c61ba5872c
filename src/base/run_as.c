/*-------------------------------------------------------------------------
 *
 * run_as.c
 *	  Run user code with the rights of the owner of a stream table.
 *
 * A refresh may be asked for by anybody, a superuser too, and runs what the
 * owner of the stream table wrote: expressions, functions, triggers.  All of
 * it runs as the owner, security-restricted, under a fixed search_path, and
 * with every setting that changes the meaning of a built-in STABLE function
 * pinned, so that two refreshes never disagree about the same row.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/guc.h"

#include "pg_trickle/run_as.h"

/* lc_* stay as they are in the database: no client can rely on them. */
static const struct
{
	const char *name;
	const char *value;
} pinned[] = {
	{"search_path", "pg_catalog, pg_temp"},
	{"TimeZone", "UTC"},
	{"DateStyle", "ISO, MDY"},
	{"IntervalStyle", "postgres"},
	{"extra_float_digits", "1"},
	{"bytea_output", "hex"},
	{"row_security", "on"},
};

/*
 * Become "owner" for user code; undone by pgt_run_as_done() with the value
 * returned, or by the end of the (sub)transaction.
 */
RunAs
pgt_run_as(Oid owner)
{
	RunAs before;

	GetUserIdAndSecContext(&before.userid, &before.sec_context);
	SetUserIdAndSecContext(owner,
						   before.sec_context | SECURITY_RESTRICTED_OPERATION);
	before.guc_level = NewGUCNestLevel();
	for (size_t i = 0; i < lengthof(pinned); i++)
		(void) set_config_option(pinned[i].name, pinned[i].value,
								 PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);

	return before;
}

/*
 * Undo pgt_run_as().
 */
void
pgt_run_as_done(RunAs before)
{
	AtEOXact_GUC(false, before.guc_level);
	SetUserIdAndSecContext(before.userid, before.sec_context);
}
