/*
 * refresh.c
 *	  Stream tables, and what they should be.
 *
 * The oracle is recomputation: under the snapshot of a refresh, the stream
 * table and its query have the same rows the same number of times.  Rows are
 * compared by their text, so that 1.0 and 1.00 differ.
 */
#include "stress.h"

#include <stdlib.h>
#include <string.h>

const Shape **active;
int n_active;
uint32_t active_sources;

/* ---- which shapes ---- */

static bool
is_active(const Shape *shape)
{
	for (int i = 0; i < n_active; i++)
		if (active[i] == shape)
			return true;
	return false;
}

static const Shape *
shape_named(const char *name, size_t length)
{
	for (int i = 0; i < n_shapes; i++)
		if (strlen(shapes[i].name) == length &&
			memcmp(shapes[i].name, name, length) == 0)
			return &shapes[i];
	fail("no shape \"%.*s\"", (int) length, name);
}

/* After the shapes that it reads. */
static void
activate(const Shape *shape)
{
	const char *brace = shape->query;

	if (is_active(shape))
		return;
	while ((brace = strchr(brace, '{')) != NULL)
	{
		brace++;
		activate(shape_named(brace, strcspn(brace, "}")));
	}
	active[n_active++] = shape;
	active_sources |= shape->sources;
}

static void
choose_shapes(void)
{
	const char *list = options.shapes;

	active = calloc((size_t) n_shapes, sizeof(*active));
	if (active == NULL)
		fail("out of memory");
	for (int i = 0; list == NULL && i < n_shapes; i++)
		activate(&shapes[i]);
	while (list != NULL && *list != '\0')
	{
		size_t length = strcspn(list, ",");

		activate(shape_named(list, length));
		list += length;
		list += strspn(list, ",");
	}
}

int
count_consumers(uint32_t sources)
{
	int n = 0;

	for (int i = 0; i < n_active; i++)
		if (active[i]->sources & sources)
			n++;
	return n;
}

/* One that reads some of these tables; seldom one that only recomputes. */
const Shape *
random_shape(Random *random, uint32_t sources)
{
	for (;;)
	{
		const Shape *shape = active[random_below(random, n_active)];

		if (!(shape->sources & sources))
			continue;
		if (shape->recomputes && n_active > 3 && !random_percent(random, 15))
			continue;
		return shape;
	}
}

/* ---- creation ---- */

/* Columns with their types, typmods and collations, as text. */
static char *
columns_of(PGconn *conn, const char *relation)
{
	Text sql = {0};
	PGresult *result;
	char *columns;

	text_add(&sql, "SELECT string_agg(format('%%s %%s %%s', attname,"
				   " format_type(atttypid, atttypmod), attcollation),"
				   " ', ' ORDER BY attnum) FROM pg_attribute"
				   " WHERE attrelid = '%s'::regclass AND attnum > 0"
				   " AND NOT attisdropped",
			 relation);
	result = run(conn, sql.data);
	columns = text_copy(PQgetvalue(result, 0, 0));
	PQclear(result);
	text_free(&sql);
	return columns;
}

/* A stream table has exactly the columns that a view would have. */
static void
check_columns(PGconn *conn, const Shape *shape)
{
	Text sql = {0};
	char *is;
	char *should_be;

	text_add(&sql, "CREATE VIEW stress.columns AS ");
	shape_definition(shape, &sql);
	PQclear(run(conn, sql.data));
	should_be = columns_of(conn, "stress.columns");
	PQclear(run(conn, "DROP VIEW stress.columns"));
	text_clear(&sql);
	text_add(&sql, "stress.%s", shape->name);
	is = columns_of(conn, sql.data);
	if (strcmp(is, should_be) != 0)
		fail("\"%s\" has columns %s, should have %s", shape->name, is,
			 should_be);
	free(is);
	free(should_be);
	text_free(&sql);
}

void
create_sql(const Shape *shape, const char *table, bool initialize, Text *sql)
{
	text_add(sql, "SELECT pgtrickle.create_stream_table('stress.%s', $query$",
			 table);
	shape_definition(shape, sql);
	text_add(sql, "$query$, refresh_mode => '%s',"
				  " initialize => %s, ",
			 shape->recomputes ? "AUTO" : "DIFFERENTIAL",
			 initialize ? "true" : "false");
	schedule_sql(sql);
	text_add(sql, ")");
}

static void
refresh_shape(PGconn *conn, const Shape *shape)
{
	Text sql = {0};

	text_add(&sql, "SELECT pgtrickle.refresh_stream_table('stress.%s')",
			 shape->name);
	PQclear(run(conn, sql.data));
	text_free(&sql);
}

/* Every fifth is filled by its first refresh. */
static bool
create_shape(PGconn *conn, const Shape *shape, int number)
{
	Text sql = {0};
	PGresult *result;
	bool ok;

	create_sql(shape, shape->name, number % 5 != 4, &sql);
	trace("/* main */ %s;", sql.data);
	result = PQexec(conn, sql.data);
	ok = result_ok(result);
	if (ok)
	{
		check_columns(conn, shape);
		refresh_shape(conn, shape);
	}
	else
		fprintf(stderr, "stress: %s: %s", shape->name,
				PQresultErrorMessage(result));
	PQclear(result);
	text_free(&sql);
	return ok;
}

void
create_shapes(PGconn *conn)
{
	int failures = 0;

	choose_shapes();
	for (int i = 0; i < n_active; i++)
		if (!create_shape(conn, active[i], i))
			failures++;
	if (failures > 0)
		fail("%d of %d stream tables could not be created", failures,
			 n_active);
	printf("%d stream tables\n", n_active);
}

/* ---- comparison ---- */

/*
 * First the number of rows, then the rows that differ with how often they
 * should be and are there.
 */
void
compare_query_sql(const char *query, const char *table, Text *sql)
{
	text_add(sql, "WITH want AS (SELECT query_row::text AS r,"
				  " count(*) AS n FROM (%s) query_row GROUP BY 1),"
				  " have AS (SELECT table_row::text AS r,"
				  " count(*) AS n FROM stress.%s table_row GROUP BY 1)"
				  " SELECT '', coalesce(sum(n), 0), NULL FROM have UNION ALL "
				  "(SELECT coalesce(w.r, h.r), coalesce(w.n, 0),"
				  " coalesce(h.n, 0) FROM want w FULL JOIN have h ON w.r = h.r"
				  " WHERE w.n IS DISTINCT FROM h.n ORDER BY 1 LIMIT 20)",
			 query, table);
}

void
compare_sql(const Shape *shape, const char *table, Text *sql)
{
	Text query = {0};

	shape_oracle(shape, &query);
	compare_query_sql(query.data, table, sql);
	text_free(&query);
}

void
image_sql(const Shape *shape, Text *sql)
{
	text_add(sql, "SELECT count(*) || ' rows, md5 ' ||"
				  " coalesce(md5(string_agg(table_row::text, '|'"
				  " ORDER BY table_row::text)),"
				  " '-') FROM stress.%s table_row",
			 shape->name);
}

/*
 * What another transaction sees in the logs under a snapshot; it locks them
 * for this moment only.  NULL if it did not get the locks.  malloc'd.
 */
char *
read_logs(PGconn *conn, const char *snapshot)
{
	Text sql = {0};
	PGresult *result;
	char *logs = NULL;

	PQclear(run(conn, "BEGIN ISOLATION LEVEL REPEATABLE READ"));
	text_add(&sql, "SET TRANSACTION SNAPSHOT '%s'", snapshot);
	PQclear(run(conn, sql.data));
	result = PQexec(conn, "SELECT stress.read_logs()");
	if (result_ok(result))
		logs = text_copy(PQgetvalue(result, 0, 0));
	else if (!expected_error(result))
		fail("%s", PQresultErrorMessage(result));
	PQclear(result);
	PQclear(run(conn, "ROLLBACK"));
	text_free(&sql);
	return logs;
}

static void
note_rows(const Shape *shape, const PGresult *result)
{
	int rows = atoi(PQgetvalue(result, 0, 1));
	int *most = &coverage.most_rows[shape - shapes];

	if (rows > *most)
		*most = rows;
}

static void
report_difference(const Session *session, const Shape *shape)
{
	Text sql = {0};

	fprintf(stderr, "\nDIFFERENCE in \"%s\"", shape->name);
	if (session != NULL)
		fprintf(stderr, ", found by %s %d",
				session->writer ? "writer" : "refresher", session->number);
	shape_definition(shape, &sql);
	fprintf(stderr, ", turn %ld\n%s\n", tick, sql.data);
	text_free(&sql);
	coverage.differences++;
}

void
check_equal(const Session *session, const Shape *shape,
			const PGresult *result)
{
	coverage.comparisons++;
	note_rows(shape, result);
	if (PQntuples(result) == 1)
		return;
	report_difference(session, shape);
	fprintf(stderr, "row | times it should be there | times it is there\n");
	for (int i = 1; i < PQntuples(result); i++)
		fprintf(stderr, "%.200s | %s | %s\n", PQgetvalue(result, i, 0),
				PQgetvalue(result, i, 1), PQgetvalue(result, i, 2));
	fail("a refresh made a stream table that is not its query");
}

void
check_verified(const Session *session, const Shape *shape,
			   const PGresult *result)
{
	coverage.verifications++;
	if (PQntuples(result) == 0)
		return;
	report_difference(session, shape);
	for (int i = 0; i < PQntuples(result) && i < 20; i++)
		fprintf(stderr, "%s | %.200s\n", PQgetvalue(result, i, 0),
				PQgetvalue(result, i, 1));
	fail("verify_stream_table found a difference");
}

/* When everybody has finished, each is compared once more. */
void
final_comparison(PGconn *conn)
{
	for (int i = 0; i < n_active; i++)
	{
		const Shape *shape = active[i];
		Text sql = {0};
		PGresult *result;

		PQclear(run(conn, "BEGIN ISOLATION LEVEL REPEATABLE READ"));
		refresh_shape(conn, shape);
		compare_sql(shape, shape->name, &sql);
		result = run(conn, sql.data);
		check_equal(NULL, shape, result);
		PQclear(result);
		PQclear(run(conn, "COMMIT"));
		text_free(&sql);
	}
}

/* ---- counting ---- */

/*
 * Refreshes of "chain" refresh "filter" first; only the one asked for is
 * counted.
 */
void
note_action(Session *session, const Shape *shape, const PGresult *result)
{
	const char *action;

	if (PQntuples(result) != 1)
		fail("a refresh of \"%s\" left no history", shape->name);
	action = PQgetvalue(result, 0, 0);
	if (strncmp(PQgetvalue(result, 0, 1), "delta ", 6) == 0)
		fail("\"%s\" was recomputed: %s", shape->name,
			 PQgetvalue(result, 0, 1));
	if (strcmp(action, "NO_DATA") == 0)
	{
		coverage.nothing++;
		return;
	}
	coverage.refreshes++;
	session->tx.levels[session->tx.depth].refreshes++;
	coverage.per_shape[shape - shapes]++;
	if (strcmp(action, "DIFFERENTIAL") == 0)
		coverage.differential++;
	else
		coverage_recomputed(shape, PQgetvalue(result, 0, 1));
	if (session->refresh_own)
		coverage.own_write++;
	if (session->refresh_contended)
		coverage.with_writer++;
}
