/*-------------------------------------------------------------------------
 *
 * run_as.c
 *	  Run user code with the rights of the owner of a stream table.
 *
 * A refresh may be asked for by anybody, a superuser too, and runs what the
 * owner of the stream table wrote: expressions, functions, triggers.  All of
 * it runs as the owner, security-restricted, under a fixed search_path, and
 * with every setting pinned that changes the meaning of a built-in STABLE
 * function, so that two refreshes never disagree about the same row.
 *
 * All pins are constants but one: which day a timestamp belongs to depends on
 * the time zone, and that is the one its creator had (pgt_run_as_in()).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/guc.h"

#include "pg_trickle/run_as.h"

static const struct
{
	const char *name;
	const char *value;
} pinned[] = {
	{"search_path", "pg_catalog, pg_temp"},
	{"DateStyle", "ISO, MDY"},
	{"IntervalStyle", "postgres"},
	{"extra_float_digits", "1"},
	{"bytea_output", "hex"},
	{"array_nulls", "on"},
	{"standard_conforming_strings", "on"},
	{"transform_null_equals", "off"},
	{"xmlbinary", "base64"},
	{"xmloption", "content"},
	{"lc_monetary", "C"},
	{"lc_numeric", "C"},
	{"lc_time", "C"},
	{"row_security", "on"},
};

/*
 * What is set already, as most is, is left alone: what user code sets now is
 * undone in any case.
 */
static void
pin(const char *name, const char *value)
{
	const char *now = GetConfigOption(name, false, false);

	if (now != NULL && strcmp(now, value) == 0)
		return;
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

/*
 * Become "owner" for user code, in UTC; undone by pgt_run_as_done() with the
 * value returned, or by the end of the (sub)transaction.
 */
RunAs
pgt_run_as(Oid owner)
{
	return pgt_run_as_in(owner, "UTC");
}

/*
 * The same in a time zone, for what depends on it: queries and their parts.
 */
RunAs
pgt_run_as_in(Oid owner, const char *timezone)
{
	RunAs before;

	GetUserIdAndSecContext(&before.userid, &before.sec_context);
	SetUserIdAndSecContext(owner,
						   before.sec_context | SECURITY_RESTRICTED_OPERATION);
	before.guc_level = NewGUCNestLevel();
	for (size_t i = 0; i < lengthof(pinned); i++)
		pin(pinned[i].name, pinned[i].value);
	pin("TimeZone", timezone);

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
