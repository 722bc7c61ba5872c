/*-------------------------------------------------------------------------
 *
 * alter_sql.c
 *	  alter_stream_table() and its kin, as SQL calls them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "pg_trickle/command.h"

PG_FUNCTION_INFO_V1(pgt_sql_alter);
PG_FUNCTION_INFO_V1(pgt_sql_resume);
PG_FUNCTION_INFO_V1(pgt_sql_create_or_replace);

static char *
optional_text(FunctionCallInfo fcinfo, int argno)
{
	return PG_ARGISNULL(argno) ? NULL :
								 text_to_cstring(PG_GETARG_TEXT_PP(argno));
}

/*
 * alter_stream_table(name text, query text, schedule text, refresh_mode text,
 * status text) returns void: NULL keeps what is.
 */
Datum
pgt_sql_alter(PG_FUNCTION_ARGS)
{
	char *mode_name = optional_text(fcinfo, 3);
	char *status_name = optional_text(fcinfo, 4);
	RefreshMode mode;
	StreamStatus status;
	AlterRequest request = {
		.query = optional_text(fcinfo, 1),
		.schedule = optional_text(fcinfo, 2),
	};

	(void) pgt_required_text(fcinfo, 0, "name");
	if (mode_name != NULL)
	{
		mode = pgt_parse_mode(mode_name);
		request.mode = &mode;
	}
	if (status_name != NULL)
	{
		status = pgt_parse_status(status_name);
		request.status = &status;
	}
	pgt_alter_stream_table(pgt_stream_by_name(PG_GETARG_TEXT_PP(0),
											  AccessShareLock, true)
							   ->relid,
						   &request);
	PG_RETURN_VOID();
}

/*
 * resume_stream_table(name text) returns void: leave SUSPENDED, forget errors.
 */
Datum
pgt_sql_resume(PG_FUNCTION_ARGS)
{
	StreamTable *st = pgt_stream_by_name(PG_GETARG_TEXT_PP(0),
										 AccessShareLock, true);
	StreamStatus status = STREAM_ACTIVE;

	if (st->status != STREAM_SUSPENDED && st->consecutive_errors == 0)
		ereport(NOTICE,
				errmsg("stream table \"%s\" is not suspended",
					   get_rel_name(st->relid)));
	pgt_alter_stream_table(st->relid, &(AlterRequest){.status = &status});
	PG_RETURN_VOID();
}

/*
 * The relation that CREATE would collide with, as a qualified name; NULL if
 * there is none.
 */
static text *
existing_name(RangeVar *name)
{
	Oid schema = RangeVarGetCreationNamespace(name);
	char *qualified;

	if (!OidIsValid(get_relname_relid(name->relname, schema)))
		return NULL;

	qualified = quote_qualified_identifier(get_namespace_name(schema),
										   name->relname);
	return cstring_to_text(qualified);
}

/*
 * create_or_replace_stream_table(...), with the arguments of
 * create_stream_table(): if there is a stream table of that name, it gets this
 * definition, in place; it is filled then, "initialize" or not, for it would
 * show the rows of its former definition.
 */
Datum
pgt_sql_create_or_replace(PG_FUNCTION_ARGS)
{
	CreateRequest request;
	text *existing;
	StreamTable *st;

	pgt_read_create_request(fcinfo, &request);
	existing = existing_name(request.name);
	if (existing == NULL)
	{
		(void) pgt_create_stream_table(&request);
		PG_RETURN_VOID();
	}

	st = pgt_stream_by_name(existing, AccessShareLock, true);
	pgt_alter_stream_table(st->relid, &(AlterRequest){
										  .query = request.query,
										  .schedule = request.schedule,
										  .mode = &request.mode,
									  });
	PG_RETURN_VOID();
}
