/*-------------------------------------------------------------------------
 *
 * selfcheck.c
 *	  Is our stand-in for raw_parser() as good as the original?
 *
 * Asked once in the postmaster, before anything is changed: for texts in each
 * mode of the parser both must make the same tree.  What could differ is what
 * a server of another build might have changed: the layout of the scanner's
 * private data, and the numbers of tokens.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "tcop/tcopprot.h"
#include "utils/memutils.h"

#include "syntax.h"

typedef struct Sample
{
	RawParseMode mode;
	const char *text;
} Sample;

static const Sample samples[] = {
	{RAW_PARSE_DEFAULT, ""},
	{RAW_PARSE_DEFAULT, ";;"},
	{RAW_PARSE_DEFAULT, "SELECT 1"},
	{RAW_PARSE_DEFAULT,
	 "SELECT a.*, count(*) FILTER (WHERE b IS NOT NULL) AS \"N\" "
	 "FROM a LEFT JOIN b USING (c) WHERE NOT d LIKE 'x%' "
	 "AND e NOT IN (1, 2) GROUP BY ROLLUP (1) ORDER BY 2 NULLS FIRST"},
	{RAW_PARSE_DEFAULT,
	 "WITH RECURSIVE w AS (SELECT 1 UNION ALL SELECT 2) TABLE w; "
	 "INSERT INTO t VALUES (E'\\n', U&'\\0061', $$a$$, b'1', 1e5) "
	 "ON CONFLICT DO NOTHING RETURNING *;"},
	{RAW_PARSE_DEFAULT,
	 "CREATE TABLE t (a int PRIMARY KEY, b timestamp with time zone) "
	 "WITH (fillfactor = 70)"},
	{RAW_PARSE_DEFAULT,
	 "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END"},
	{RAW_PARSE_TYPE_NAME, "numeric(10, 2)[]"},
	{RAW_PARSE_TYPE_NAME, "timestamp(3) with time zone"},
	{RAW_PARSE_PLPGSQL_EXPR, "a + 1 FROM t WHERE b"},
	{RAW_PARSE_PLPGSQL_ASSIGN1, "v := 1"},
	{RAW_PARSE_PLPGSQL_ASSIGN2, "r.v := 1"},
	{RAW_PARSE_PLPGSQL_ASSIGN3, "s.r.v[2] := 1"},
};

typedef List *(*Parser)(const char *text, RawParseMode mode);

/* Let the parser make a tree of it; false if it raises an error. */
static bool
parse(Parser parser, const Sample *sample, List **tree)
{
	MemoryContext context = CurrentMemoryContext;
	volatile bool parsed = false;

	PG_TRY();
	{
		*tree = parser(sample->text, sample->mode);
		parsed = true;
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		FlushErrorState();
	}
	PG_END_TRY();

	return parsed;
}

/* What equal() does not compare. */
static bool
lie_alike(const List *a, const List *b)
{
	ListCell *lc;
	ListCell *lc2;

	forboth (lc, a, lc2, b)
	{
		const RawStmt *x = lfirst(lc);
		const RawStmt *y = lfirst(lc2);

		if (IsA(x, RawStmt) && (x->stmt_location != y->stmt_location ||
								x->stmt_len != y->stmt_len))
			return false;
	}

	return true;
}

static bool
parses_alike(const Sample *sample)
{
	List *theirs;
	List *ours;

	return parse(raw_parser, sample, &theirs) &&
		   parse(pgt_raw_parser, sample, &ours) && equal(theirs, ours) &&
		   lie_alike(theirs, ours);
}

/*
 * NULL, or why our parser cannot stand in for the server's.
 */
const char *
pgt_check_parser(void)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "pg_trickle self-check",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	const char *why = NULL;

	for (size_t i = 0; i < lengthof(samples) && why == NULL; i++)
	{
		if (!parses_alike(&samples[i]))
			why = "the parser of this server is not one that pg_trickle knows";
	}
	MemoryContextSwitchTo(before);
	MemoryContextDelete(context);
	return why;
}

static List *
parse_query(const char *text, RawParseMode mode)
{
	return pg_parse_query(text);
}

/*
 * NULL, or why the replaced parser does not work: asked through the server,
 * which may have a copy of it in the place of a call.
 */
const char *
pgt_check_interposed(void)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "pg_trickle self-check",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	Sample sample = {.text = "CREATE STREAM TABLE s AS SELECT 1"};
	List *tree;
	bool works = parse(parse_query, &sample, &tree);

	MemoryContextSwitchTo(before);
	MemoryContextDelete(context);
	return works ? NULL :
				   "calls of the server's parser do not arrive at pg_trickle's";
}
