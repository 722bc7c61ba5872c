/*-------------------------------------------------------------------------
 *
 * mutate.c
 *	  Statements with something done to them.
 *
 * A mutant is a text of the corpus, or two of them, with up to eight pieces
 * taken out, doubled, swapped or put in.  Pieces are bytes or, mostly, what
 * looks like a token: a mutant of tokens gets farther into the parser.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/keywords.h"

#include "parser_test.h"

#define MAX_LENGTH 20000

static const char *const pieces[] = {
	"STREAM",
	"stream",
	"StReAm",
	"\"stream\"",
	"TABLE",
	"CREATE",
	"ALTER",
	"DROP",
	"REFRESH",
	"EXPLAIN",
	"EXPLAIN (VERBOSE, COSTS off)",
	"EXPLAIN ANALYZE VERBOSE",
	"OR REPLACE",
	"IF NOT EXISTS",
	"IF EXISTS",
	"CREATE STREAM TABLE",
	"CREATE STREAM TABLE x AS SELECT 1",
	"ALTER STREAM TABLE x",
	"DROP STREAM TABLE x",
	"REFRESH STREAM TABLE x",
	"SUSPEND",
	"RESUME",
	"FULL",
	"WITH NO DATA",
	"WITH DATA",
	"WITH",
	"DATA",
	"AS",
	"AS SELECT 1",
	"AS EXECUTE p",
	"USING stream",
	"USING",
	"ON COMMIT",
	"SET (a = 1)",
	"RESET (a)",
	"SET SCHEMA",
	"RENAME TO",
	"OWNER TO",
	"ONLY",
	"TEMP",
	"UNLOGGED",
	"CASCADE",
	"RESTRICT",
	"VERBOSE",
	"CONCURRENTLY",
	"BEGIN ATOMIC",
	"BEGIN ATOMIC SELECT 1;",
	"END",
	"CASE",
	"RETURN",
	"CREATE FUNCTION f() RETURNS int",
	"LANGUAGE sql",
	"CREATE SCHEMA s",
	"CREATE RULE r AS ON INSERT TO t DO",
	"PREPARE p AS",
	"DECLARE c CURSOR FOR",
	";",
	";;",
	",",
	".",
	"..",
	"*",
	"(",
	")",
	"()",
	"((((((((",
	"))))",
	"[",
	"]",
	"=",
	":=",
	"=>",
	"::",
	"||",
	"-",
	"+",
	"<>",
	"@>",
	"~",
	"!",
	"^",
	"%",
	"?",
	"'",
	"''",
	"\"",
	"\"\"",
	"'a'",
	"\"a\"",
	"E'",
	"E'\\n'",
	"e'\\'",
	"B'01'",
	"X'1f'",
	"N'a'",
	"U&'",
	"U&'\\0061'",
	"U&\"",
	"U&\"\\0061\"",
	"UESCAPE",
	"UESCAPE '!'",
	"$$",
	"$a$",
	"$$;$$",
	"$a$ $$ $a$",
	"$1",
	"$99999999999",
	"--",
	"--\n",
	"/*",
	"*/",
	"/* stream */",
	"/* /* */",
	"--stream\n",
	"\n",
	"\r",
	"\t",
	"\f",
	"\v",
	" ",
	"\\",
	"\\;",
	"0",
	"1",
	"1e5",
	"1.5.",
	"0x1f",
	"1a",
	"99999999999999999999",
	":x",
	"NULL",
	"x",
	"x.y",
	"x.y.z",
	"x.as",
	"\xc3\xa4",
	"\xe6\x97\xa5\xe6\x9c\xac",
	"\xf0\x9f\x98\x80",
	"\xff",
	"\xc3",
	"\xe6\x97",
	"\x80",
	"\xa0",
	"\x01",
	"\x7f",
};

static uint64
below(pg_prng_state *random, uint64 limit)
{
	return limit <= 1 ? 0 : pg_prng_uint64_range(random, 0, limit - 1);
}

/* ---- new pieces ---- */

static void
put_long_name(pg_prng_state *random, StringInfo out)
{
	uint64 length = 50 + below(random, 2000);
	char c = "a_\"\xc3"[below(random, 4)];

	while (length-- > 0)
		appendStringInfoChar(out, c);
}

static void
put_parentheses(pg_prng_state *random, StringInfo out)
{
	uint64 depth = 1 + below(random, 3000);
	uint64 closed = below(random, 4) == 0 ? below(random, depth) : depth;

	for (uint64 i = 0; i < depth; i++)
		appendStringInfoChar(out, '(');
	appendStringInfoString(out, "SELECT 1");
	for (uint64 i = 0; i < closed; i++)
		appendStringInfoChar(out, ')');
}

static void
put_piece(pg_prng_state *random, StringInfo out)
{
	uint64 kind = below(random, 100);

	if (kind < 70)
		appendStringInfoString(out, pieces[below(random, lengthof(pieces))]);
	else if (kind < 95)
		appendStringInfoString(
			out, GetScanKeyword(below(random, ScanKeywords.num_keywords),
								&ScanKeywords));
	else if (kind < 97)
		appendStringInfoChar(out, 1 + below(random, 255));
	else if (kind < 99)
		put_long_name(random, out);
	else
		put_parentheses(random, out);
}

/* ---- where ---- */

static bool
in_word(unsigned char c)
{
	return isalnum(c) || c == '_' || c == '$' || IS_HIGHBIT_SET(c);
}

/* The end of what looks like a token at "at". */
static int
token_end(const char *text, int at)
{
	if (text[at] == '\0')
		return at;
	if (isspace((unsigned char) text[at]))
	{
		while (isspace((unsigned char) text[at]))
			at++;
		return at;
	}
	if (!in_word(text[at]))
		return at + 1;
	while (in_word(text[at]))
		at++;
	return at;
}

/* A piece of the text, from <= to: one to four bytes or tokens. */
static void
choose_range(pg_prng_state *random, const char *text, int *from, int *to)
{
	int length = strlen(text);
	uint64 n = 1 + below(random, 4);

	*from = below(random, length + 1);
	*to = Min(*from + (int) n, length);
	if (below(random, 4) == 0)
		return;

	while (*from > 0 && in_word(text[*from - 1]) && in_word(text[*from]))
		(*from)--;
	for (*to = *from; n > 0; n--)
		*to = token_end(text, *to);
}

/* ---- what is done ---- */

static void
append_range(StringInfo out, const char *text, int from, int to)
{
	appendBinaryStringInfo(out, text + from, to - from);
}

/* Swap two pieces; the second lies behind the first, or is empty. */
static void
swap_pieces(pg_prng_state *random, const char *text, StringInfo out)
{
	int a, b, c, d;

	choose_range(random, text, &a, &b);
	choose_range(random, text, &c, &d);
	if (c < b)
	{
		c = strlen(text);
		d = c;
	}
	append_range(out, text, 0, a);
	append_range(out, text, c, d);
	append_range(out, text, b, c);
	append_range(out, text, a, b);
	appendStringInfoString(out, text + d);
}

static void
change(pg_prng_state *random, const char *text, StringInfo out)
{
	uint64 kind = below(random, 10);
	int from, to;

	if (kind == 0)
	{
		swap_pieces(random, text, out);
		return;
	}
	choose_range(random, text, &from, &to);
	append_range(out, text, 0, kind < 6 ? from : to);
	if (kind >= 3) /* 1, 2: taken out; 3 to 5: replaced */
	{
		bool apart = below(random, 8) != 0;

		if (apart)
			appendStringInfoChar(out, ' ');
		if (kind >= 8) /* doubled */
			append_range(out, text, from, to);
		else
			put_piece(random, out);
		if (apart)
			appendStringInfoChar(out, ' ');
	}
	appendStringInfoString(out, text + to);
}

static const char *
choose(const Corpus *corpus, pg_prng_state *random)
{
	return corpus->texts[below(random, corpus->n)];
}

/* What statements may lie in, or only seem to. */
static const struct
{
	const char *before;
	const char *between;
	const char *behind;
} frames[] = {
	{"", "; ", ""},
	{"", ";", ";"},
	{"", " ", ""},
	{"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC ", "; ", "; END"},
	{"CREATE PROCEDURE p() BEGIN ATOMIC SELECT CASE WHEN a THEN 1 END; ", "; ",
	 "; END; SELECT 1"},
	{"CREATE RULE r AS ON INSERT TO t DO ALSO (", "; ", ")"},
	{"CREATE SCHEMA a ", " ", ""},
	{"EXPLAIN (ANALYZE, VERBOSE) ", "; EXPLAIN ", ""},
	{"EXPLAIN VERBOSE EXPLAIN ", "; ", ""},
	{"PREPARE p AS ", "; PREPARE q (int) AS ", ""},
	{"SELECT $a$ ", " $a$; ", ""},
	{"/* ", " */ ", " --"},
	{"DECLARE c CURSOR FOR ", "; COPY (", ") TO stdout"},
};

/* One text, or two in a frame. */
static void
start(const Corpus *corpus, pg_prng_state *random, StringInfo out)
{
	uint64 frame = below(random, lengthof(frames));

	if (below(random, 2) == 0)
	{
		appendStringInfoString(out, choose(corpus, random));
		return;
	}
	appendStringInfoString(out, frames[frame].before);
	appendStringInfoString(out, choose(corpus, random));
	appendStringInfoString(out, frames[frame].between);
	appendStringInfoString(out, choose(corpus, random));
	appendStringInfoString(out, frames[frame].behind);
}

/*
 * Make a mutant of a text of the corpus.
 */
void
parser_test_mutate(const Corpus *corpus, pg_prng_state *random,
				   StringInfo mutant)
{
	uint64 changes = below(random, 4) == 0 ? below(random, 9) :
											 below(random, 3);

	resetStringInfo(mutant);
	start(corpus, random, mutant);
	while (changes-- > 0 && mutant->len < MAX_LENGTH)
	{
		char *before = pstrdup(mutant->data);

		resetStringInfo(mutant);
		change(random, before, mutant);
		pfree(before);
	}
}
