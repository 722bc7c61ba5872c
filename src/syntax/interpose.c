/*-------------------------------------------------------------------------
 *
 * interpose.c
 *	  Putting our parser in the place of raw_parser().
 *
 * PostgreSQL has no hook there.  So the first bytes of the function become a
 * jump to ours, in the postmaster, before any backend is forked: no thread or
 * signal handler can be inside it.  The page is private to the process
 * (copy on write), so that no other server that runs the same executable
 * notices.  Whatever is unusual, an unknown processor, a system that does not
 * let a program write its own code, somebody else's jump, leaves everything as
 * it was.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <sys/mman.h>
#include <unistd.h>

#include "jump.h"
#include "syntax.h"

#ifdef PGT_HAVE_JUMP

/* Where the jump goes. */
static unsigned char *
entry(void)
{
	return pgt_jump_place((unsigned char *) (uintptr_t) raw_parser);
}

/* The pages that the first bytes lie on, made writable or executable. */
static bool
protect(int protection)
{
	uintptr_t page = (uintptr_t) sysconf(_SC_PAGESIZE);
	uintptr_t start = (uintptr_t) raw_parser & ~(page - 1);
	uintptr_t end = (uintptr_t) raw_parser + PGT_JUMP_MAX;

	return mprotect((void *) start, end - start, protection) == 0;
}

static void
write_code(unsigned char *to, const unsigned char *code, size_t length)
{
	memcpy(to, code, length);
	__builtin___clear_cache((char *) to, (char *) to + length);
}

/*
 * Put the jump in place, and take it away again if calls do not arrive.
 * Returns NULL, or why that did not work: then everything is as before.
 */
static const char *
place_jump(void)
{
	unsigned char code[PGT_JUMP_MAX];
	unsigned char before[PGT_JUMP_MAX];
	size_t length = pgt_jump_make(code, (void *) (uintptr_t) pgt_raw_parser);
	const char *why;

	if (pgt_jump_is_at(entry()))
		return "another library has replaced the server's parser";
	if (!protect(PROT_READ | PROT_WRITE | PROT_EXEC))
		return "the system does not let the server's code be changed";

	memcpy(before, entry(), length);
	write_code(entry(), code, length);
	why = pgt_check_interposed();
	if (why != NULL)
		write_code(entry(), before, length);
	if (!protect(PROT_READ | PROT_EXEC))
		ereport(WARNING,
				errcode(ERRCODE_SYSTEM_ERROR),
				errmsg("could not make the code of the parser read-only again: %m"));
	return why;
}

#endif /* PGT_HAVE_JUMP */

/*
 * Put our parser in the place of the server's.  Returns NULL, or why it could
 * not be done: then everything is as before.
 */
const char *
pgt_interpose(void)
{
#ifdef PGT_HAVE_JUMP
	const char *why = pgt_check_parser();

	return why != NULL ? why : place_jump();
#else
	return "this kind of processor is not known to pg_trickle";
#endif
}
