/*-------------------------------------------------------------------------
 *
 * protocol.c
 *	  A client that does what it is told, line by line, and prints what the
 *	  server said to it: what psql does not do, or does not show.
 *
 *		exec SQL				a string in the simple protocol
 *		params SQL				the extended protocol, a statement at a time;
 *								"params 1,b|SQL" has two parameters
 *		prepare NAME|SQL		and "describe NAME", "run NAME", "run NAME|1,b"
 *		pipeline SQL|SQL|...	statements sent before any answer is read
 *		encoding NAME			of the client
 *
 * In a line, \n is a newline, \p a "|" and \xHH that byte.  A line is printed
 * for each result: its tag with columns and rows, or SQLSTATE, position and
 * message.  A lost connection is an answer, too: there are no more then.
 *
 *-------------------------------------------------------------------------
 */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libpq-fe.h"

#define MAX_PARTS 100

static PGconn *conn;

/* ---- lines ---- */

static int
hex_digit(char c)
{
	return isdigit((unsigned char) c) ? c - '0' : tolower(c) - 'a' + 10;
}

/* In place; returns its argument. */
static char *
unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from != '\0'; from++)
	{
		if (from[0] == '\\' && from[1] == 'x' && from[2] && from[3])
		{
			*to++ = (char) (hex_digit(from[2]) * 16 + hex_digit(from[3]));
			from += 3;
		}
		else if (from[0] == '\\' && (from[1] == 'n' || from[1] == 'p'))
			*to++ = *++from == 'n' ? '\n' : '|';
		else
			*to++ = *from;
	}
	*to = '\0';
	return text;
}

/* Cut at each separator; returns the number of parts. */
static int
cut(char *text, char separator, char **parts)
{
	int n = 0;

	parts[n++] = text;
	for (; *text != '\0' && n < MAX_PARTS; text++)
	{
		if (*text == separator)
		{
			*text = '\0';
			parts[n++] = text + 1;
		}
	}
	return n;
}

/* ---- results ---- */

static void
print_text(const char *text)
{
	for (; text != NULL && *text != '\0'; text++)
	{
		if (*text == '\n')
			printf("\\n");
		else
			putchar(*text);
	}
}

static void
print_rows(const PGresult *result)
{
	for (int i = 0; i < PQnfields(result); i++)
		printf("%s%s", i == 0 ? "|" : ",", PQfname(result, i));
	for (int row = 0; row < PQntuples(result); row++)
	{
		printf("|");
		for (int i = 0; i < PQnfields(result); i++)
		{
			printf("%s", i == 0 ? "" : ",");
			print_text(PQgetvalue(result, row, i));
		}
	}
}

static void
print_error(const PGresult *result)
{
	const char *position = PQresultErrorField(result,
											  PG_DIAG_STATEMENT_POSITION);

	printf("ERROR|%s|%s|", PQresultErrorField(result, PG_DIAG_SQLSTATE),
		   position != NULL ? position : "");
	print_text(PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
}

static void
print_result(PGresult *result)
{
	switch (PQresultStatus(result))
	{
		case PGRES_COMMAND_OK:
		case PGRES_TUPLES_OK:
			printf("%s", PQcmdStatus(result));
			print_rows(result);
			break;
		case PGRES_FATAL_ERROR:
			if (PQresultErrorField(result, PG_DIAG_SQLSTATE) != NULL)
				print_error(result);
			else
				printf("LOST");
			break;
		default:
			printf("%s", PQresStatus(PQresultStatus(result)));
	}
	printf("\n");
	PQclear(result);
}

/* All that comes, to the end of the command. */
static void
print_results(void)
{
	PGresult *result;

	while ((result = PQgetResult(conn)) != NULL)
	{
		ExecStatusType status = PQresultStatus(result);

		print_result(result);
		if (status == PGRES_COPY_OUT || status == PGRES_COPY_IN ||
			status == PGRES_COPY_BOTH)
			PQreset(conn);
	}
}

/* What a prepared statement takes and returns. */
static void
print_description(PGresult *result)
{
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
	{
		print_result(result);
		return;
	}
	printf("%d parameters", PQnparams(result));
	print_rows(result);
	printf("\n");
	PQclear(result);
}

/* ---- commands ---- */

static void
do_exec(char *argument)
{
	if (PQsendQuery(conn, unescape(argument)) != 1)
		printf("LOST\n");
	print_results();
}

/* "1,b|SQL" or "SQL" */
static void
do_params(char *argument)
{
	char *parts[MAX_PARTS];
	char *values[MAX_PARTS];
	int n = cut(argument, '|', parts) > 1 ? cut(parts[0], ',', values) : 0;

	print_result(PQexecParams(conn, unescape(parts[n > 0 ? 1 : 0]), n, NULL,
							  (const char *const *) values, NULL, NULL, 0));
}

static void
do_prepare(char *argument)
{
	char *parts[MAX_PARTS];
	PGresult *result;

	if (cut(argument, '|', parts) != 2)
		return;
	result = PQprepare(conn, parts[0], unescape(parts[1]), 0, NULL);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		print_result(result);
	else
	{
		printf("prepared\n");
		PQclear(result);
	}
}

static void
do_describe(char *argument)
{
	print_description(PQdescribePrepared(conn, argument));
}

static void
do_run(char *argument)
{
	char *parts[MAX_PARTS];
	char *values[MAX_PARTS];
	int n = cut(argument, '|', parts) > 1 ? cut(parts[1], ',', values) : 0;

	print_result(PQexecPrepared(conn, parts[0], n,
								(const char *const *) values, NULL, NULL, 0));
}

static void
do_pipeline(char *argument)
{
	char *parts[MAX_PARTS];
	int n = cut(argument, '|', parts);

	PQenterPipelineMode(conn);
	for (int i = 0; i < n; i++)
		PQsendQueryParams(conn, unescape(parts[i]), 0, NULL, NULL, NULL, NULL,
						  0);
	PQpipelineSync(conn);
	for (int i = 0; i < n; i++)
		print_results();
	PQclear(PQgetResult(conn));
	PQexitPipelineMode(conn);
}

static void
do_encoding(char *argument)
{
	if (PQsetClientEncoding(conn, argument) != 0)
		printf("%s", PQerrorMessage(conn));
}

static const struct
{
	const char *name;
	void (*run)(char *argument);
} commands[] = {
	{"exec", do_exec},
	{"params", do_params},
	{"prepare", do_prepare},
	{"describe", do_describe},
	{"run", do_run},
	{"pipeline", do_pipeline},
	{"encoding", do_encoding},
};

static bool
obey(char *line)
{
	char *argument = strchr(line, ' ');

	if (argument == NULL)
		return false;
	*argument++ = '\0';
	argument[strcspn(argument, "\n")] = '\0';
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
	{
		if (strcmp(line, commands[i].name) != 0)
			continue;
		commands[i].run(argument);
		return true;
	}

	return false;
}

static void
ignore_notice(void *arg, const PGresult *result)
{
}

/*
 * protocol CONNECTION: obeys the lines of its standard input.
 */
int
main(int argc, char **argv)
{
	static char line[1024 * 1024];

	if (argc != 2)
		return 2;
	conn = PQconnectdb(argv[1]);
	PQsetNoticeReceiver(conn, ignore_notice, NULL);
	while (PQstatus(conn) == CONNECTION_OK &&
		   fgets(line, sizeof(line), stdin) != NULL)
	{
		if (line[0] != '#' && !obey(line))
		{
			fprintf(stderr, "not a command: %s\n", line);
			return 2;
		}
		fflush(stdout);
	}

	if (PQstatus(conn) == CONNECTION_OK)
	{
		PQfinish(conn);
		return 0;
	}
	fprintf(stderr, "%s", PQerrorMessage(conn));
	return 1;
}
