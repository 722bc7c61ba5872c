/*-------------------------------------------------------------------------
 *
 * parser_taken.c
 *	  Another library that replaces raw_parser(), as pg_trickle does.
 *
 * It is preloaded before pg_trickle.  Its parser is that of the server, and
 * says that it was there.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <sys/mman.h>
#include <unistd.h>

#include "fmgr.h"
#include "parser/parser.h"
#include "utils/elog.h"

#include "../../src/syntax/jump.h"
#include "../../src/syntax/syntax.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

static List *
parser(const char *text, RawParseMode mode)
{
	if (strstr(text, "who parses") != NULL)
		ereport(NOTICE,
				errcode(ERRCODE_SUCCESSFUL_COMPLETION),
				errmsg("another library parses"));
	return pgt_stock_parser(text, mode);
}

void
_PG_init(void)
{
	uintptr_t page = (uintptr_t) sysconf(_SC_PAGESIZE);
	uintptr_t start = (uintptr_t) raw_parser & ~(page - 1);
	size_t length = (uintptr_t) raw_parser + PGT_JUMP_MAX - start;
	unsigned char *code =
		pgt_jump_place((unsigned char *) (uintptr_t) raw_parser);

	if (mprotect((void *) start, length,
				 PROT_READ | PROT_WRITE | PROT_EXEC) != 0)
		ereport(ERROR,
				errcode(ERRCODE_SYSTEM_ERROR),
				errmsg("could not change the server's code: %m"));
	length = pgt_jump_make(code, (void *) (uintptr_t) parser);
	__builtin___clear_cache((char *) code, (char *) code + length);
}
