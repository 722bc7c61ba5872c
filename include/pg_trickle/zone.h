/*-------------------------------------------------------------------------
 *
 * zone.h
 *	  The server's time zones, for cron.
 *
 * Layer: schedule
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_ZONE_H
#define PGT_ZONE_H

#include "pg_trickle/cron.h"

/*
 * Look up a time zone by the name that SET timezone would take: 'UTC',
 * 'America/New_York', '<+05>-5'.  False if there is no such zone, or if it
 * counts leap seconds, which timestamps do not have.  What *zone refers to
 * lives as long as the process.
 */
extern bool pgt_zone_rules(const char *name, ZoneRules *zone);

#endif /* PGT_ZONE_H */
