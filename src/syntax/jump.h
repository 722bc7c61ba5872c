/*-------------------------------------------------------------------------
 *
 * jump.h
 *	  Jumps in machine code, for the processors that we know.
 *
 * Layer: syntax
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_JUMP_H
#define PGT_JUMP_H

#if defined(__x86_64__) || defined(__aarch64__)
#define PGT_HAVE_JUMP
#endif

/* Enough for a jump, and for what may have to stay before it. */
#define PGT_JUMP_MAX 32

/* The first byte of a function that may be overwritten. */
extern unsigned char *pgt_jump_place(unsigned char *function);

/* Is there a jump at "code" already, of whatever kind? */
extern bool pgt_jump_is_at(const unsigned char *code);

/* Put a jump to "target" into "code"; returns its length. */
extern size_t pgt_jump_make(unsigned char *code, const void *target);

#endif /* PGT_JUMP_H */
