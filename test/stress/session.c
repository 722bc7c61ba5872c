/*
 * session.c
 *	  Connections to the server that are not waited for.
 *
 * One thread drives all sessions: a statement is sent to one that is idle,
 * and its result collected when it has come.  So the driver decides who goes
 * next, and a session that waits for a lock does not stop the others.
 */
#include "stress.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Longer than any statement should take, short enough to look into it. */
#define STUCK_SECONDS 120

double
now_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

/*
 * A warning says that a refresh had to recompute because its delta did not
 * fit, or that something else is wrong: both end the run.
 */
static void
receive_notice(void *arg, const PGresult *result)
{
	const char *severity =
		PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);

	trace("-- %s: %s", (const char *) arg, PQresultErrorMessage(result));
	if (severity != NULL && strcmp(severity, "WARNING") == 0 &&
		!coverage.crashing)
		fail("%s got a warning: %s", (const char *) arg,
			 PQresultErrorMessage(result));
}

static const char *
role(const Session *session)
{
	return session->writer ? "writer" : "refresher";
}

static void
session_name(const Session *session, char name[40])
{
	snprintf(name, 40, "%s %d", role(session), session->number);
}

/* What is told of a source that is suspended, or whose fuse has blown. */
static bool
is_about_stopped_source(const PGresult *result)
{
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	return message != NULL && strstr(message, "source \"") != NULL &&
		   (strstr(message, "is suspended") != NULL ||
			strstr(message, "has blown") != NULL);
}

static void
receive_notice_of_session(void *arg, const PGresult *result)
{
	Session *session = arg;
	char name[40];

	session_name(session, name);
	session->source_stopped |= is_about_stopped_source(result);
	receive_notice(name, result);
}

PGconn *
connect_server(const char *name)
{
	const char *keywords[] = {"application_name", "fallback_application_name",
							  NULL};
	const char *values[] = {name, "stress", NULL};
	PGconn *conn = PQconnectdbParams(keywords, values, 0);

	if (PQstatus(conn) != CONNECTION_OK)
		fail("could not connect: %s", PQerrorMessage(conn));
	PQsetNoticeReceiver(conn, receive_notice, text_copy(name));
	return conn;
}

static void
connect_session(Session *session)
{
	char name[40];

	session_name(session, name);
	session->conn = connect_server(name);
	PQsetNoticeReceiver(session->conn, receive_notice_of_session, session);
	PQclear(run(session->conn, session->writer ? "SET lock_timeout = '500ms'" :
												 "SET lock_timeout = '2s'"));
	PQclear(run(session->conn, "SET deadlock_timeout = '50ms'"));
	if (PQsetnonblocking(session->conn, 1) != 0)
		fail("could not make the connection non-blocking");
}

Session *
session_open(bool writer, int number)
{
	Session *session = calloc(1, sizeof(Session));

	if (session == NULL)
		fail("out of memory");
	session->number = number;
	session->writer = writer;
	random_seed(&session->random, options.seed,
				(uint64_t) number * 2 + (writer ? 1 : 0) + 1);
	connect_session(session);
	return session;
}

/* What was prepared is not the session's any more. */
void
session_reconnect(Session *session)
{
	PQfinish(session->conn);
	PQclear(session->result);
	session->result = NULL;
	session->busy = false;
	session->recovering = false;
	if (session->tx.open)
		tx_end(&session->tx, false);
	plan_clear(session);
	connect_session(session);
}
void
session_close(Session *session)
{
	PQfinish(session->conn);
	plan_clear(session);
	free(session);
}

void
session_send(Session *session, const char *sql)
{
	trace("/* %s %d, %ld */ %s;", role(session), session->number, tick, sql);
	if (!PQsendQuery(session->conn, sql))
		fail("could not send: %s", PQerrorMessage(session->conn));
	PQflush(session->conn);
	session->busy = true;
	session->sent_at = now_seconds();
	coverage.statements++;
}

static void
send_copy_data(Session *session)
{
	const char *data = session->copy_data;

	if (PQputCopyData(session->conn, data, (int) strlen(data)) != 1 ||
		PQputCopyEnd(session->conn, NULL) != 1)
		fail("could not send COPY data: %s", PQerrorMessage(session->conn));
	PQflush(session->conn);
}

/* The last result of the statement, when all have come. */
PGresult *
session_collect(Session *session)
{
	PGresult *last;
	PGresult *result;

	if (!PQconsumeInput(session->conn))
		fail("the connection is lost: %s", PQerrorMessage(session->conn));
	PQflush(session->conn);
	while (!PQisBusy(session->conn))
	{
		result = PQgetResult(session->conn);
		if (result == NULL)
		{
			last = session->result;
			session->result = NULL;
			session->busy = false;
			if (last == NULL)
				fail("a statement had no result");
			return last;
		}
		PQclear(session->result);
		session->result = result;
		if (PQresultStatus(result) == PGRES_COPY_IN)
			send_copy_data(session);
		if (PQstatus(session->conn) == CONNECTION_BAD)
			fail("the connection is lost: %s", PQerrorMessage(session->conn));
	}
	if (now_seconds() - session->sent_at > STUCK_SECONDS)
		fail("%s %d waits for ever", role(session), session->number);
	return NULL;
}

/* Until one of the busy sessions has news, or so long. */
void
sessions_wait(Session *const *sessions, int n, int milliseconds)
{
	struct pollfd fds[256];
	nfds_t count = 0;

	for (int i = 0; i < n && count < 256; i++)
	{
		if (!sessions[i]->busy)
			continue;
		fds[count].fd = PQsocket(sessions[i]->conn);
		fds[count].events = POLLIN;
		fds[count++].revents = 0;
	}
	if (poll(fds, count, milliseconds) < 0 && errno != EINTR)
		fail("poll failed: %s", strerror(errno));
}

PGresult *
run(PGconn *conn, const char *sql)
{
	PGresult *result;

	trace("/* main */ %s;", sql);
	result = PQexec(conn, sql);
	if (!result_ok(result))
		fail("%s\nin: %s", PQresultErrorMessage(result), sql);
	return result;
}

bool
result_ok(const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

const char *
result_state(const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	return state == NULL ? "" : state;
}

/* A refresh on request while all are drained, or of what has another name. */
static bool
is_held_back(const PGresult *result)
{
	const char *state = result_state(result);
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	if (message == NULL)
		return false;
	if (strcmp(state, "55000") == 0)
		return strstr(message, "drained") != NULL ||
			   strstr(message, "suspended") != NULL;
	return strcmp(state, "42P01") == 0 || strcmp(state, "42703") == 0 ||
		   strcmp(state, "55006") == 0;
}

static bool
is_session(int pid)
{
	if (PQbackendPID(main_conn) == pid || PQbackendPID(trouble_conn) == pid)
		return true;
	for (int i = 0; i < n_sessions; i++)
		if (PQbackendPID(all_sessions[i]->conn) == pid)
			return true;
	return false;
}

/* Sessions may block each other; with automatic refreshes they never do. */
static void
check_deadlock(const PGresult *result)
{
	const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);

	coverage.deadlocks++;
	while (detail != NULL && (detail = strstr(detail, "rocess ")) != NULL)
	{
		detail += strlen("rocess ");
		if (!is_session(atoi(detail)))
			fail("a deadlock with process %d, which is no session: %s",
				 atoi(detail), PQresultErrorMessage(result));
	}
}

bool
expected_error(const PGresult *result)
{
	static const char *const conflicts[] = {
		"23505", /* two sessions, or one, insert a key twice */
		"23503", /* a line of a document that is gone */
		"23514", /* a row for another partition */
		"40P01", /* deadlock */
		"55P03", /* lock timeout */
	};
	const char *state = result_state(result);

	if (options.automatic && is_held_back(result))
		return true;
	if (strcmp(state, "40P01") == 0)
		check_deadlock(result);
	if (strcmp(state, "40001") == 0)
	{
		coverage.serialization++;
		return true;
	}
	for (size_t i = 0; i < sizeof(conflicts) / sizeof(conflicts[0]); i++)
	{
		if (strcmp(state, conflicts[i]) != 0)
			continue;
		coverage.conflicts++;
		return true;
	}
	return false;
}
