/*-------------------------------------------------------------------------
 *
 * row_triggers.h
 *	  The triggers of a table that the engine writes row by row.
 *
 * For src/base/rowstore.c only.
 *
 * Layer: base
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_ROW_TRIGGERS_H
#define PGT_ROW_TRIGGERS_H

#include "nodes/execnodes.h"

typedef struct RowTriggers RowTriggers;

/*
 * Take charge of target->ri_TrigDesc and begin a query level of AFTER
 * triggers.  "updated_columns" is where the executor looks for them; the
 * caller sets them for each row.  In the current memory context.
 */
extern RowTriggers *pgt_row_triggers_begin(EState *estate,
										   ResultRelInfo *target,
										   Bitmapset **updated_columns);

/* To be called before and after each write through ExecSimpleRelation*(). */
extern void pgt_row_triggers_before(RowTriggers *triggers, CmdType command);
extern void pgt_row_triggers_after(RowTriggers *triggers, CmdType command,
								   TupleTableSlot *old, TupleTableSlot *new);

/*
 * To be called before the delete and before the insert of a row that moves,
 * and after the latter.
 */
extern void pgt_row_triggers_before_move(RowTriggers *triggers);
extern void pgt_row_triggers_moved(RowTriggers *triggers, TupleTableSlot *old,
								   TupleTableSlot *new);

/* Fire what is queued, then end the query level. */
extern void pgt_row_triggers_end(RowTriggers *triggers);

#endif /* PGT_ROW_TRIGGERS_H */
