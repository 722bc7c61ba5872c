/*-------------------------------------------------------------------------
 *
 * core_parser.h
 *	  The parser inside the server, as gramparse.h declares it, which
 *	  PostgreSQL 16 and later do not install.
 *
 * Layer: syntax
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_CORE_PARSER_H
#define PGT_CORE_PARSER_H

#include "nodes/pg_list.h"
#include "parser/scanner.h"

/*
 * What the server's base_yylex() and the grammar keep between tokens
 * (base_yy_extra_type of gramparse.h, which is not installed everywhere); the
 * self-check would notice a difference.  "spare" is for members that a
 * server may have behind these.
 */
typedef struct ParserExtra
{
	core_yy_extra_type core;
	bool have_lookahead;
	int lookahead_token;
	core_YYSTYPE lookahead_value;
	YYLTYPE lookahead_location;
	char *lookahead_end;
	char lookahead_hold_char;
	List *parsetree;
	char spare[256];
} ParserExtra;

extern void parser_init(ParserExtra *extra);
extern int base_yyparse(core_yyscan_t scanner);

#endif /* PGT_CORE_PARSER_H */
