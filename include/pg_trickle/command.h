/*-------------------------------------------------------------------------
 *
 * command.h
 *	  The commands on stream tables, under the SQL functions and, later, under
 *	  the SQL syntax.
 *
 * Layer: command
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_COMMAND_H
#define PGT_COMMAND_H

#include "fmgr.h"
#include "nodes/parsenodes.h"
#include "nodes/primnodes.h"
#include "utils/array.h"

#include "pg_trickle/catalog.h"
#include "pg_trickle/normal_form.h"

typedef struct CreateRequest
{
	RangeVar *name;
	const char *query; /* text of the defining query */
	const char *schedule;
	RefreshMode mode;
	bool initialize;
	bool if_not_exists;
	List *column_names; /* of String: instead of the query's */
	StreamOptions options;
	uint64 *rows; /* receives how many were inserted, or NULL */
} CreateRequest;

/* Returns the OID of the table; InvalidOid if it existed (a NOTICE). */
extern Oid pgt_create_stream_table(const CreateRequest *request);

/* What to change; NULL keeps what is. */
typedef struct AlterRequest
{
	const char *query;
	List *column_names; /* of String: instead of the query's */
	const char *schedule;
	const RefreshMode *mode;
	const StreamStatus *status;
	const Tier *tier;
	const DiamondConsistency *diamond_consistency;
	const DiamondPolicy *diamond_policy;
	const int64 *fuse_ceiling;
	uint64 *rows; /* receives how many were inserted, if any were; or NULL */
} AlterRequest;

/* The caller has locked the table and checked who owns it. */
extern void pgt_alter_stream_table(Oid relid, const AlterRequest *request);
extern bool pgt_replace_query(StreamTable *st, const Query *query,
							  const NormalForm *form);
extern void pgt_refill(StreamTable *st, bool rekeyed, uint64 *rows);
extern void pgt_store_definition(StreamTable *st);

/*
 * The same; if there is a stream table of that name, it gets this definition,
 * in place, and is filled, "initialize" or not.
 */
extern Oid pgt_create_or_replace(const CreateRequest *request);

/* The arguments of create_stream_table() and its kin (create_sql.c). */
extern char *pgt_required_text(FunctionCallInfo fcinfo, int argno,
							   const char *name);
extern void pgt_read_create_request(FunctionCallInfo fcinfo,
									CreateRequest *request);

/* Error 42501 if the current user may not run the query (validate.c). */
extern void pgt_check_select(const Query *query);

/* The query as it is now, all names qualified (query_text.c). */
extern char *pgt_current_query_text(const StreamTable *st);
extern bool pgt_is_current_query(const StreamTable *st, const Query *query);

/*
 * After REASSIGN OWNED: let whoever owns a source or a stream table now read
 * what we keep of it, and nobody else (stream_ddl.c).
 */
extern void pgt_follow_owners(void);

/* The pieces that creating and altering share (definition.c). */
extern void pgt_check_definition(const char *text, const NormalForm *form,
								 RefreshMode mode);
extern List *pgt_readable_sources(const NormalForm *form);
extern void pgt_track_sources(StreamTable *st, const NormalForm *form);
extern void pgt_untrack_unused_sources(void);
extern bool pgt_sources_are_recorded(const StreamTable *st,
									 const NormalForm *form);
extern void pgt_note_recomputation(Oid relid, const NormalForm *form,
								   RefreshMode mode);
extern void pgt_note_other_owners(const StreamTable *st);
extern ColumnDef *pgt_column_definition(const TargetEntry *tle);

/* What a definition consists of besides the table (parts.c). */
extern void pgt_create_parts(StreamTable *st, const Query *query,
							 const NormalForm *form);
extern void pgt_drop_parts(const StreamTable *st);

/*
 * The stream table of that name (as users write names), locked with "mode";
 * errors 42P01 no such table, 42809 no stream table.  With "must_own" also
 * 42501.
 */
extern StreamTable *pgt_stream_by_name(text *name, LOCKMODE mode,
									   bool must_own);

/* The same by the first argument of a function, "name text"; also 22004. */
extern StreamTable *pgt_stream_argument(FunctionCallInfo fcinfo,
										LOCKMODE mode, bool must_own);

/*
 * The same by a range variable.  If there is no such relation: NULL and a
 * NOTICE with "missing_ok".  "hint" is for one that is no stream table.
 */
extern StreamTable *pgt_stream_by_range_var(const RangeVar *name,
											LOCKMODE mode, bool must_own,
											bool missing_ok,
											const char *hint);

/*
 * The stream table that the server is about to drop by its name, locked so that
 * it stays that; errors 42809 and 42501 as DROP TABLE.  With "missing_ok" NULL,
 * without a word, if there is no such relation.
 */
extern StreamTable *pgt_lock_dropped_stream(const RangeVar *name,
											bool missing_ok);
extern RangeVar *pgt_range_var(text *name);

/* Arguments of functions for the owners of sources (source_argument.c). */
extern void pgt_require_argument(FunctionCallInfo fcinfo, int argno,
								 const char *name);
extern Oid pgt_own_source_by_name(text *name);
extern Oid pgt_own_source_argument(FunctionCallInfo fcinfo,
								   const char *function);
extern Oid pgt_own_relation_argument(FunctionCallInfo fcinfo,
									 const char *function);

/* The members of a text[], of text; error 22004 naming it. */
extern List *pgt_text_members(ArrayType *array, const char *name);

/* NOTICEs for gates on what a refresh on request reads (control_sql.c). */
extern void pgt_note_gates(const StreamTable *st);
extern void pgt_check_schema(Oid schema);

/* ---- stream_ddl.c ---- */

/*
 * After triggers of a relation were dropped or replaced: if it is a stream
 * table that lacks a guard now, error 42501 unless a superuser did that; then
 * the next refresh recomputes.
 */
extern void pgt_look_for_guards(Oid relid);

/* ---- references.c ---- */

/*
 * Error 42809 if an object, or a part of it, depends on a log, a state or a
 * query view.
 */
extern void pgt_check_references(const ObjectAddress *object);

/* Error 0A000 if a stream table depends on something in a temporary schema. */
extern void pgt_refuse_temporary_objects(Oid relid);

/* ---- column_type.c ---- */

extern void pgt_check_column_types(const AlterTableStmt *stmt);

#endif /* PGT_COMMAND_H */
