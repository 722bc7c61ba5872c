/*-------------------------------------------------------------------------
 *
 * page_streams.c
 *	  The stream tables of the page, and what went wrong with them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "utils/syscache.h"

#include "pg_trickle/progress.h"

#include "page.h"

/* How many refreshes of each are read. */
#define RECORDS 20

/* What helps if the error did not say so. */
static const char any_remedy[] =
	"Remove the cause, then run pgtrickle.resume_stream_table() if it is suspended.";

#define HINT "\nHINT:  "

/* By the words of pgt_stream_state(), and what else there is to say. */
static const PageState states[] = {
	{"active", "good", 0},
	{"waiting", "idle", 1},
	{"unfilled", "idle", 2},
	{"refreshing", "busy", 3},
	{"late", "warn", 4},
	{"error", "warn", 5},
	{"blown", "bad", 6},
	{"suspended", "bad", 7},
};

static const PageState *
state_called(const char *word)
{
	for (int i = 0; i < (int) lengthof(states); i++)
	{
		if (strcmp(states[i].word, word) == 0)
			return &states[i];
	}

	return &states[0];
}

/* ---- gathering ---- */

static bool
is_refreshing(const StreamTable *st, List *progress)
{
	ListCell *lc;

	foreach (lc, progress)
	{
		if (((Progress *) lfirst(lc))->pgt_id == st->pgt_id)
			return true;
	}

	return false;
}

/* Does a gate or a watermark keep it?  For those who see what it reads. */
static bool
is_held(const StatusPage *page, const StreamTable *st)
{
	Controls *controls = page->controls;

	if (!pgt_may_see_parts(st))
		return false;

	return (controls->gates != NIL &&
			pgt_find_gate(controls, pgt_direct_dependencies(st->pgt_id)) !=
				NULL) ||
		   (controls->groups != NIL &&
			pgt_misaligned_group(controls,
								 pgt_all_dependencies(st->pgt_id)) != NULL);
}

static const PageState *
find_state(const StatusPage *page, const PageStream *stream, List *progress)
{
	const PageState *state = state_called(pgt_stream_state(stream->st));

	if (strcmp(state->style, "bad") == 0 || strcmp(state->style, "warn") == 0)
		return state;
	if (is_refreshing(stream->st, progress))
		return state_called("refreshing");
	if (is_held(page, stream->st))
		return state_called("waiting");

	return stream->late ? state_called("late") : state;
}

static int64
planner_rows(Oid relid)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	double rows = -1;

	if (HeapTupleIsValid(tuple))
	{
		rows = ((Form_pg_class) GETSTRUCT(tuple))->reltuples;
		ReleaseSysCache(tuple);
	}

	return rows < 0 ? -1 : (int64) rows;
}

static int
compare_streams(const ListCell *a, const ListCell *b)
{
	const PageStream *x = lfirst(a);
	const PageStream *y = lfirst(b);

	if (x->state->urgency != y->state->urgency)
		return y->state->urgency - x->state->urgency;
	return strcmp(x->name, y->name);
}

/*
 * See page.h; the nodes of the health's graph are those of all stream tables,
 * for the schedule of one follows from others.
 */
List *
pgt_page_streams(const StatusPage *page)
{
	List *progress = pgt_progress_list(MyDatabaseId);
	List *streams = NIL;
	ListCell *lc;

	foreach (lc, page->health->dag->nodes)
	{
		DagNode *node = lfirst(lc);
		PageStream *stream;

		if (node->st == NULL || !pgt_may_see(node->st))
			continue;
		stream = palloc0(sizeof(PageStream));
		stream->st = node->st;
		stream->name = pgt_one_line(node->name);
		stream->all = pgt_may_see_all(node->st);
		stream->age = pgt_age(page->health->ages, node->st);
		stream->late = pgt_is_late(page->health->ages, node);
		stream->rows = planner_rows(node->relid);
		stream->state = find_state(page, stream, progress);
		stream->records = pgt_read_history(node->st->pgt_id, RECORDS);
		streams = lappend(streams, stream);
	}
	list_sort(streams, compare_streams);
	return streams;
}

const PageStream *
pgt_page_stream(const StatusPage *page, Oid relid)
{
	ListCell *lc;

	foreach (lc, page->streams)
	{
		const PageStream *stream = lfirst(lc);

		if (stream->st->relid == relid)
			return stream;
	}

	return NULL;
}

char *
pgt_page_age(const PageStream *stream)
{
	if (stream->age < 0)
		return pstrdup("never filled");
	if (stream->age == 0)
		return pstrdup("current");

	return pgt_duration_text(stream->age / 1000.0);
}

void
pgt_page_badge(StatusPage *page, const char *style, const char *word)
{
	appendStringInfo(page->out, "<span class=\"badge %s\">%s</span>", style,
					 word);
}

/* ---- the table ---- */

static const char *const stream_titles[] = {
	"Stream table", "State", "Behind", "Mode", "Schedule", "Refreshed",
	"#Took", "#Rows", "#Last change", "#Errors"};

static void
put_changes(HtmlTable *table, const RefreshRecord *last)
{
	pgt_html_begin_cell(table);
	if (last != NULL)
		appendStringInfo(table->out,
						 "<span class=\"nowrap\">+%s &#8722;%s</span>",
						 pgt_count_text(last->rows_inserted),
						 pgt_count_text(last->rows_deleted));
	pgt_html_end_cell(table);
}

/* Newer than now, if it ended after this statement began. */
static char *
ago(const StatusPage *page, TimestampTz when)
{
	if (when == 0)
		return NULL;

	return psprintf("%s ago",
					pgt_duration_text((page->now - when) / 1000.0));
}

static char *
schedule_text(const StreamTable *st)
{
	if (st->options.tier == TIER_HOT)
		return st->schedule;

	return psprintf("%s, %s", st->schedule, pgt_tier_name(st->options.tier));
}

static char *
rows_text(int64 rows)
{
	return rows < 0 ? NULL : psprintf("~%s", pgt_count_text(rows));
}

static char *
duration_of(const RefreshRecord *record)
{
	return pgt_duration_text((record->end_time - record->start_time) / 1000.0);
}

static void
put_stream(StatusPage *page, HtmlTable *table, const PageStream *stream)
{
	const StreamTable *st = stream->st;
	const RefreshRecord *last = NULL;

	if (stream->records != NIL)
		last = linitial(stream->records);

	pgt_html_begin_row(table, psprintf("st-" INT64_FORMAT, st->pgt_id));
	pgt_html_begin_cell(table);
	pgt_html_name(page->out, stream->name);
	pgt_html_end_cell(table);
	pgt_html_begin_cell(table);
	pgt_page_badge(page, stream->state->style, stream->state->word);
	pgt_html_end_cell(table);
	pgt_html_cell(table, pgt_page_age(stream));
	pgt_html_cell(table, pgt_mode_name(st->mode));
	pgt_html_cell(table, schedule_text(st));
	pgt_html_cell(table, ago(page, st->last_refresh_at));
	pgt_html_cell(table, last == NULL ? NULL : duration_of(last));
	pgt_html_cell(table, rows_text(stream->rows));
	put_changes(table, last);
	pgt_html_cell(table, pgt_count_text(st->consecutive_errors));
	pgt_html_end_row(table);
}

void
pgt_page_write_streams(StatusPage *page)
{
	HtmlTable table;
	ListCell *lc;

	if (page->streams == NIL)
		return;

	appendStringInfoString(page->out,
						   "<section id=\"stream-tables\">"
						   "<h2>Stream tables</h2>\n");
	table = pgt_html_begin_table(page->out,
								 "What needs somebody comes first; how many "
								 "rows there are is an estimate.",
								 stream_titles, lengthof(stream_titles));
	foreach (lc, page->streams)
		put_stream(page, &table, lfirst(lc));
	pgt_html_end_table(&table);
	appendStringInfoString(page->out, "</section>\n");
}

/* ---- errors ---- */

static const char *const error_titles[] = {
	"Stream table", "Error", "What helps", "#In a row", "Next try"};

/* Until somebody has dealt with it, or at once: nothing to wait for. */
static const char *
next_try(const StatusPage *page, const StreamTable *st)
{
	if (st->status == STREAM_SUSPENDED || st->fuse_blown_at != 0)
		return "on request";

	return st->retry_at <= page->now ? NULL : pgt_time_text(st->retry_at);
}

static void
put_error(StatusPage *page, HtmlTable *table, const PageStream *stream)
{
	const StreamTable *st = stream->st;
	const char *hint = strstr(st->last_error, HINT);
	const char *message = st->last_error;

	if (hint != NULL)
		message = pnstrdup(message, hint - message);
	pgt_html_begin_row(table, NULL);
	pgt_html_begin_cell(table);
	pgt_html_name(page->out, stream->name);
	pgt_html_end_cell(table);
	pgt_html_begin_cell(table);
	appendStringInfoString(page->out, "<bdi class=\"message\">");
	pgt_html_text(page->out, message);
	appendStringInfoString(page->out, "</bdi>");
	pgt_html_end_cell(table);
	pgt_html_cell(table, hint == NULL ? any_remedy : hint + strlen(HINT));
	pgt_html_cell(table, pgt_count_text(st->consecutive_errors));
	pgt_html_cell(table, next_try(page, st));
	pgt_html_end_row(table);
}

/*
 * The last error of each, until a refresh succeeds: for owners.
 */
void
pgt_page_write_errors(StatusPage *page)
{
	HtmlTable table = {0};
	ListCell *lc;

	foreach (lc, page->streams)
	{
		const PageStream *stream = lfirst(lc);

		if (!stream->all || stream->st->last_error == NULL)
			continue;
		if (table.out == NULL)
		{
			appendStringInfoString(page->out,
								   "<section id=\"errors\">"
								   "<h2>Errors</h2>\n");
			table = pgt_html_begin_table(page->out,
										 "The last error of each of your "
										 "stream tables, until a refresh "
										 "succeeds.",
										 error_titles, lengthof(error_titles));
		}
		put_error(page, &table, stream);
	}
	if (table.out == NULL)
		return;

	pgt_html_end_table(&table);
	appendStringInfoString(page->out, "</section>\n");
}
