/*-------------------------------------------------------------------------
 *
 * visible.c
 *	  Which stream tables does the current user see?
 *
 *		owner (or superuser)	everything
 *		pg_read_all_stats		all but its query, the reasons of refreshes and
 *								the text of its errors: members of pg_monitor
 *								watch the server, and have to see what may go
 *								wrong
 *		SELECT on the table		that it exists, its status, how old its data
 *								are, what refreshes did; not its query, not its
 *								sources and logs, not the reasons of refreshes,
 *								not the text of its errors
 *		others					nothing
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"

#include "pg_trickle/command.h"

#include "monitor.h"

bool
pgt_may_see(const StreamTable *st)
{
	/* Restored without the table, or being dropped right now. */
	if (get_rel_name(st->relid) == NULL)
		return false;

	return pgt_may_see_parts(st) || pgt_may_see_relation(st->relid);
}

bool
pgt_owns(Oid relid)
{
	Oid owner = pgt_owner_if_there(relid);

	return OidIsValid(owner) && has_privs_of_role(GetUserId(), owner);
}

bool
pgt_may_see_relation(Oid relid)
{
	bool is_missing = false;

	if (pgt_owns(relid))
		return true;

	return pg_class_aclcheck_ext(relid, GetUserId(), ACL_SELECT,
								 &is_missing) == ACLCHECK_OK;
}

bool
pgt_may_see_all(const StreamTable *st)
{
	return pgt_owns(st->relid);
}

bool
pgt_may_see_parts(const StreamTable *st)
{
	return pgt_watches_all() || pgt_may_see_all(st);
}

bool
pgt_watches_all(void)
{
	return has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS);
}

List *
pgt_visible_streams(void)
{
	List *visible = NIL;
	ListCell *lc;

	foreach (lc, pgt_all_streams())
	{
		if (pgt_may_see(lfirst(lc)))
			visible = lappend(visible, lfirst(lc));
	}

	return visible;
}

StreamTable *
pgt_visible_stream(FunctionCallInfo fcinfo)
{
	StreamTable *st = pgt_stream_argument(fcinfo, AccessShareLock, false);

	if (!pgt_may_see(st))
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, get_rel_name(st->relid));

	return st;
}
