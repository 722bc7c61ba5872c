/*-------------------------------------------------------------------------
 *
 * control.h
 *	  What holds refreshes back: a scheduler that is paused or drained, gates,
 *	  watermarks (sql/install/25_control.sql).
 *
 *		paused		nothing is refreshed automatically
 *		drained		nothing is refreshed at all
 *		gate		stream tables that read the source themselves are not
 *					refreshed automatically
 *		group		stream tables that read two or more of its sources, be it
 *					through other stream tables, are not refreshed automatically
 *					while the watermarks of those are too far apart
 *
 * A refresh on request minds nothing but a drain.  Nothing is lost while it is
 * held back: the changes are in the logs, so that who is held is still due.
 *
 * Layer: catalog
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_CONTROL_H
#define PGT_CONTROL_H

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "storage/lockdefs.h"
#include "utils/snapshot.h"

typedef struct SourceGate
{
	Oid source;
	TimestampTz gated_at;
	char *gated_by;
} SourceGate;

typedef struct Watermark
{
	Oid source;
	TimestampTz watermark;
	TimestampTz advanced_at;
	char *advanced_by;
} Watermark;

typedef struct WatermarkGroup
{
	char *name;
	List *sources; /* of Oid */
	double tolerance_secs;
	TimestampTz created_at;
} WatermarkGroup;

/* All of it, read at one time. */
typedef struct Controls
{
	bool paused;
	bool drained;	  /* committed; pgt_begin_refresh() knows more */
	List *gates;	  /* of SourceGate, by source */
	List *watermarks; /* of Watermark, by source */
	List *groups;	  /* of WatermarkGroup, by name */
} Controls;

/* ---- for the scheduler ---- */

/*
 * Read each control table once, in the caller's memory context; what changes
 * them ends with WAKE_CATALOG.
 */
extern Controls *pgt_read_controls(void);

/* Only whether; cheap.  Drained counts while it is under way, too. */
extern bool pgt_is_paused(void);
extern bool pgt_is_drained(void);

/* The first gate that is on one of the relations; NULL: none. */
extern const SourceGate *pgt_find_gate(const Controls *controls,
									   List *sources);

/*
 * The first group of which two or more sources are among the relations and
 * whose watermarks are too far apart, or missing; NULL: none.  The relations
 * are all that a stream table reads, also through other stream tables
 * (pgt_all_dependencies()).
 */
extern const WatermarkGroup *pgt_misaligned_group(const Controls *controls,
												  List *sources);

/* ---- for a refresh ---- */

/*
 * Called before a refresh takes its first lock: false if the database is
 * drained or somebody waits for that.  If true, a drain waits until the end
 * of the transaction.  Never waits itself.
 *
 * pgt_refresh() calls it and raises 55000.  A worker calls it first, and if
 * it is false puts the job back, for a second say: the one who drains may
 * yet give up, and nobody is woken then.
 */
extern bool pgt_begin_refresh(void);

/*
 * Why an automatic refresh of a stream table must not take place under
 * "snapshot", palloc'd; NULL: nothing is in its way.  The scheduler looks
 * before it starts a refresh, but only this is exact: a bulk load may have
 * begun, or a watermark advanced, in between.  Whoever gates a source before
 * loading it is seen by any snapshot that sees the load.
 */
extern char *pgt_what_holds(int64 pgt_id, Snapshot snapshot);

/*
 * Does a stream table reach sources of one watermark group, some of them
 * through other stream tables only?  Then those are to be refreshed with it,
 * under the same snapshot: they must not lag behind the watermarks.
 */
extern bool pgt_aligns_upstream(int64 pgt_id);

/* What a stream table reads, also through other stream tables: of Oid. */
extern List *pgt_all_dependencies(int64 pgt_id);

/* What it reads itself: of Oid. */
extern List *pgt_direct_dependencies(int64 pgt_id);

/* ---- for commands ---- */

/*
 * Taken by who changes what holds refreshes back, until the end of the
 * transaction: SHARE ROW EXCLUSIVE, or EXCLUSIVE to drain, which makes
 * pgt_begin_refresh() return false.
 */
extern void pgt_lock_control(LOCKMODE mode);

/* Wait until no refresh runs but that of this transaction. */
extern void pgt_lock_running(void);
extern bool pgt_anything_running(void);

extern void pgt_set_paused(void);
extern void pgt_set_drained(void);
extern void pgt_set_resumed(void);
extern bool pgt_drained_is_set(void); /* and this not merely under way */

/* Those that change what is said of a source exclude each other. */
extern void pgt_lock_source_control(Oid source);

extern List *pgt_all_gates(void); /* of SourceGate, by source */
extern SourceGate *pgt_lookup_gate(Oid source);
extern void pgt_insert_gate(Oid source);
extern void pgt_delete_gate(Oid source);

extern Watermark *pgt_lookup_watermark(Oid source);
extern void pgt_set_watermark(Oid source, TimestampTz watermark);

/* Those that change groups do; taken after locks on their sources. */
extern void pgt_lock_groups(void);
extern WatermarkGroup *pgt_lookup_group(const char *name);
extern void pgt_insert_group(const WatermarkGroup *group);
extern void pgt_delete_group(const char *name);

/* How far its watermarks are apart, in seconds; -1 if one is missing. */
extern double pgt_group_spread(const Controls *controls,
							   const WatermarkGroup *group);
extern const Watermark *pgt_find_watermark(const Controls *controls,
										   Oid source);

/* Relations were dropped: so are their gates and watermarks. */
extern void pgt_forget_controls(List *relids);

#endif /* PGT_CONTROL_H */
