/*-------------------------------------------------------------------------
 *
 * refresh_log.c
 *	  Lines of the server log that tell what refreshes did.
 *
 * For people:
 *
 *		refresh of stream table public.totals: DIFFERENTIAL (changes), 3 rows
 *		in, 1 out, 0.412 ms
 *		refresh of stream table public.shares failed after 0.391 ms (source
 *		changed): division by zero (SQLSTATE 22012)
 *
 * and for programs, as a JSON object in one line and in plain ASCII, which is
 * valid in whatever encoding the log is read (json_ascii.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/json.h"

#include "pg_trickle/json_ascii.h"
#include "pg_trickle/refresh_log.h"
#include "pg_trickle/settings.h"

/*
 * Is a refresh that took so long to be logged?
 */
bool
pgt_is_logged(double duration_ms)
{
	return pgt_log_min_duration >= 0 && duration_ms >= pgt_log_min_duration;
}

static void
add_key(StringInfo json, const char *key)
{
	appendStringInfo(json, "%s\"%s\": ", json->len > 1 ? ", " : "", key);
}

static void
add_text(StringInfo json, const char *key, const char *value)
{
	add_key(json, key);
	if (value == NULL)
		appendStringInfoString(json, "null");
	else
		escape_json(json, value);
}

static void
add_number(StringInfo json, const char *key, int64 value)
{
	add_key(json, key);
	appendStringInfo(json, INT64_FORMAT, value);
}

/* In UTF-8; what SQL_ASCII has is taken for it. */
static char *
in_utf8(char *json, int len)
{
	if (GetDatabaseEncoding() == PG_SQL_ASCII)
		return json;

	return pg_server_to_any(json, len, PG_UTF8);
}

static char *
event_to_json(const RefreshEvent *e)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	add_text(&json, "event", e->event);
	add_number(&json, "pgt_id", e->pgt_id);
	add_text(&json, "name", e->name);
	if (e->cycle_id != 0)
		add_number(&json, "cycle_id", e->cycle_id);
	else
		add_text(&json, "cycle_id", NULL);
	add_key(&json, "duration_ms");
	appendStringInfo(&json, "%.3f", e->duration_ms);
	add_text(&json, "refresh_reason", e->reason);
	add_text(&json, "action", e->action);
	add_number(&json, "rows_inserted", e->rows_inserted);
	add_number(&json, "rows_deleted", e->rows_deleted);
	add_text(&json, "error_code",
			 e->error_code != 0 ? unpack_sql_state(e->error_code) : NULL);
	add_text(&json, "msg", e->msg);
	appendStringInfoChar(&json, '}');

	return pgt_json_to_ascii(in_utf8(json.data, json.len));
}

static char *
event_to_text(const RefreshEvent *e)
{
	StringInfoData line;

	if (e->action == NULL)
		return psprintf("stream table %s: %s", e->name, e->msg);
	if (e->error_code != 0)
		return psprintf("refresh of stream table %s failed "
						"after %.3f ms (%s): %s",
						e->name, e->duration_ms, e->reason, e->msg);

	initStringInfo(&line);
	appendStringInfo(&line, "refresh of stream table %s: %s (%s), ",
					 e->name, e->action, e->reason);
	appendStringInfo(&line, INT64_FORMAT " rows in, " INT64_FORMAT " out, ",
					 e->rows_inserted, e->rows_deleted);
	appendStringInfo(&line, "%.3f ms", e->duration_ms);
	return line.data;
}

/*
 * Write a line to the server log, and nothing to the client.
 */
void
pgt_log_event(const RefreshEvent *event)
{
	char *line = pgt_log_format == LOG_FORMAT_JSON ? event_to_json(event) :
													 event_to_text(event);

	ereport(LOG_SERVER_ONLY,
			errcode(ERRCODE_SUCCESSFUL_COMPLETION),
			errmsg_internal("%s", line),
			errhidestmt(true), errhidecontext(true));
	pfree(line);
}
