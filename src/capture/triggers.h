/*-------------------------------------------------------------------------
 *
 * triggers.h
 *	  The triggers that capture puts on the relations of a source.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_TRIGGERS_H
#define PGT_TRIGGERS_H

#include "commands/trigger.h"
#include "utils/rel.h"

#include "pg_trickle/catalog.h"

typedef enum CaptureTrigger
{
	CAPTURE_ROW,
	CAPTURE_TRUNCATE,
	NUM_CAPTURE_TRIGGERS,
} CaptureTrigger;

extern bool pgt_is_capture_trigger(const char *name, int64 *track_id);
extern int64 pgt_track_id_of_trigger(const Trigger *trigger,
									 CaptureTrigger kind);
extern bool pgt_install_on(Oid relid, int64 track_id);
extern bool pgt_relation_escapes(Oid relid, int64 track_id);
extern List *pgt_tracks_with_triggers(Oid relid);
extern void pgt_drop_triggers(Oid relid, int64 track_id);

#endif /* PGT_TRIGGERS_H */
