/*
 * processes.h
 *	  Is there who refreshes this database by itself?
 */
#ifndef PGT_PROCESSES_H
#define PGT_PROCESSES_H

#include "health.h"

extern void pgt_check_preload(Health *health);
extern void pgt_check_scheduler(Health *health);
extern void pgt_check_workers(Health *health);

/* In a word or two: "running", "not preloaded", ... */
extern const char *pgt_scheduler_text(void);
extern bool pgt_scheduler_works(void);

#endif /* PGT_PROCESSES_H */
