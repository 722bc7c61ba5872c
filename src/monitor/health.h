/*
 * health.h
 *	  What is wrong, as far as the current user may see it.
 */
#ifndef PGT_HEALTH_H
#define PGT_HEALTH_H

#include "dag.h"
#include "monitor.h"

typedef enum Severity
{
	SEVERITY_OK,
	SEVERITY_WARNING,  /* will need somebody */
	SEVERITY_CRITICAL, /* needs somebody now */
} Severity;

extern const char *pgt_severity_name(Severity severity);

/* An answer of a check. */
typedef struct Finding
{
	const char *check;
	Severity severity;
	char *detail; /* what is wrong, and what to do about it */
} Finding;

/* What the checks look at, and what they have found. */
typedef struct Health
{
	Ages *ages;
	Dag *dag;	   /* of all stream tables */
	List *streams; /* of StreamTable, visible */
	List *sources; /* of SourceHealth, visible */
	const char *check;
	List *findings; /* of Finding */
} Health;

/* All checks: those that find nothing say so. */
extern Health *pgt_check_health(void);

/* For checks: the one that runs has found something. */
extern void pgt_find(Health *health, Severity severity, char *detail);

/* ---- source_health.c ---- */

typedef struct SourceHealth
{
	Source *source;
	int64 bytes; /* of the log */
	int64 segments;
	int consumers;		  /* stream tables that read the log */
	StreamTable *slowest; /* for whom rows have waited longest, or NULL */
	Severity severity;
	char *detail;
} SourceHealth;

/* Of those that the user may see. */
extern List *pgt_source_health(Ages *ages);

/* ---- control.c ---- */

extern void pgt_check_watermarks(Health *health);

/* ---- lateness.c ---- */

/*
 * How late a stream table is, in microseconds, by its schedule and those of
 * the stream tables that it reads and that read it: 0 if it is not.
 */
extern int64 pgt_lateness(Ages *ages, DagNode *node);

/* Later than what passes by itself? */
extern bool pgt_is_late(Ages *ages, DagNode *node);

#endif /* PGT_HEALTH_H */
