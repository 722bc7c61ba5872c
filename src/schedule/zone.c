/*-------------------------------------------------------------------------
 *
 * zone.c
 *	  The server's time zones as the rules that cron.c asks.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pgtime.h"

#include "pg_trickle/zone.h"

static int32
server_offset_at(void *arg, int64 utc_seconds)
{
	pg_time_t time = (pg_time_t) utc_seconds;
	struct pg_tm *local = pg_localtime(&time, (pg_tz *) arg);

	/* NULL: a year that does not fit an int; cron looks 400 years ahead. */
	return local == NULL ? 0 : (int32) local->tm_gmtoff;
}

/*
 * See zone.h.
 */
bool
pgt_zone_rules(const char *name, ZoneRules *zone)
{
	pg_tz *tz = pg_tzset(name);

	if (tz == NULL || !pg_tz_acceptable(tz))
		return false;

	zone->offset_at = server_offset_at;
	zone->arg = tz; /* pg_tzset() keeps what it has read */
	return true;
}
