/*
 * page.h
 *	  The page of the whole state: between its sections.
 */
#ifndef PGT_PAGE_H
#define PGT_PAGE_H

#include "pg_trickle/control.h"

#include "health.h"
#include "html.h"

/* What a stream table is like in one word, and how that looks. */
typedef struct PageState
{
	const char *word;
	const char *style; /* "good", "idle", "busy", "warn", "bad" */
	int urgency;	   /* the higher ones come first */
} PageState;

/* A stream table as the current user may see it. */
typedef struct PageStream
{
	const StreamTable *st;
	char *name; /* on one line */
	bool all;	/* its errors, too */
	int64 age;	/* see pgt_age() */
	bool late;
	int64 rows; /* as the planner knows; -1: it does not */
	const PageState *state;
	List *records; /* of RefreshRecord: the last ones, newest first */
} PageStream;

typedef struct StatusPage
{
	StringInfo out;
	TimestampTz now;
	Health *health;
	Controls *controls;
	List *streams; /* of PageStream: first those that need somebody */
} StatusPage;

/* ---- page_streams.c ---- */

extern List *pgt_page_streams(const StatusPage *page);
extern const PageStream *pgt_page_stream(const StatusPage *page, Oid relid);

/* How far its content is behind, for people. */
extern char *pgt_page_age(const PageStream *stream);

/* A word in the colour of its kind; neither is the user's. */
extern void pgt_page_badge(StatusPage *page, const char *style,
						   const char *word);

extern void pgt_page_write_streams(StatusPage *page);
extern void pgt_page_write_errors(StatusPage *page);

/* ---- page_dag.c, page_refreshes.c, page_sources.c ---- */

extern void pgt_page_write_dag(StatusPage *page);
extern void pgt_page_write_refreshes(StatusPage *page);
extern void pgt_page_write_logs(StatusPage *page);
extern void pgt_page_write_controls(StatusPage *page);

/* ---- page_svg.c: text in pictures ---- */

/* As much of it as there is room for, in columns of a fixed width. */
extern char *pgt_page_clip(const char *text, int columns);

/* "public." is left out. */
extern const char *pgt_page_short_name(const char *name);

/* ---- page_style.c ---- */

extern const char pgt_page_style[];

/* The attribute that allows this style and nothing else. */
extern char *pgt_page_policy(void);

/* As the session has it. */
extern char *pgt_time_text(TimestampTz when);

#endif /* PGT_PAGE_H */
