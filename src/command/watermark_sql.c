/*-------------------------------------------------------------------------
 *
 * watermark_sql.c
 *	  Watermarks and groups of them, as SQL calls them.
 *
 * Orders and payments are loaded by two programs.  Each says, in the
 * transaction that loads, up to when its table is complete:
 *
 *		orders		12:00
 *		payments	11:00		what joins the two waits ...
 *		payments	12:00		... until now
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "pg_trickle/command.h"
#include "pg_trickle/compat.h"
#include "pg_trickle/control.h"

PG_FUNCTION_INFO_V1(pgt_sql_advance_watermark);
PG_FUNCTION_INFO_V1(pgt_sql_advance_watermark_relation);
PG_FUNCTION_INFO_V1(pgt_sql_create_watermark_group);
PG_FUNCTION_INFO_V1(pgt_sql_drop_watermark_group);

/* ---- watermarks ---- */

/* A stream table is as complete as what it reads. */
static void
refuse_stream_table(Oid source)
{
	if (pgt_is_stream_table(source))
		ereport(ERROR,
				errcode(ERRCODE_WRONG_OBJECT_TYPE),
				errmsg("\"%s\" is a stream table", get_rel_name(source)),
				errdetail("Watermarks are of the tables that stream tables are computed from."));
}

static void
advance(Oid source, TimestampTz to)
{
	Watermark *mark;

	refuse_stream_table(source);
	if (TIMESTAMP_NOT_FINITE(to))
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("watermark of \"%s\" must be finite",
					   get_rel_name(source)));

	pgt_lock_source_control(source);
	mark = pgt_lookup_watermark(source);
	if (mark != NULL && to < mark->watermark)
	{
		char *wanted = pstrdup(timestamptz_to_str(to));

		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("watermark of \"%s\" cannot go back to %s",
					   get_rel_name(source), wanted),
				errdetail("It is at %s.", timestamptz_to_str(mark->watermark)));
	}
	if (mark == NULL || to > mark->watermark)
		pgt_set_watermark(source, to);
}

/*
 * advance_watermark(source text, ts timestamptz) returns void: once this
 * transaction is committed, the source is complete up to then.
 */
Datum
pgt_sql_advance_watermark(PG_FUNCTION_ARGS)
{
	pgt_require_argument(fcinfo, 1, "ts");
	advance(pgt_own_source_argument(fcinfo, "advance_watermark()"),
			PG_GETARG_TIMESTAMPTZ(1));
	PG_RETURN_VOID();
}

/*
 * advance_watermark(source regclass, ts timestamptz) returns void
 */
Datum
pgt_sql_advance_watermark_relation(PG_FUNCTION_ARGS)
{
	pgt_require_argument(fcinfo, 1, "ts");
	advance(pgt_own_relation_argument(fcinfo, "advance_watermark()"),
			PG_GETARG_TIMESTAMPTZ(1));
	PG_RETURN_VOID();
}

/* ---- groups ---- */

static List *
read_sources(const char *group, ArrayType *names)
{
	List *sources = NIL;
	ListCell *lc;

	foreach (lc, pgt_text_members(names, "sources"))
	{
		Oid source = pgt_own_source_by_name(lfirst(lc));

		refuse_stream_table(source);
		if (list_member_oid(sources, source))
			ereport(ERROR,
					errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("source \"%s\" is given more than once",
						   get_rel_name(source)));
		sources = lappend_oid(sources, source);
	}
	if (list_length(sources) < 2)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("watermark group \"%s\" needs at least two sources",
					   group));

	return sources;
}

static void
check_tolerance(double seconds)
{
	if (seconds >= 0 && !isinf(seconds))
		return;

	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("tolerance of a watermark group must not be negative or infinite: %g",
				   seconds),
			errhint("It is a number of seconds."));
}

/*
 * create_watermark_group(name text, sources text[], tolerance_secs float8)
 * returns void: what reads two or more of the sources is not refreshed
 * automatically while their watermarks are further apart.
 */
Datum
pgt_sql_create_watermark_group(PG_FUNCTION_ARGS)
{
	WatermarkGroup group = {
		.name = pgt_required_text(fcinfo, 0, "name"),
		.created_at = GetCurrentTimestamp(),
	};

	pgt_require_argument(fcinfo, 1, "sources");
	pgt_require_argument(fcinfo, 2, "tolerance_secs");
	PreventCommandDuringRecovery("create_watermark_group()");
	PreventCommandIfReadOnly("create_watermark_group()");
	if (group.name[0] == '\0')
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("name of a watermark group must not be empty"));
	group.tolerance_secs = PG_GETARG_FLOAT8(2);
	check_tolerance(group.tolerance_secs);
	group.sources = read_sources(group.name, PG_GETARG_ARRAYTYPE_P(1));

	pgt_lock_groups();
	if (pgt_lookup_group(group.name) != NULL)
		ereport(ERROR,
				errcode(ERRCODE_DUPLICATE_OBJECT),
				errmsg("watermark group \"%s\" already exists", group.name));
	pgt_insert_group(&group);
	PG_RETURN_VOID();
}

/* The owner of the database may, too: sources change their owners. */
static void
check_group_right(const WatermarkGroup *group)
{
	ListCell *lc;

	if (has_privs_of_role(GetUserId(), ROLE_PG_DATABASE_OWNER))
		return;
	foreach (lc, group->sources)
	{
		Oid source = lfirst_oid(lc);

		if (get_rel_name(source) != NULL &&
			!object_ownercheck(RelationRelationId, source, GetUserId()))
			ereport(ERROR,
					errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					errmsg("permission denied for watermark group \"%s\"",
						   group->name),
					errdetail("Only who owns all of its sources may drop it, or the owner of the database."));
	}
}

/*
 * drop_watermark_group(name text) returns void
 */
Datum
pgt_sql_drop_watermark_group(PG_FUNCTION_ARGS)
{
	char *name = pgt_required_text(fcinfo, 0, "name");
	WatermarkGroup *group;

	PreventCommandDuringRecovery("drop_watermark_group()");
	PreventCommandIfReadOnly("drop_watermark_group()");
	pgt_lock_groups();
	group = pgt_lookup_group(name);
	if (group == NULL)
		ereport(ERROR,
				errcode(ERRCODE_UNDEFINED_OBJECT),
				errmsg("watermark group \"%s\" does not exist", name));
	check_group_right(group);
	pgt_delete_group(name);
	PG_RETURN_VOID();
}
