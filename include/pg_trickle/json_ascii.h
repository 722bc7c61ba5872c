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

#endif /* PGT_JSON_ASCII_H */
