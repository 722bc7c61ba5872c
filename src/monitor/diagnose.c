/*-------------------------------------------------------------------------
 *
 * diagnose.c
 *	  diagnose_errors(): what went wrong with a stream table, and what helps?
 *
 * Read from the history, where a message ends with its code:
 *
 *		division by zero (SQLSTATE 22012)
 *
 * The remedy of the last error is kept with the stream table, with the hint
 * that the error had; for older ones there is what is known of the code.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "pg_trickle/command.h"
#include "pg_trickle/failure.h"

#include "monitor.h"

PG_FUNCTION_INFO_V1(pgt_sql_diagnose_errors);

#define MAX_ERRORS 20
#define MAX_HISTORY 1000 /* rows to look for them in */

#define CODE_LENGTH 5
#define CODE_PREFIX " (SQLSTATE "

/* Classes of errors for people; the first that fits. */
static const struct
{
	const char *prefix; /* of the code */
	const char *type;
} types[] = {
	{"40", "conflict"},
	{"55", "lock or state"},
	{"57", "cancelled"},
	{"42501", "privileges"},
	{"28", "privileges"},
	{"53", "resources"},
	{"54", "resources"},
	{"22", "data"},
	{"21", "data"},
	{"23", "constraint"},
	{"42", "definition"},
	{"0A", "definition"},
	{"XX", "corruption or bug"},
};

static const char *
error_type(const char *code)
{
	for (int i = 0; i < (int) lengthof(types); i++)
	{
		if (strncmp(code, types[i].prefix, strlen(types[i].prefix)) == 0)
			return types[i].type;
	}

	return "other";
}

/* The code at the end of a message; NULL: there is none. */
static char *
error_code(const char *message)
{
	size_t length = strlen(message);
	size_t end = strlen(CODE_PREFIX) + CODE_LENGTH + 1;
	const char *start = message + length - end;

	if (length < end || message[length - 1] != ')' ||
		strncmp(start, CODE_PREFIX, strlen(CODE_PREFIX)) != 0)
		return NULL;

	return pnstrdup(start + strlen(CODE_PREFIX), CODE_LENGTH);
}

/* The hint that is kept with the last error, if this is that one. */
static const char *
kept_hint(const StreamTable *st, const char *message)
{
	const char *hint;

	if (st->last_error == NULL ||
		strncmp(st->last_error, message, strlen(message)) != 0)
		return NULL;

	hint = strstr(st->last_error, "\nHINT:  ");
	return hint == NULL ? NULL : hint + strlen("\nHINT:  ");
}

static const char *
remedy(const StreamTable *st, const char *message, const char *code)
{
	const char *text = kept_hint(st, message);

	if (text == NULL && code != NULL)
		text = pgt_error_remedy(MAKE_SQLSTATE(code[0], code[1], code[2],
											  code[3], code[4]));

	return text != NULL ? text :
						  "Remove the cause, then run pgtrickle.resume_stream_table() if it is suspended.";
}

static void
put_error(FunctionCallInfo fcinfo, const StreamTable *st,
		  const RefreshRecord *record)
{
	char *code = error_code(record->error);
	AnswerRow row = {0};

	pgt_add_time(&row, record->end_time);
	pgt_add_text(&row, code == NULL ? "other" : error_type(code));
	pgt_add_text(&row, code);
	pgt_add_text(&row, record->error);
	pgt_add_text(&row, remedy(st, record->error, code));
	pgt_put_row(fcinfo, &row);
}

/*
 * diagnose_errors(name text) returns setof (failed_at, error_type, error_code,
 * error_message, remedy): its last errors, newest first, of which at most 20
 * are shown.
 */
Datum
pgt_sql_diagnose_errors(PG_FUNCTION_ARGS)
{
	StreamTable *st = pgt_stream_argument(fcinfo, AccessShareLock, true);
	int n = 0;
	ListCell *lc;

	InitMaterializedSRF(fcinfo, 0);
	foreach (lc, pgt_read_history(st->pgt_id, MAX_HISTORY))
	{
		const RefreshRecord *record = lfirst(lc);

		/* A refresh that recomputed after an error of its delta is fine. */
		if (strcmp(record->status, "FAILED") != 0)
			continue;
		put_error(fcinfo, st, record);
		if (++n == MAX_ERRORS)
			break;
	}

	return (Datum) 0;
}
