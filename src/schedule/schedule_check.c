/*-------------------------------------------------------------------------
 *
 * schedule_check.c
 *	  Refusing what is no schedule.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pg_trickle/schedule.h"

/*
 * See schedule.h.
 */
void
pgt_check_schedule(const char *text)
{
	Schedule schedule;
	char *fault = pgt_parse_schedule(text, &schedule);

	if (fault != NULL)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("unrecognized schedule: \"%s\"", text),
				errdetail_internal("%s", fault),
				errhint("Available are durations (0s, 30s, 5m, 1h30m, 2d, 1w), cron expressions of 5 or 6 fields, @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually, calculated and manual."));
}
