/*-------------------------------------------------------------------------
 *
 * cron.h
 *	  When the calendar next says so: cron times in a time zone.
 *
 * Layer: schedule
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_CRON_H
#define PGT_CRON_H

#include "datatype/timestamp.h"

#include "pg_trickle/schedule.h"

/*
 * What is known of a time zone: how many seconds east of UTC its clocks are at
 * an instant (seconds since 1970).
 */
typedef struct ZoneRules
{
	int32 (*offset_at)(void *arg, int64 utc_seconds);
	void *arg;
} ZoneRules;

/*
 * The first time after "after", and not at it, that the set names; false if
 * there is none.  Times that daylight saving skips or repeats: see README,
 * "Cron and daylight saving".  No server calls: unit-tested.
 */
extern bool pgt_cron_next(const CronTimes *cron, const ZoneRules *zone,
						  TimestampTz after, TimestampTz *next);

#endif /* PGT_CRON_H */
