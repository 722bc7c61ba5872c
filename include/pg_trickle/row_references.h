/*-------------------------------------------------------------------------
 *
 * row_references.h
 *	  What foreign keys do to the rows that refer to a table which the engine
 *	  writes row by row.
 *
 * For src/base/rowstore.c only.
 *
 * Layer: base
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_ROW_REFERENCES_H
#define PGT_ROW_REFERENCES_H

#include "nodes/execnodes.h"

#include "pg_trickle/rowstore.h"

typedef struct RowReferences RowReferences;

/*
 * Take the actions of foreign keys out of target->ri_TrigDesc; NULL if there
 * are none.  In the current memory context, which lives as long as the store.
 */
extern RowReferences *pgt_row_references_begin(RowStore *store,
											   EState *estate,
											   ResultRelInfo *target);

/* A row has been deleted. */
extern void pgt_row_references_deleted(RowReferences *references,
									   ItemPointer old_tid);

/* A row has been updated, these columns of it (numbered by the executor). */
extern void pgt_row_references_updated(RowReferences *references,
									   const Bitmapset *columns,
									   ItemPointer old_tid,
									   ItemPointer new_tid);

/* All is written: queue the actions. */
extern void pgt_row_references_act(RowReferences *references);

#endif /* PGT_ROW_REFERENCES_H */
