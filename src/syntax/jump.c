/*-------------------------------------------------------------------------
 *
 * jump.c
 *	  Jumps in machine code, for the processors that we know.
 *
 * No function that does something begins with a jump; one that does has been
 * replaced by somebody else, who must not be replaced in turn.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "jump.h"

#if defined(__x86_64__)

/* endbr64 must stay first where the processor demands it of indirect calls. */
static const unsigned char landing_pad[] = {0xf3, 0x0f, 0x1e, 0xfa};

/* jmp *0(%rip), and behind it the address */
static const unsigned char jump[] = {0xff, 0x25, 0x00, 0x00, 0x00, 0x00};

/* jmp near and short; jmp *address; a constant in a register; a breakpoint */
static bool
looks_like_jump(const unsigned char *code)
{
	return code[0] == 0xe9 || code[0] == 0xeb ||
		   (code[0] == 0xff && code[1] == 0x25) ||
		   (code[0] == 0x48 && code[1] >= 0xb8 && code[1] <= 0xbf) ||
		   (code[0] == 0x49 && code[1] >= 0xb8 && code[1] <= 0xbf) ||
		   code[0] == 0xcc;
}

#elif defined(__aarch64__)

/* bti c */
static const unsigned char landing_pad[] = {0x5f, 0x24, 0x03, 0xd5};

/* ldr x16, 8; br x16, and behind them the address */
static const unsigned char jump[] = {0x50, 0x00, 0x00, 0x58,
									 0x00, 0x02, 0x1f, 0xd6};

/*
 * b; ldr x16 or x17 from behind; adrp x16 or x17; brk; and br after whatever
 * makes an address in whatever register, which takes four instructions at most
 */
static bool
looks_like_jump(const unsigned char *code)
{
	uint32 instructions[5];

	memcpy(instructions, code, sizeof(instructions));
	for (size_t i = 0; i < lengthof(instructions); i++)
	{
		if ((instructions[i] & 0xfffffc1f) == 0xd61f0000)
			return true;
	}
	return (instructions[0] & 0xfc000000) == 0x14000000 ||
		   (instructions[0] & 0xff00001e) == 0x58000010 ||
		   (instructions[0] & 0x9f00001e) == 0x90000010 ||
		   (instructions[0] & 0xffe0001f) == 0xd4200000;
}

#endif

#ifdef PGT_HAVE_JUMP

/*
 * The first byte of a function that may be overwritten.
 */
unsigned char *
pgt_jump_place(unsigned char *function)
{
	if (memcmp(function, landing_pad, sizeof(landing_pad)) == 0)
		return function + sizeof(landing_pad);
	return function;
}

/*
 * Is there a jump already, of whatever kind?
 */
bool
pgt_jump_is_at(const unsigned char *code)
{
	return looks_like_jump(code);
}

/*
 * Make a jump, at most PGT_JUMP_MAX bytes; returns its length.
 */
size_t
pgt_jump_make(unsigned char *code, const void *target)
{
	memcpy(code, jump, sizeof(jump));
	memcpy(code + sizeof(jump), &target, sizeof(target));
	return sizeof(jump) + sizeof(target);
}

#endif /* PGT_HAVE_JUMP */
