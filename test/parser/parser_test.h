/*-------------------------------------------------------------------------
 *
 * parser_test.h
 *	  What compares pg_trickle's parser with that of the server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PARSER_TEST_H
#define PARSER_TEST_H

#include "common/pg_prng.h"
#include "lib/stringinfo.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "utils/elog.h"

/* ---- compare.c ---- */

typedef List *(*Parser)(const char *text, RawParseMode mode);

/* What a parser made of a text: a tree, or an error. */
typedef struct Outcome
{
	List *tree;
	ErrorData *error; /* NULL: the tree counts */
} Outcome;

/* In the current memory context. */
extern Outcome parser_test_run(Parser parser, const char *text,
							   RawParseMode mode);

typedef enum Verdict
{
	ACCEPTED_BY_BOTH,
	REJECTED_BY_BOTH,
	OURS,		   /* the server rejects it, and we do not */
	OURS_REJECTED, /* our words about a text that the server rejects, too */
} Verdict;

#define VERDICTS (OURS_REJECTED + 1)

/* NULL, or what is wrong with what our parser does with a text. */
extern const char *parser_test_check(const char *text, RawParseMode mode,
									 Verdict *verdict);

/* ---- mutate.c ---- */

typedef struct Corpus
{
	int n;
	char **texts;
} Corpus;

/* A changed text of the corpus, in "mutant". */
extern void parser_test_mutate(const Corpus *corpus, pg_prng_state *random,
							   StringInfo mutant);

#endif /* PARSER_TEST_H */
