/*
 * Jumps in machine code: they arrive where they should, and are seen.
 *
 * Objects: src/syntax/jump.o
 */
#include "postgres.h"

#include <setjmp.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "../../src/syntax/jump.h"

#ifdef PGT_HAVE_JUMP

static int
target(int n)
{
	return n + 41;
}

/* A page of code that does nothing yet; NULL where the system forbids it. */
static unsigned char *
code_page(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
					  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return page == MAP_FAILED ? NULL : page;
}

static void
arrives(void **state)
{
	unsigned char *page = code_page();
	int (*function)(int) = (int (*)(int))(uintptr_t) page;
	size_t length;

	if (page == NULL)
		skip();
	length = pgt_jump_make(page, (void *) (uintptr_t) target);
	__builtin___clear_cache((char *) page, (char *) page + length);
	assert_true(length <= PGT_JUMP_MAX);
	assert_int_equal(function(1), 42);
	munmap(page, 4096);
}

static void
sees_its_own(void **state)
{
	unsigned char code[PGT_JUMP_MAX] = {0};

	pgt_jump_make(code, (void *) (uintptr_t) target);
	assert_true(pgt_jump_is_at(code));
}

/* The compiler's own functions begin with no jump. */
static void
sees_none(void **state)
{
	assert_false(pgt_jump_is_at(
		pgt_jump_place((unsigned char *) (uintptr_t) arrives)));
	assert_false(pgt_jump_is_at(
		pgt_jump_place((unsigned char *) (uintptr_t) pgt_jump_make)));
}

typedef struct Code
{
	unsigned char bytes[PGT_JUMP_MAX];
	bool jumps;
} Code;

#if defined(__x86_64__)
static const unsigned char pad[] = {0xf3, 0x0f, 0x1e, 0xfa};
static const Code codes[] = {
	{{0xe9, 1, 2, 3, 4}, true},
	{{0xeb, 0x10}, true},
	{{0xff, 0x25, 0, 0, 0, 0}, true},
	{{0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8, 0xff, 0xe0}, true},
	{{0x49, 0xbb, 1, 2, 3, 4, 5, 6, 7, 8, 0x41, 0xff, 0xe3}, true},
	{{0xcc}, true},
	{{0x55, 0x48, 0x89, 0xe5}, false},
	{{0x41, 0x57}, false},
	{{0x48, 0x83, 0xec, 0x18}, false},
	{{0x48, 0x81, 0xec}, false},
	{{0x53}, false},
};
#else
static const unsigned char pad[] = {0x5f, 0x24, 0x03, 0xd5};
static const Code codes[] = {
	{{0x04, 0x00, 0x00, 0x14}, true},
	{{0x50, 0x00, 0x00, 0x58}, true},
	{{0x51, 0x00, 0x00, 0x58}, true},
	{{0x10, 0x00, 0x00, 0x90}, true},
	{{0x00, 0x02, 0x1f, 0xd6}, true},
	{{0x49, 0, 0, 0x58, 0x20, 0x01, 0x1f, 0xd6}, true},
	{{0x09, 0, 0, 0x90, 0x20, 0x01, 0x1f, 0xd6}, true},
	{{0x29, 0x00, 0x80, 0xd2, 0x29, 0x00, 0xa0, 0xf2, 0x29, 0x00, 0xc0, 0xf2,
	  0x29, 0x00, 0xe0, 0xf2, 0x20, 0x01, 0x1f, 0xd6},
	 true},
	{{0x09, 0, 0, 0x90, 0x29, 0x01, 0x40, 0xf9}, false},
	{{0xfd, 0x7b, 0xbe, 0xa9}, false},
	{{0xff, 0x43, 0x00, 0xd1}, false},
	{{0x3f, 0x23, 0x03, 0xd5}, false},
};
#endif

static void
tells_jumps(void **state)
{
	for (size_t i = 0; i < lengthof(codes); i++)
		assert_int_equal(pgt_jump_is_at(codes[i].bytes), codes[i].jumps);
}

static void
keeps_the_landing_pad(void **state)
{
	unsigned char code[PGT_JUMP_MAX] = {0};

	assert_ptr_equal(pgt_jump_place(code), code);
	memcpy(code, pad, sizeof(pad));
	assert_ptr_equal(pgt_jump_place(code), code + sizeof(pad));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arrives),
		cmocka_unit_test(sees_its_own),
		cmocka_unit_test(sees_none),
		cmocka_unit_test(tells_jumps),
		cmocka_unit_test(keeps_the_landing_pad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

/* Where jumps are not known, pg_trickle does not replace the parser. */
static void
nothing(void **state)
{
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
