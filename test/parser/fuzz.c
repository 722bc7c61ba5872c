/*-------------------------------------------------------------------------
 *
 * fuzz.c
 *	  Mutants of statements, and what the parser does with them.
 *
 * A finding is an error of the function, with the text and what repeats it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "../../src/syntax/syntax.h"
#include "parser_test.h"

/* Rounds between two looks at the memory, and what it may have grown by. */
#define LOOK_EVERY 1000
#define MAX_GROWTH (1024 * 1024)

static Corpus *
read_corpus(ArrayType *array)
{
	Corpus *corpus = palloc(sizeof(Corpus));
	Datum *elements;

	deconstruct_array(array, BYTEAOID, -1, false, TYPALIGN_INT, &elements,
					  NULL, &corpus->n);
	if (corpus->n == 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("there is nothing to mutate"));
	corpus->texts = palloc(sizeof(char *) * corpus->n);
	for (int i = 0; i < corpus->n; i++)
	{
		bytea *bytes = DatumGetByteaPP(elements[i]);

		corpus->texts[i] = pnstrdup(VARDATA_ANY(bytes),
									VARSIZE_ANY_EXHDR(bytes));
	}
	return corpus;
}

static List *
translate_only(const char *text, RawParseMode mode)
{
	return pgt_translate(text, 1);
}

/* Everything that is asked of one mutant. */
static const char *
examine(const char *text, pg_prng_state *random, Verdict *verdict)
{
	RawParseMode other = RAW_PARSE_DEFAULT + 1 +
						 pg_prng_uint64_range(random, 0, 4);
	Verdict ignored;
	const char *wrong = parser_test_check(text, RAW_PARSE_DEFAULT, verdict);
	Outcome outcome;

	if (wrong == NULL)
		wrong = parser_test_check(text, other, &ignored);
	if (wrong != NULL || *verdict == ACCEPTED_BY_BOTH)
		return wrong;

	/* Only rejected texts get there, but then these without the detour. */
	outcome = parser_test_run(translate_only, text, RAW_PARSE_DEFAULT);
	if (outcome.error != NULL &&
		outcome.error->sqlerrcode == ERRCODE_INTERNAL_ERROR)
		return outcome.error->message;
	return NULL;
}

static char *
as_hex(const char *text)
{
	char *hex = palloc(2 * strlen(text) + 1);

	hex[hex_encode(text, strlen(text), hex)] = '\0';
	return hex;
}

/* The message goes to a client, which must be able to read it. */
static char *
printable(const char *text)
{
	char *copy = pstrdup(text);

	for (char *c = copy; *c != '\0'; c++)
	{
		if ((unsigned char) *c < ' ' || (unsigned char) *c > '~')
			*c = *c == '\n' ? '\n' : '?';
	}
	return copy;
}

static void
report(const char *wrong, const char *text, int64 seed, int64 round)
{
	ereport(ERROR,
			errcode(ERRCODE_DATA_EXCEPTION),
			errmsg("seed " INT64_FORMAT ", round " INT64_FORMAT ": %s", seed,
				   round, printable(wrong)),
			errdetail("%s", printable(text)),
			errhint("In hexadecimal: %s", as_hex(text)));
}

static void
check_memory(Size *baseline, int64 seed, int64 round)
{
	Size now = MemoryContextMemAllocated(TopMemoryContext, true);

	if (*baseline == 0)
		*baseline = now;
	else if (now > *baseline + MAX_GROWTH)
		report(psprintf("memory has grown from %zu to %zu bytes", *baseline,
						now),
			   "", seed, round);
}

typedef struct Fuzz
{
	int64 seed;
	int64 rounds;
	int64 verdicts[VERDICTS];
} Fuzz;

static void
run_rounds(Fuzz *fuzz, const Corpus *corpus, TimestampTz until)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "parser fuzz",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	pg_prng_state random;
	Size baseline = 0;

	pg_prng_seed(&random, (uint64) fuzz->seed);
	while (GetCurrentTimestamp() < until)
	{
		StringInfoData mutant;
		Verdict verdict;
		const char *wrong;

		CHECK_FOR_INTERRUPTS();
		initStringInfo(&mutant);
		parser_test_mutate(corpus, &random, &mutant);
		wrong = examine(mutant.data, &random, &verdict);
		if (wrong != NULL)
			report(wrong, mutant.data, fuzz->seed, fuzz->rounds);
		fuzz->verdicts[verdict]++;
		fuzz->rounds++;
		MemoryContextReset(context);
		if (fuzz->rounds % LOOK_EVERY == 0)
			check_memory(&baseline, fuzz->seed, fuzz->rounds);
	}
	MemoryContextSwitchTo(before);
	MemoryContextDelete(context);
}

PG_FUNCTION_INFO_V1(parser_test_fuzz);

/*
 * parser_test_fuzz(seed bigint, seconds float8, corpus bytea[]) returns how
 * many mutants there were, and how many of them were taken by both parsers,
 * rejected by both, taken by ours, and rejected by ours in its own words.
 */
Datum
parser_test_fuzz(PG_FUNCTION_ARGS)
{
	Fuzz fuzz = {.seed = PG_GETARG_INT64(0)};
	TimestampTz until = GetCurrentTimestamp() +
						(TimestampTz) (PG_GETARG_FLOAT8(1) * USECS_PER_SEC);
	Datum counts[1 + VERDICTS];

	run_rounds(&fuzz, read_corpus(PG_GETARG_ARRAYTYPE_P(2)), until);
	counts[0] = Int64GetDatum(fuzz.rounds);
	for (int i = 0; i < VERDICTS; i++)
		counts[1 + i] = Int64GetDatum(fuzz.verdicts[i]);
	PG_RETURN_ARRAYTYPE_P(construct_array(counts, lengthof(counts), INT8OID,
										  sizeof(int64), FLOAT8PASSBYVAL,
										  TYPALIGN_DOUBLE));
}

PG_FUNCTION_INFO_V1(parser_test_mutant);

/*
 * parser_test_mutant(seed bigint, corpus bytea[]) returns a mutant.
 */
Datum
parser_test_mutant(PG_FUNCTION_ARGS)
{
	pg_prng_state random;
	StringInfoData mutant;

	pg_prng_seed(&random, (uint64) PG_GETARG_INT64(0));
	initStringInfo(&mutant);
	parser_test_mutate(read_corpus(PG_GETARG_ARRAYTYPE_P(1)), &random, &mutant);
	PG_RETURN_BYTEA_P(cstring_to_text_with_len(mutant.data, mutant.len));
}
