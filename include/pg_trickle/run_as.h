/*-------------------------------------------------------------------------
 *
 * run_as.h
 *	  Run user code with the rights of the owner of a stream table.
 *
 * Layer: base
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_RUN_AS_H
#define PGT_RUN_AS_H

/*
 * Everything that pgt_run_as() changes about the session.  The end of the
 * (sub)transaction puts it back if an error comes first.
 */
typedef struct RunAs
{
	Oid userid;
	int sec_context;
	int guc_level;
} RunAs;

extern RunAs pgt_run_as(Oid owner);
extern RunAs pgt_run_as_in(Oid owner, const char *timezone);
extern void pgt_run_as_done(RunAs before);

#endif /* PGT_RUN_AS_H */
