/*-------------------------------------------------------------------------
 *
 * refresh_log.h
 *	  Lines of the server log that tell what refreshes did.
 *
 * Layer: refresh
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_REFRESH_LOG_H
#define PGT_REFRESH_LOG_H

typedef struct RefreshEvent
{
	const char *event; /* refresh, refresh_failed, claim_lost */
	int64 pgt_id;
	const char *name; /* qualified */
	int64 cycle_id;	  /* 0: not by the scheduler */
	double duration_ms;
	const char *reason;
	const char *action;
	int64 rows_inserted;
	int64 rows_deleted;
	int error_code; /* 0: none */
	const char *msg;
} RefreshEvent;

/* One line, in the format of the setting. */
extern void pgt_log_event(const RefreshEvent *event);

/* Is a refresh that took so long to be logged? */
extern bool pgt_is_logged(double duration_ms);

#endif /* PGT_REFRESH_LOG_H */
