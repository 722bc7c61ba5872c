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

/*
 * Raise error 22023, with a hint that lists what there is, unless the text is
 * a schedule: a duration ('0s', '30s', '5m', '1h30m', '2d', '1w'), a cron
 * expression of 5 or 6 fields or an alias (@hourly), 'calculated', 'manual'.
 */
extern void pgt_check_schedule(const char *text);

#endif							/* PGT_SCHEDULE_H */
