/*-------------------------------------------------------------------------
 *
 * schedule.h
 *	  When a stream table is to be refreshed.
 *
 * Layer: schedule
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_SCHEDULE_H
#define PGT_SCHEDULE_H

typedef enum ScheduleKind
{
	SCHEDULE_MANUAL,	 /* only on request */
	SCHEDULE_CALCULATED, /* whenever a consumer needs it */
	SCHEDULE_INTERVAL,	 /* at most so many seconds behind */
	SCHEDULE_CRON,		 /* at times of the calendar */
} ScheduleKind;

/* Sets of bits: bit 5 of "hours" is 5 o'clock, bit 0 of "weekdays" Sunday. */
typedef struct CronTimes
{
	uint64 seconds;
	uint64 minutes;
	uint64 hours;
	uint64 days; /* of the month, 1 to 31 */
	uint64 months;
	uint64 weekdays;

	/*
	 * Was the field a star?  If neither was, a day that is in one of the two
	 * sets is in, as cron has it.
	 */
	bool any_day;
	bool any_weekday;
} CronTimes;

typedef struct Schedule
{
	ScheduleKind kind;
	int64 seconds; /* of SCHEDULE_INTERVAL; 0: as soon as possible */
	CronTimes cron;
} Schedule;

/*
 * Read a schedule; NULL, or a sentence that says what is wrong with the text
 * (palloc'd).  No server calls: unit-tested.
 */
extern char *pgt_parse_schedule(const char *text, Schedule *schedule);

/*
 * Raise error 22023, with a hint that lists what there is, unless the text is
 * a schedule: a duration ('0s', '30s', '5m', '1h30m', '2d', '1w'), a cron
 * expression of 5 or 6 fields or an alias (@hourly), 'calculated', 'manual'.
 */
extern void pgt_check_schedule(const char *text);

#endif /* PGT_SCHEDULE_H */
