/*-------------------------------------------------------------------------
 *
 * part.h
 *	  The parts of a transaction.
 *
 * A transaction that writes, refreshes and writes on is divided into parts
 * by its refreshes: part = the number of refreshes it has begun before.  A
 * log row carries its part, a frontier the last part it has read.  The
 * number never goes back, not even when a refresh is rolled back to a
 * savepoint.
 *
 * Layer: base
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_PART_H
#define PGT_PART_H

extern int32 pgt_current_part(void); /* of the current transaction */
extern void pgt_next_part(void);

#endif /* PGT_PART_H */
