/*-------------------------------------------------------------------------
 *
 * json_ascii.h
 *	  JSON text in ASCII.
 *
 * Layer: base
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_JSON_ASCII_H
#define PGT_JSON_ASCII_H

/* Pure: no server calls but palloc, unit-tested. */
extern char *pgt_json_to_ascii(const char *json);

/*
 * The character that the UTF-8 at "p" begins with, and of how many bytes;
 * 0: it begins with none.  ASCII is for the caller.
 */
extern uint32 pgt_utf8_character(const unsigned char *p, int *len);

#endif /* PGT_JSON_ASCII_H */
