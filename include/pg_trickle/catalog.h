/*-------------------------------------------------------------------------
 *
 * catalog.h
 *	  What the extension stores about stream tables, sources and logs
 *	  (sql/install/20_catalog.sql), read by index scans into structs of the
 *	  caller's memory context.
 *
 * Layer: catalog
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_CATALOG_H
#define PGT_CATALOG_H

#include "catalog/objectaddress.h"
#include "access/attnum.h"
#include "access/transam.h"
#include "access/tupdesc.h"
#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "storage/lock.h"
#include "utils/relcache.h"

#include "pg_trickle/frontier.h"
#include "pg_trickle/options.h"
#include "pg_trickle/run_as.h"

/* ---- stream tables: pgt_stream_tables ---- */

typedef enum RefreshMode
{
	MODE_AUTO,
	MODE_DIFFERENTIAL,
	MODE_FULL,
} RefreshMode;

typedef enum StreamStatus
{
	STREAM_INITIALIZING,
	STREAM_ACTIVE,
	STREAM_SUSPENDED,
	STREAM_ERROR,
} StreamStatus;

/*
 * What the scheduler goes by, of one stream table, as it was when the row was
 * read or written last; who writes another one tells the scheduler.
 */
typedef struct ScheduledAs
{
	char *schedule;
	bool is_populated;
	bool held; /* suspended, or its fuse has blown */
	int consecutive_errors;
	TimestampTz retry_at;
	Tier tier;
	DiamondConsistency diamond_consistency;
	DiamondPolicy diamond_policy;
} ScheduledAs;

typedef struct StreamTable
{
	int64 pgt_id;
	int64 revision;			  /* grows by one with each change of the row */
	Oid relid;				  /* the table itself */
	Oid query_relid;		  /* the view that holds the query */
	char *defining_query;	  /* names qualified, as of creation */
	char *original_query;	  /* as the user wrote it */
	CreatorSettings settings; /* under which the query is computed */
	char *schedule;
	RefreshMode mode;
	StreamStatus status;
	bool is_populated;
	bool keyed; /* see ApplyTarget */
	int nkeys;
	AttrNumber *keys;
	TimestampTz data_timestamp; /* 0: never refreshed */
	Frontier *frontier;			/* NULL: never refreshed */
	char *meaning;				/* what the content was computed by, or NULL */
	TimestampTz last_refresh_at;
	int consecutive_errors;
	char *last_error;		 /* or NULL */
	double delta_ms;		 /* measured, of small changes; 0: not yet */
	double delta_ms_per_row; /* measured; 0: not yet */
	double full_ms;			 /* of the last recomputation; 0: none yet */
	double full_cost;		 /* what the planner thought of it then */
	StreamOptions options;
	TimestampTz fuse_blown_at; /* 0: it is not */
	TimestampTz retry_at;	   /* after errors, not before; 0: any time */
	TransactionId xmin;		   /* who wrote this version of the row */
	ScheduledAs scheduled;	   /* by stream_table.c */
} StreamTable;

extern const char *pgt_mode_name(RefreshMode mode);
extern const char *pgt_status_name(StreamStatus status);
extern RefreshMode pgt_parse_mode(const char *name);	/* 22023 */
extern StreamStatus pgt_parse_status(const char *name); /* 22023 */

extern bool pgt_is_stream_table(Oid relid);

/* NULL, or error 42809 naming the relation, if it is no stream table. */
extern StreamTable *pgt_lookup_stream(Oid relid, bool missing_ok);
extern StreamTable *pgt_lookup_stream_by_id(int64 pgt_id, bool missing_ok);
extern List *pgt_all_streams(void); /* of StreamTable, by pgt_id */

/*
 * The same, if the extension may be older than the library; only pgt_id, relid
 * and query_relid are set.
 */
extern List *pgt_all_stream_relations(void);

extern int64 pgt_new_stream_id(void);
extern void pgt_insert_stream(StreamTable *st); /* sets revision */
extern void pgt_update_stream(StreamTable *st); /* new version, revision + 1 */
extern void pgt_delete_stream(int64 pgt_id);	/* with all that hangs on it */

/* ---- what a stream table reads: pgt_dependencies ---- */

typedef struct Dependency
{
	int64 pgt_id;
	Oid source_relid;
	char *source_type; /* TABLE, STREAM_TABLE, VIEW, ... */
	List *columns;	   /* names of the columns used, as char * */
	char *cdc_mode;	   /* "trigger", or "none" (not tracked) */
} Dependency;

extern List *pgt_dependencies(int64 pgt_id);
extern List *pgt_dependents(Oid source_relid); /* of Dependency */
extern void pgt_insert_dependency(const Dependency *dep);
extern void pgt_delete_dependencies(int64 pgt_id);

/* A stream table has come to read these columns of a table. */
extern void pgt_widen_dependency(int64 pgt_id, Oid source_relid, int ncolumns,
								 const AttrNumber *columns);

/* ---- sources and their logs: pgt_change_tracking, pgt_log_segments ---- */

typedef struct Source
{
	int64 track_id; /* in the names of triggers and logs */
	Oid relid;
	int ncolumns;
	AttrNumber *columns; /* columns that a new segment logs, ascending */
	bool has_dropped;	 /* columns: a restore numbers the others anew */
} Source;

/* In the order of the index pgt_log_segments_state: 'f' is the last. */
typedef enum SegmentState
{
	SEGMENT_OPEN = 'O',	   /* takes new rows; one per source */
	SEGMENT_CLOSING = 'c', /* writers may not have left it yet */
	SEGMENT_CLOSED = 'C',  /* complete; min_xid and max_xid are known */
	SEGMENT_DRAINED = 'd', /* every consumer has passed it */
	SEGMENT_FREE = 'f',	   /* emptied, may be opened again */
} SegmentState;

/*
 * A segment is a table pgtrickle_changes.log_<track_id>_<segno>:
 *
 *		xid xid8, part int4, weight int2, c<attno> ... o<attno> ...
 *
 * each in the order of columns.  xid is the top-level transaction; weight 1: a
 * row appeared, -1: a row went, 0: a reset mark (no column values), 2: a row
 * went, which o... tell, and c... appeared.  A source of very many columns has
 * no o..., and an UPDATE of it is always two rows.
 */
typedef struct Segment
{
	int64 track_id;
	int segno;
	Oid relid;
	char *era;
	SegmentState state;
	int ncolumns;
	AttrNumber *columns;	   /* the columns of the source it logs */
	FullTransactionId min_xid; /* of a closed segment; invalid: no rows */
	FullTransactionId max_xid;
	FullTransactionId drained_xid; /* who found it drained */
	int times_emptied;
	TransactionId xmin; /* who wrote this version of the row */
} Segment;

#define Anum_log_xid 1
#define Anum_log_part 2
#define Anum_log_weight 3
#define Natts_log_fixed 3 /* column i of "columns" is attribute 4 + i */

#define WEIGHT_MARK 0
#define WEIGHT_UPDATE 2

extern Source *pgt_lookup_source(Oid relid, bool missing_ok);
extern Source *pgt_lookup_source_by_id(int64 track_id, bool missing_ok);
extern List *pgt_all_sources(void);

/* Start or widen the tracking of a table: a new open segment where needed. */
extern Source *pgt_track_source(Oid relid, int ncolumns,
								const AttrNumber *columns);
/* A column of the source was dropped. */
extern void pgt_note_dropped_column(Oid relid);

/*
 * After a restore that numbered columns anew: log "columns" (and what else is
 * logged and exists) in a new segment.  Same lock as pgt_track_source().
 */
extern void pgt_renumber_source(Source *source, int ncolumns,
								const AttrNumber *columns);
extern bool pgt_source_covers(const Source *source, int ncolumns,
							  const AttrNumber *columns);
/* The row of the source and those of its segments. */
extern void pgt_delete_source(int64 track_id);
extern void pgt_drop_segments(int64 track_id); /* the log tables */

/* Of Segment, by segno: all, and those that are not free. */
extern List *pgt_segments(int64 track_id);
extern List *pgt_live_segments(int64 track_id);
extern List *pgt_drained_logs(void);					  /* of int64 * */
extern Segment *pgt_open_segment(int64 track_id);		  /* NULL: none */
extern Segment *pgt_create_segment(const Source *source); /* see segment.c */
extern void pgt_update_segment(const Segment *segment);

/* Of what shape is the log table?  See segment.c. */
extern bool pgt_log_has_old_columns(TupleDesc desc, int ncolumns);
extern bool pgt_segment_stores(const Segment *segment, int i, Oid type);

/* Is it there, and of the shape that the segment says? */
extern bool pgt_segment_is_intact(const Segment *segment);

/* ---- internal nodes: pgt_nodes ---- */

typedef struct NodeState
{
	int64 pgt_id;
	int node_id;
	char *rule;
	char *signature; /* types of keys, arguments and states, ... */
	Oid state_relid;
	List *multisets; /* OIDs of value multiset tables, InvalidOid
								 * for an aggregate that needs none */
} NodeState;

extern List *pgt_node_states(int64 pgt_id); /* by node_id */
extern void pgt_insert_node_state(const NodeState *node);
extern void pgt_set_node_signature(const NodeState *node,
								   const char *signature);
extern void pgt_delete_node_states(int64 pgt_id);

/* ---- history: pgt_refresh_history ---- */

typedef struct RefreshRecord
{
	int64 pgt_id;
	TimestampTz data_timestamp; /* 0: never refreshed */
	TimestampTz start_time;
	TimestampTz end_time;
	const char *action; /* NO_DATA, FULL, DIFFERENTIAL, REINITIALIZE, SKIP */
	int64 rows_inserted;
	int64 rows_deleted;
	int64 delta_row_count;
	const char *initiated_by;
	const char *reason;
	const char *status; /* COMPLETED (NULL will do), FAILED */
	const char *error;	/* or NULL */

	/* of one that was read */
	int64 refresh_id;
} RefreshRecord;

extern void pgt_insert_history(const RefreshRecord *record);

/*
 * Delete what is older than history_retention, at most "max_rows", and return
 * how many that were.  The caller has locked the stream table and its table.
 */
extern int64 pgt_prune_stream_history(int64 pgt_id, int64 max_rows);

/* Ids that are given from now on are beyond those that rows have. */
extern void pgt_repair_history_ids(void);

/* The same for all stream tables that nobody has locked; locks them. */
extern int64 pgt_prune_history(int64 max_rows);

/* Newest first, a list of RefreshRecord; max_rows -1: all. */
extern List *pgt_read_history(int64 pgt_id, int max_rows);
extern List *pgt_read_history_since(int64 pgt_id, TimestampTz since);

/* ---- links.c: pg_depend ---- */

/*
 * The view goes with the stream table; the stream table depends on what the
 * view depends on.
 */
extern void pgt_link_stream(Oid relid, Oid view);

/* Undo what the stream table depends on, before its view is replaced. */
extern void pgt_unlink_stream(Oid relid, Oid view);

/* Does the query of the view name this column; with 0, the table at all? */
extern bool pgt_view_uses_column(Oid view, Oid relid, AttrNumber attno);

/* "relid" goes with "owner_of"; nothing if that is recorded already. */
extern void pgt_link_part(Oid relid, Oid owner_of);
extern bool pgt_is_linked(Oid relid, Oid owner_of);

/*
 * What an object depends on, of its own accord; and what is a part of it or
 * goes with it, as the rule of a view.  Lists of ObjectAddress.
 */
extern List *pgt_references(const ObjectAddress *object);
extern List *pgt_components(const ObjectAddress *object);

/* ---- family.c ---- */

/* A table with its partitions and children, locked: a list of OIDs. */
extern List *pgt_family(Oid relid, LOCKMODE mode);

/*
 * The same, ACCESS SHARE, for who only looks: NIL if it would have to wait, or
 * if the table is gone.  To be given back by pgt_unlock_family().
 */
extern List *pgt_try_family(Oid relid);
extern bool pgt_try_lock(Oid relid); /* the same for one relation */
extern void pgt_unlock_family(List *family);

/*
 * A relation and all of which it is a partition or a child, itself first, as
 * a list of OIDs in the current memory context.  Nothing is locked.
 */
extern List *pgt_ancestry(Oid relid);

/* Also those that it was one of until this transaction dropped it. */
extern List *pgt_former_ancestry(Oid relid);

/* ---- trigger_function.c ---- */

/* The trigger function of that name in schema pgtrickle. */
extern Oid pgt_trigger_function(const char *name);

/*
 * The function that a trigger calls, and the trigger that it is a clone of,
 * or InvalidOid.  False if there is no such trigger.
 */
extern bool pgt_look_up_trigger(Oid trigger, Oid *function, Oid *parent);

/* ---- dropped.c ---- */

/* A relation, or a column of one, that a command has dropped. */
typedef struct DroppedRelation
{
	Oid relid;
	int32 column; /* 0: all of it */
	bool is_part; /* it was in one of our schemas */
} DroppedRelation;

/* A trigger that a command has dropped from a table that is still there. */
typedef struct DroppedTrigger
{
	Oid relid;
	char *name;
} DroppedTrigger;

typedef struct Dropped
{
	List *relations; /* of DroppedRelation */
	List *triggers;	 /* of DroppedTrigger */
} Dropped;

/* What the present sql_drop event is about; in the current memory context. */
extern Dropped pgt_dropped(void);

/* ---- eras, locks, internal tables ---- */

/* The xid space of this cluster and database, see src/refresh/README.md. */
extern const char *pgt_current_era(void);

/* Be told by another session, which must know that it still is so. */
extern void pgt_know_era(const char *era);
#define MAX_ERA 64 /* bytes of the name, the zero among them */

/*
 * Until the end of the transaction: EXCLUSIVE for a refresh, ACCESS EXCLUSIVE
 * for a change of the definition, to which an automatic refresh gives way.
 */
extern void pgt_lock_stream(int64 pgt_id, LOCKMODE mode);
extern bool pgt_try_lock_stream(int64 pgt_id); /* EXCLUSIVE */

/* Does a change of what a refresh relies on ask for a lock in this mode? */
extern bool pgt_is_lock_of_definition(const LOCKTAG *tag, LOCKMODE mode);

/*
 * Held SHARE by a refresh that reads the source, EXCLUSIVE by a change of its
 * set of partitions or children.
 */
extern void pgt_lock_source_shape(Oid relid, LOCKMODE mode);

/* Taken to close, open or empty segments; false if somebody else does. */
extern bool pgt_try_lock_segments(int64 track_id);
extern void pgt_lock_segments(int64 track_id); /* waits */

/*
 * Held by the transaction that fills a stream table for the first time, from
 * before its snapshot: nobody else can see its frontier yet, so nobody may
 * judge what is drained.
 */
extern void pgt_hold_segments(int64 track_id);

/*
 * Create a table or view (RELKIND_..., RELPERSISTENCE_...) that is a part of
 * ours: it has no ACL, and is a member of no extension.  "options" are its
 * storage options.
 */
extern Oid pgt_create_part_relation(const char *name, Oid schema, char kind,
									char persistence, TupleDesc desc,
									Oid owner, Datum options);

/*
 * Create a table of ours: no column is NOT NULL, toast table if needed.  It
 * belongs to the bootstrap superuser, "reader" may SELECT.  It goes away with
 * relation "owner_of" (InvalidOid: with none).  "options" is a list of
 * DefElem: storage parameters, e.g. fillfactor.
 */
extern Oid pgt_create_internal_table(const char *schema, const char *name,
									 TupleDesc desc, Oid reader,
									 Oid owner_of, List *options);

/*
 * Let "reader", and no other role than the owner, read a table of ours.
 */
extern void pgt_set_reader(Oid relid, Oid reader);

extern Oid pgt_relation_owner(Oid relid);
extern Oid pgt_owner_if_there(Oid relid); /* InvalidOid: it is not */

extern void pgt_drop_internal_relation(Oid relid);

/* A btree index on columns of an internal table. */
extern Oid pgt_create_internal_index(Oid relid, const char *name, int ncols,
									 const AttrNumber *attnos, bool unique);

/* A valid index that begins with these columns, or InvalidOid. */
extern Oid pgt_find_internal_index(Relation rel, int ncols,
								   const AttrNumber *attnos);

#endif /* PGT_CATALOG_H */
