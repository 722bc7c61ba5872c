/*
 * monitor.h
 *	  Between the files of src/monitor: who sees what, and rows of answers.
 */
#ifndef PGT_MONITOR_H
#define PGT_MONITOR_H

#include "fmgr.h"
#include "nodes/execnodes.h"

#include "pg_trickle/catalog.h"
#include "pg_trickle/normal_form.h"

/* ---- visible.c ---- */

/* Whoever may read the stream table may see that it is there, and how old. */
extern bool pgt_may_see(const StreamTable *st);

/* Its owner may see everything about it. */
extern bool pgt_may_see_all(const StreamTable *st);

/* All but its query and the text of its errors: its sources, their logs. */
extern bool pgt_may_see_parts(const StreamTable *st);

/* Does the current user watch the server, and so all stream tables? */
extern bool pgt_watches_all(void);

/* Those that the current user may see, by pgt_id. */
extern List *pgt_visible_streams(void);

/*
 * The stream table that the first argument, "name text", names; error 42501 if
 * it is not to be seen.
 */
extern StreamTable *pgt_visible_stream(FunctionCallInfo fcinfo);

/* Who may read a relation, or owns it, may see what holds it back. */
extern bool pgt_may_see_relation(Oid relid);

/* Does the current user own the relation?  No if it is gone. */
extern bool pgt_owns(Oid relid);

/* ---- query_lock.c ---- */

/*
 * Lock the stream table and all that its query reads ACCESS SHARE, if that is
 * free now: then pgt_view_query() and pgt_current_query_text() do not wait, and
 * find all they need.
 */
extern bool pgt_try_lock_query(const StreamTable *st);

/* ---- age.c ---- */

/*
 * How far the content of stream tables may be behind.  What was found out is
 * kept for the next question, so that many cost little more than one; all of
 * it in the memory context of the first.
 */
typedef struct Ages Ages;

extern Ages *pgt_ages(void);

/*
 * The age in microseconds: 0 if no change waits for the stream table; -1 if
 * it was never filled.  Waits for no lock.
 */
extern int64 pgt_age(Ages *ages, const StreamTable *st);
extern bool pgt_has_changes(Ages *ages, const StreamTable *st, Oid relid);

/* ---- logs.c ---- */

/* The segments in use of a log, and their size; waits for no lock. */
extern int64 pgt_log_bytes(const Source *source, int64 *segments);

/* How many rows of the logs that it reads a stream table has not seen. */
extern int64 pgt_pending_rows(const StreamTable *st);

/* ---- sources.c ---- */

/* The names of the columns of a source that the query reads, as char *. */
extern List *pgt_columns_read(const NormalForm *form, Oid relid);

/* Is it the user's, or read by a stream table whose parts it may see? */
extern bool pgt_may_see_source(const Source *source);

/* ---- status.c ---- */

/* As created or updated in this database; NULL: it goes or comes right now. */
extern char *pgt_extension_version(void);

/* ---- control.c ---- */

/* As pgt_may_see_relation(), all of them. */
extern bool pgt_may_see_relations(List *relids);

/* ---- rows.c ---- */

/* One row of an answer, filled column by column. */
typedef struct AnswerRow
{
	int ncolumns;
	Datum values[24];
	bool nulls[24];
	bool is_void; /* the relation that it is about is gone */
} AnswerRow;

/*
 * Qualified and quoted, or a word for one that was dropped a moment ago: only
 * what is locked stays while we look.
 */
extern char *pgt_shown_name(Oid relid);

extern void pgt_add_text(AnswerRow *row, const char *value); /* NULL is fine */
extern void pgt_add_relation(AnswerRow *row, Oid relid);
extern void pgt_add_bool(AnswerRow *row, bool value);
extern void pgt_add_int4(AnswerRow *row, int32 value);
extern void pgt_add_int8(AnswerRow *row, int64 value);
extern void pgt_add_float8(AnswerRow *row, double value);
extern void pgt_add_interval(AnswerRow *row, int64 usec);	 /* < 0 is NULL */
extern void pgt_add_time(AnswerRow *row, TimestampTz value); /* 0 is NULL */
extern void pgt_add_datum(AnswerRow *row, Datum value);
extern void pgt_add_null(AnswerRow *row);
extern void pgt_put_row(FunctionCallInfo fcinfo, AnswerRow *row);

#endif /* PGT_MONITOR_H */
