/*-------------------------------------------------------------------------
 *
 * alter_sql.c
 *	  alter_stream_table() and its kin, as SQL calls them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

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

/* What a request points to. */
typedef struct AlterValues
{
	RefreshMode mode;
	StreamStatus status;
	DiamondConsistency consistency;
	DiamondPolicy policy;
	Tier tier;
	int64 fuse_ceiling;
} AlterValues;

/* The arguments from diamond_consistency on. */
static void
read_options(FunctionCallInfo fcinfo, AlterValues *values,
			 AlterRequest *request)
{
	char *consistency = optional_text(fcinfo, 5);
	char *policy = optional_text(fcinfo, 6);
	char *tier = optional_text(fcinfo, 7);

	if (consistency != NULL)
	{
		values->consistency = pgt_parse_diamond_consistency(consistency);
		request->diamond_consistency = &values->consistency;
	}
	if (policy != NULL)
	{
		values->policy = pgt_parse_diamond_policy(policy);
		request->diamond_policy = &values->policy;
	}
	if (tier != NULL)
	{
		values->tier = pgt_parse_tier(tier);
		request->tier = &values->tier;
	}
	if (!PG_ARGISNULL(8))
	{
		values->fuse_ceiling = PG_GETARG_INT64(8);
		pgt_check_fuse_ceiling(values->fuse_ceiling);
		request->fuse_ceiling = &values->fuse_ceiling;
	}
}

/*
 * alter_stream_table(name text, query text, schedule text, refresh_mode text,
 * status text, diamond_consistency text, diamond_schedule_policy text, tier
 * text, fuse_ceiling bigint) returns void: NULL keeps what is.
 */
Datum
pgt_sql_alter(PG_FUNCTION_ARGS)
{
	char *mode_name = optional_text(fcinfo, 3);
	char *status_name = optional_text(fcinfo, 4);
	AlterValues values;
	AlterRequest request = {
		.query = optional_text(fcinfo, 1),
		.schedule = optional_text(fcinfo, 2),
	};

	(void) pgt_required_text(fcinfo, 0, "name");
	if (mode_name != NULL)
	{
		values.mode = pgt_parse_mode(mode_name);
		request.mode = &values.mode;
	}
	if (status_name != NULL)
	{
		values.status = pgt_parse_status(status_name);
		request.status = &values.status;
	}
	read_options(fcinfo, &values, &request);
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
	StreamStatus status = STREAM_ACTIVE;
	StreamTable *st;

	st = pgt_stream_argument(fcinfo, AccessShareLock, true);
	if (st->status != STREAM_SUSPENDED && st->consecutive_errors == 0)
		ereport(NOTICE,
				errmsg("stream table \"%s\" is not suspended",
					   get_rel_name(st->relid)));
	pgt_alter_stream_table(st->relid, &(AlterRequest){.status = &status});
	PG_RETURN_VOID();
}

/*
 * create_or_replace_stream_table(...), with the arguments of
 * create_stream_table().
 */
Datum
pgt_sql_create_or_replace(PG_FUNCTION_ARGS)
{
	CreateRequest request;

	pgt_read_create_request(fcinfo, &request);
	(void) pgt_create_or_replace(&request);
	PG_RETURN_VOID();
}
