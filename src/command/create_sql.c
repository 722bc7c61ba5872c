/*-------------------------------------------------------------------------
 *
 * create_sql.c
 *	  create_stream_table() and its kin, as SQL calls them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "pg_trickle/command.h"
#include "pg_trickle/settings.h"

PG_FUNCTION_INFO_V1(pgt_sql_create);
PG_FUNCTION_INFO_V1(pgt_sql_create_if_not_exists);

/*
 * An argument that must not be NULL; error 22004 naming it.
 */
char *
pgt_required_text(FunctionCallInfo fcinfo, int argno, const char *name)
{
	pgt_require_argument(fcinfo, argno, name);
	return text_to_cstring(PG_GETARG_TEXT_PP(argno));
}

/* Those from diamond_consistency on. */
static StreamOptions
read_options(FunctionCallInfo fcinfo)
{
	char *consistency = pgt_required_text(fcinfo, 5, "diamond_consistency");
	char *policy = pgt_required_text(fcinfo, 6, "diamond_schedule_policy");
	StreamOptions options = {
		.diamond_consistency = pgt_parse_diamond_consistency(consistency),
		.diamond_policy = pgt_parse_diamond_policy(policy),
		.tier = pgt_parse_tier(pgt_required_text(fcinfo, 7, "tier")),
		.fuse_ceiling = PG_ARGISNULL(8) ? 0 : PG_GETARG_INT64(8),
	};

	pgt_check_fuse_ceiling(options.fuse_ceiling);
	return options;
}

/* NULL is what pg_trickle.default_refresh_mode says. */
static RefreshMode
read_mode(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(3))
	{
		StaticAssertStmt(MODE_AUTO == 0 && MODE_DIFFERENTIAL == 1 &&
							 MODE_FULL == 2,
						 "settings.c has the modes in another order");
		return (RefreshMode) pgt_default_refresh_mode;
	}

	return pgt_parse_mode(text_to_cstring(PG_GETARG_TEXT_PP(3)));
}

/*
 * The arguments of create_stream_table(), which its kin have too.
 */
void
pgt_read_create_request(FunctionCallInfo fcinfo, CreateRequest *request)
{
	pgt_require_argument(fcinfo, 4, "initialize");
	*request = (CreateRequest){
		.query = pgt_required_text(fcinfo, 1, "query"),
		.schedule = pgt_required_text(fcinfo, 2, "schedule"),
		.mode = read_mode(fcinfo),
		.initialize = PG_GETARG_BOOL(4),
		.options = read_options(fcinfo),
	};

	(void) pgt_required_text(fcinfo, 0, "name");
	request->name = pgt_range_var(PG_GETARG_TEXT_PP(0));
}

static void
create(FunctionCallInfo fcinfo, bool if_not_exists)
{
	CreateRequest request;

	pgt_read_create_request(fcinfo, &request);
	request.if_not_exists = if_not_exists;
	(void) pgt_create_stream_table(&request);
}

/*
 * create_stream_table(name text, query text, schedule text, refresh_mode
 * text, initialize bool, diamond_consistency text, diamond_schedule_policy
 * text, tier text, fuse_ceiling bigint) returns void
 */
Datum
pgt_sql_create(PG_FUNCTION_ARGS)
{
	create(fcinfo, false);
	PG_RETURN_VOID();
}

/*
 * create_stream_table_if_not_exists(...), with the same arguments.
 */
Datum
pgt_sql_create_if_not_exists(PG_FUNCTION_ARGS)
{
	create(fcinfo, true);
	PG_RETURN_VOID();
}
