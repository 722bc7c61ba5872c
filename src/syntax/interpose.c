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
 * let a program write its own code, leaves everything as it was.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <sys/mman.h>
#include <unistd.h>

#include "syntax.h"

#if defined(__x86_64__)

#define HAVE_JUMP

/* endbr64 must stay first where the processor demands it of indirect calls. */
static const unsigned char landing_pad[] = {0xf3, 0x0f, 0x1e, 0xfa};

/* jmp *0(%rip), and behind it the address */
static const unsigned char jump[] = {0xff, 0x25, 0x00, 0x00, 0x00, 0x00};

#elif defined(__aarch64__)

#define HAVE_JUMP

/* bti c */
static const unsigned char landing_pad[] = {0x5f, 0x24, 0x03, 0xd5};

/* ldr x16, 8; br x16, and behind them the address */
static const unsigned char jump[] = {0x50, 0x00, 0x00, 0x58,
									 0x00, 0x02, 0x1f, 0xd6};

#endif

#ifdef HAVE_JUMP

#define CODE_BYTES (sizeof(landing_pad) + sizeof(jump) + sizeof(void *))

/* Where the jump goes. */
static unsigned char *
entry(void)
{
	unsigned char *code = (unsigned char *) (uintptr_t) raw_parser;

	if (memcmp(code, landing_pad, sizeof(landing_pad)) == 0)
		code += sizeof(landing_pad);
	return code;
}

/* The pages that the first bytes lie on, made writable or executable. */
static bool
protect(int protection)
{
	uintptr_t page = (uintptr_t) sysconf(_SC_PAGESIZE);
	uintptr_t start = (uintptr_t) raw_parser & ~(page - 1);
	uintptr_t end = (uintptr_t) raw_parser + CODE_BYTES;

	return mprotect((void *) start, end - start, protection) == 0;
}

static void
write_code(unsigned char *to, const unsigned char *code, size_t length)
{
	memcpy(to, code, length);
	__builtin___clear_cache((char *) to, (char *) to + length);
}

static void
make_jump(unsigned char *code)
{
	void *target = (void *) (uintptr_t) pgt_raw_parser;

	memcpy(code, jump, sizeof(jump));
	memcpy(code + sizeof(jump), &target, sizeof(target));
}

/*
 * Put the jump in place, and take it away again if calls do not arrive.
 * Returns NULL, or why that did not work: then everything is as before.
 */
static const char *
place_jump(void)
{
	unsigned char code[sizeof(jump) + sizeof(void *)];
	unsigned char before[sizeof(code)];
	const char *why;

	if (!protect(PROT_READ | PROT_WRITE | PROT_EXEC))
		return "the system does not let the server's code be changed";

	make_jump(code);
	memcpy(before, entry(), sizeof(before));
	write_code(entry(), code, sizeof(code));
	why = pgt_check_interposed();
	if (why != NULL)
		write_code(entry(), before, sizeof(before));
	if (!protect(PROT_READ | PROT_EXEC))
		ereport(WARNING,
				errcode(ERRCODE_SYSTEM_ERROR),
				errmsg("could not make the code of the parser read-only again: %m"));
	return why;
}

#endif /* HAVE_JUMP */

/*
 * Put our parser in the place of the server's.  Returns NULL, or why it could
 * not be done: then everything is as before.
 */
const char *
pgt_interpose(void)
{
#ifdef HAVE_JUMP
	const char *why = pgt_check_parser();

	return why != NULL ? why : place_jump();
#else
	return "this kind of processor is not known to pg_trickle";
#endif
}
