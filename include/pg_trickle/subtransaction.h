/*-------------------------------------------------------------------------
 *
 * subtransaction.h
 *	  A step that may fail.
 *
 * Layer: base
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_SUBTRANSACTION_H
#define PGT_SUBTRANSACTION_H

/* Returns whether what it did is to stay. */
typedef bool (*SubtransactionStep)(void *arg);

/*
 * Take a step in a subtransaction, in the current memory context.  If it
 * raises an error, nothing of it is left but the error, which is returned in
 * that context (ReThrowError() raises it again); else NULL.
 */
extern ErrorData *pgt_try(SubtransactionStep step, void *arg);

#endif /* PGT_SUBTRANSACTION_H */
