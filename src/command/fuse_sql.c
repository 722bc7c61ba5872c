/*-------------------------------------------------------------------------
 *
 * fuse_sql.c
 *	  What to do with a blown fuse.
 *
 * More changed rows than the ceiling of a stream table allows: its fuse blew,
 * and it is not refreshed automatically.  Its owner looks what happened, and
 * then has it refreshed nevertheless, by the changes or by computing it anew.
 * To pass over the changes is not on offer: the stream table would not show
 * the result of its query, and no later refresh would know.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "pg_trickle/command.h"
#include "pg_trickle/refresh.h"

PG_FUNCTION_INFO_V1(pgt_sql_reset_fuse);

/* Does the action recompute?  Error 22023 that lists the actions. */
static bool
parse_action(const char *action)
{
	if (pg_strcasecmp(action, "apply") == 0)
		return false;
	if (pg_strcasecmp(action, "reinitialize") == 0)
		return true;

	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("unrecognized action for a blown fuse: \"%s\"", action),
			errhint("Available actions: apply, reinitialize."));
}

/*
 * reset_fuse(name text, action text) returns void: refresh a stream table
 * whose fuse has blown, by the changes or by a recomputation.  If it has not
 * blown, all the same: a refresh on request that finds too many changes only
 * raises an error, whose hint leads here.
 */
Datum
pgt_sql_reset_fuse(PG_FUNCTION_ARGS)
{
	StreamTable *st;
	bool recompute;

	(void) pgt_required_text(fcinfo, 0, "name");
	recompute = parse_action(pgt_required_text(fcinfo, 1, "action"));
	st = pgt_stream_by_name(PG_GETARG_TEXT_PP(0), AccessShareLock, true);
	(void) pgt_refresh(st->relid, &(RefreshRequest){
									  .initiated_by = "MANUAL",
									  .reason = "fuse reset",
									  .recompute = recompute,
									  .past_fuse = true,
								  });
	PG_RETURN_VOID();
}
