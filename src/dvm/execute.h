/*
 * execute.h
 *	  Between linear.c and execute.c: several texts over the same deltas.
 */
#ifndef PGT_EXECUTE_H
#define PGT_EXECUTE_H

#include "pg_trickle/program.h"

/* Connect to SPI and bind the deltas to their names; disconnect. */
extern void pgt_execute_begin(List *deltas, bool small);
extern void pgt_execute_end(void);

/* Between them: like pgt_run_text(). */
extern void pgt_execute_text(QueryText *text, bool small, List *deltas,
							 RowReceiver receive, void *arg);

#endif /* PGT_EXECUTE_H */
