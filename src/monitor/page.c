/*-------------------------------------------------------------------------
 *
 * page.c
 *	  status_page(): the whole state as one HTML document.
 *
 *		psql -XAtqc "SELECT pgtrickle.status_page(60)" > status.html
 *
 * It needs nothing else: no script, no other file, no connection.  All that
 * comes from names, errors and settings goes through pgt_html_text(), and what
 * is shown of it is what the status functions show to the same user.  The
 * document is HTML for browsers and XML for who checks it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "commands/dbcommands.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "pg_trickle/launcher.h"
#include "pg_trickle/pool.h"

#include "page.h"
#include "processes.h"

PG_FUNCTION_INFO_V1(pgt_sql_status_page);

char *
pgt_time_text(TimestampTz when)
{
	pg_time_t seconds = timestamptz_to_time_t(when);
	char text[64];

	pg_strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %Z",
				pg_localtime(&seconds, session_timezone));
	return pstrdup(text);
}

/* ---- how it is all in all ---- */

typedef struct Totals
{
	int bad;
	int late;
	int64 oldest; /* age in microseconds */
	int64 log_bytes;
	TimestampTz last_refresh;
	int findings[SEVERITY_CRITICAL + 1];
} Totals;

static Totals
add_up(const StatusPage *page)
{
	Totals totals = {0};
	ListCell *lc;

	foreach (lc, page->streams)
	{
		const PageStream *stream = lfirst(lc);

		totals.bad += strcmp(pgt_stream_state(stream->st), "active") != 0;
		totals.late += stream->late;
		totals.oldest = Max(totals.oldest, stream->age);
		totals.last_refresh = Max(totals.last_refresh,
								  stream->st->last_refresh_at);
	}
	foreach (lc, page->health->sources)
		totals.log_bytes += ((SourceHealth *) lfirst(lc))->bytes;
	foreach (lc, page->health->findings)
		totals.findings[((Finding *) lfirst(lc))->severity]++;

	return totals;
}

static const char *
style_of(const Totals *totals)
{
	if (totals->findings[SEVERITY_CRITICAL] > 0)
		return "bad";

	return totals->findings[SEVERITY_WARNING] > 0 ? "warn" : "good";
}

static char *
words_of(const Totals *totals)
{
	int critical = totals->findings[SEVERITY_CRITICAL];
	int warnings = totals->findings[SEVERITY_WARNING];

	if (critical == 0 && warnings == 0)
		return pstrdup("All is well");
	if (warnings == 0)
		return psprintf("%d critical", critical);
	if (critical == 0)
		return psprintf("%d %s", warnings,
						warnings == 1 ? "warning" : "warnings");

	return psprintf("%d critical, %d %s", critical, warnings,
					warnings == 1 ? "warning" : "warnings");
}

/* ---- head ---- */

static void
write_head(StatusPage *page, const char *database, const Totals *totals,
		   int reload)
{
	StringInfo out = page->out;

	appendStringInfo(out,
					 "<!DOCTYPE html>\n"
					 "<html xmlns=\"http://www.w3.org/1999/xhtml\""
					 " lang=\"en\">\n<head>\n"
					 "<meta charset=\"utf-8\"/>\n"
					 "<meta http-equiv=\"Content-Security-Policy\""
					 " content=\"%s\"/>\n"
					 "<meta name=\"viewport\""
					 " content=\"width=device-width, initial-scale=1\"/>\n"
					 "<meta name=\"color-scheme\" content=\"light dark\"/>\n"
					 "<meta name=\"referrer\" content=\"no-referrer\"/>\n"
					 "<meta name=\"robots\" content=\"noindex\"/>\n",
					 pgt_page_policy());
	if (reload > 0)
		appendStringInfo(out,
						 "<meta http-equiv=\"refresh\" content=\"%d\"/>\n",
						 reload);
	appendStringInfo(out, "<title>%s: ", words_of(totals));
	pgt_html_text(out, database);
	appendStringInfo(out, "</title>\n<style>%s</style>\n</head>\n<body>\n",
					 pgt_page_style);
}

static void
write_header(StatusPage *page, const char *database, const Totals *totals)
{
	StringInfo out = page->out;

	appendStringInfoString(out, "<header><div><h1>Stream tables of <bdi>");
	pgt_html_text(out, database);
	appendStringInfoString(out, "</bdi></h1>\n<p>As of ");
	pgt_html_text(out, pgt_time_text(page->now));
	appendStringInfo(out, "</p></div>\n"
						  "<p class=\"overall %s\">%s</p></header>\n<main>\n",
					 style_of(totals), words_of(totals));
}

/* ---- numbers that are read from across the room ---- */

static void
put_tile(StatusPage *page, const char *style, const char *value,
		 const char *label)
{
	appendStringInfo(page->out,
					 "<li class=\"%s\"><b>%s</b><span>%s</span></li>\n",
					 style, value, label);
}

static void
write_tiles(StatusPage *page, const Totals *totals)
{
	int total = list_length(page->streams);

	appendStringInfoString(page->out, "<ul class=\"tiles\">\n");
	put_tile(page, "idle", pgt_count_text(total), "stream tables");
	put_tile(page, totals->bad > 0 ? "bad" : "good",
			 pgt_count_text(totals->bad), "not active");
	put_tile(page, totals->late > 0 ? "warn" : "good",
			 pgt_count_text(totals->late), "late by their schedule");
	put_tile(page, "idle",
			 totals->oldest == 0 ? "current" :
								   pgt_duration_text(totals->oldest / 1000.0),
			 "behind at most");
	put_tile(page, "idle",
			 totals->last_refresh == 0 ?
				 "never" :
				 pgt_duration_text((page->now - totals->last_refresh) / 1000.0),
			 totals->last_refresh == 0 ? "refreshed" :
										 "since the last refresh");
	put_tile(page, "idle", pgt_size_text(totals->log_bytes),
			 "in the logs of sources");
	put_tile(page, pgt_scheduler_works() ? "good" : "warn",
			 pgt_scheduler_text(), "scheduler");
	appendStringInfoString(page->out, "</ul>\n");
}

/* ---- what health_check() says ---- */

/* So that the picture is on the first screen, too. */
#define OPEN_FINDINGS 6

static const char *const severity_styles[] = {
	[SEVERITY_OK] = "good",
	[SEVERITY_WARNING] = "warn",
	[SEVERITY_CRITICAL] = "bad",
};

static void
put_finding(StatusPage *page, const Finding *finding)
{
	appendStringInfoString(page->out, "<li>");
	pgt_page_badge(page, severity_styles[finding->severity],
				   pgt_severity_name(finding->severity));
	appendStringInfoString(page->out, "<bdi>");
	pgt_html_text(page->out, finding->detail);
	appendStringInfoString(page->out, "</bdi></li>\n");
}

/* The worst come first, those of a kind in the order of the checks. */
static List *
sorted_findings(const Health *health)
{
	List *sorted = NIL;
	ListCell *lc;

	for (int i = SEVERITY_CRITICAL; i >= SEVERITY_OK; i--)
	{
		foreach (lc, health->findings)
		{
			if (((Finding *) lfirst(lc))->severity == (Severity) i)
				sorted = lappend(sorted, lfirst(lc));
		}
	}

	return sorted;
}

/* Those from "first" on, before "end". */
static void
put_findings(StatusPage *page, List *findings, int first, int end)
{
	appendStringInfoString(page->out, "<ul class=\"findings\">\n");
	for (int i = first; i < end; i++)
		put_finding(page, list_nth(findings, i));
	appendStringInfoString(page->out, "</ul>\n");
}

static void
put_folded(StatusPage *page, List *findings, int first, int end,
		   const char *what)
{
	if (first >= end)
		return;

	appendStringInfo(page->out, "<details><summary>%d %s</summary>\n",
					 end - first, what);
	put_findings(page, findings, first, end);
	appendStringInfoString(page->out, "</details>\n");
}

static void
write_findings(StatusPage *page, const Totals *totals)
{
	List *findings = sorted_findings(page->health);
	int all = list_length(findings);
	int wrong = all - totals->findings[SEVERITY_OK];
	int open = Min(wrong, OPEN_FINDINGS);

	appendStringInfoString(page->out,
						   "<section id=\"checks\"><h2>Checks</h2>\n");
	if (wrong > 0)
		put_findings(page, findings, 0, open);
	put_folded(page, findings, open, wrong, "more");
	put_folded(page, findings, wrong, all, "checks are fine");
	appendStringInfoString(page->out, "</section>\n");
}

/* ---- where this is ---- */

static void
put_fact(StatusPage *page, const char *what, const char *value)
{
	appendStringInfo(page->out, "<div><dt>%s</dt><dd><bdi>", what);
	pgt_html_text(page->out, value);
	appendStringInfoString(page->out, "</bdi></dd></div>\n");
}

static char *
scheduler_details(void)
{
	SchedulerStatus status = pgt_scheduler_status(MyDatabaseId);

	if (status.pid == 0)
		return pstrdup(pgt_scheduler_text());

	return psprintf("%s, process %d since %s, restarted %d times",
					pgt_scheduler_text(), status.pid,
					pgt_time_text(status.since), status.restarts);
}

static void
write_facts(StatusPage *page, const char *database)
{
	const char *cluster = GetConfigOption("cluster_name", true, false);
	const char *version = pgt_extension_version();

	appendStringInfoString(page->out,
						   "<section id=\"facts\"><h2>Server</h2>\n"
						   "<dl class=\"facts\">\n");
	put_fact(page, "Database", database);
	if (cluster != NULL && cluster[0] != '\0')
		put_fact(page, "Cluster", cluster);
	put_fact(page, "Server",
			 psprintf("PostgreSQL %s, %s",
					  GetConfigOption("server_version", false, false),
					  RecoveryInProgress() ? "standby" : "primary"));
	put_fact(page, "Running since", pgt_time_text(PgStartTime));
	put_fact(page, "Extension",
			 psprintf("pg_trickle %s, %s", version == NULL ? "?" : version,
					  pgt_is_preloaded() ? "preloaded" : "not preloaded"));
	put_fact(page, "Scheduler", scheduler_details());
	put_fact(page, "Refreshes running now",
			 pgt_count_text(pgt_pool_running(MyDatabaseId)));
	put_fact(page, "As seen by", GetUserNameFromId(GetUserId(), false));
	appendStringInfoString(page->out, "</dl></section>\n");
}

/* ---- the document ---- */

static void
gather(StatusPage *page, StringInfo out)
{
	page->out = out;
	page->health = pgt_check_health();
	page->controls = pgt_read_controls();
	page->now = GetCurrentTimestamp();
	page->streams = pgt_page_streams(page);
}

/*
 * status_page(reload_seconds integer) returns text: an HTML document of what
 * the current user may see, which browsers load again after that many seconds;
 * 0 or NULL: they do not.  Error 22023 if it is negative.
 */
Datum
pgt_sql_status_page(PG_FUNCTION_ARGS)
{
	int reload = PG_ARGISNULL(0) ? 0 : PG_GETARG_INT32(0);
	char *database = get_database_name(MyDatabaseId);
	StringInfoData out;
	StatusPage page = {0};
	Totals totals;

	if (reload < 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("reload_seconds must not be negative"),
				errhint("Use 0 for a page that is not loaded again."));

	initStringInfo(&out);
	gather(&page, &out);
	totals = add_up(&page);
	write_head(&page, database, &totals, reload);
	write_header(&page, database, &totals);
	write_tiles(&page, &totals);
	write_findings(&page, &totals);
	pgt_page_write_dag(&page);
	pgt_page_write_streams(&page);
	pgt_page_write_errors(&page);
	pgt_page_write_refreshes(&page);
	pgt_page_write_logs(&page);
	pgt_page_write_controls(&page);
	write_facts(&page, database);
	appendStringInfoString(&out,
						   "</main>\n<footer>Made by pgtrickle.status_page()."
						   "</footer>\n</body></html>\n");
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}
