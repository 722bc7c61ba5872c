/*-------------------------------------------------------------------------
 *
 * syntax.h
 *	  What the files of this folder share: tokens, translations, marks in
 *	  parse trees.
 *
 * Layer: syntax
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_SYNTAX_INTERNAL_H
#define PGT_SYNTAX_INTERNAL_H

#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "tcop/cmdtag.h"
#include "tcop/dest.h"
#include "tcop/utility.h"

#include "pg_trickle/catalog.h"
#include "pg_trickle/compat.h"

/* ---- tokens.c: a text as the core scanner takes it apart ---- */

typedef enum TokenKind
{
	TOKEN_WORD, /* keyword or identifier without quotes */
	TOKEN_NAME, /* identifier in quotes */
	TOKEN_CHAR, /* ( ) , . ; and the like */
	TOKEN_OTHER,
	TOKEN_END,
} TokenKind;

typedef struct Token
{
	TokenKind kind;
	int location; /* byte offset in the text */
	int length;	  /* in bytes */
	char character;
	int depth; /* of parentheses that it lies in */
} Token;

typedef struct Tokens
{
	const char *text;
	int n; /* without the end */
	Token *tokens;
} Tokens;

/* In the current memory context; syntax errors are those of the scanner. */
extern Tokens *pgt_tokens(const char *text);

/* Warn of strings with backslashes that lie behind that position. */
extern void pgt_warn_of_strings(const char *text, int position);

/* Is token i that word (lower case)?  That character? */
extern bool pgt_is_word(const Tokens *tokens, int i, const char *word);
extern bool pgt_is_char(const Tokens *tokens, int i, char character);

/* The first token behind the statement that token i lies in. */
extern int pgt_statement_end(const Tokens *tokens, int i);

/* The first token of (a name with dots) at i that does not belong to it. */
extern int pgt_after_name(const Tokens *tokens, int i);

/* What the stock grammar says about a token that does not fit. */
pg_noreturn extern void pgt_syntax_error_at(const Tokens *tokens, int i);

/* ---- parser.c ---- */

/* The stock grammar; what raw_parser() does. */
extern List *pgt_stock_parser(const char *text, RawParseMode mode);

/* The same, without warnings about strings. */
extern List *pgt_stock_parser_again(const char *text);

/* The same, and our statements where the stock grammar gives up. */
extern List *pgt_raw_parser(const char *text, RawParseMode mode);

/* ---- selfcheck.c ---- */

/* NULL, or why our parser cannot stand in for the server's. */
extern const char *pgt_check_parser(void);
extern const char *pgt_check_interposed(void);

/* ---- interpose.c ---- */

/* NULL, or why the server's parser could not be replaced. */
extern const char *pgt_interpose(void);

/* ---- translate.c ---- */

/*
 * One of our statements in a text: its words are overwritten, in place, by
 * what the stock grammar takes, so that every position stays what it was;
 * what got lost is put into the parse tree afterwards.
 */
typedef struct Rewriting
{
	const struct Translation *translation;
	const Tokens *tokens;
	int start; /* tokens of the statement: start <= i < end */
	int end;
	char *copy; /* of the whole text; is edited */

	/* what a translation notes for itself */
	bool or_replace;
	bool if_exists;
	bool full;
	const char *status;
	int query; /* token that the query begins with */
} Rewriting;

typedef struct Translation
{
	const char *name;

	/* Is it the statement that begins at "start"?  Then edit the copy. */
	bool (*translate)(Rewriting *rewriting);

	/* Turn what the stock grammar made of it into what was meant. */
	void (*complete)(const Rewriting *rewriting, RawStmt *stmt);
} Translation;

extern const Translation pgt_translate_create;
extern const Translation pgt_translate_alter;
extern const Translation pgt_translate_drop;
extern const Translation pgt_translate_refresh;

/* Is "stream" anywhere in the text?  What is asked of every statement. */
extern bool pgt_mentions_stream(const char *text);

/*
 * NIL if there is no statement of ours in the text.  "position": where the
 * stock grammar gave up, in characters from 1.
 */
extern List *pgt_translate(const char *text, int position);

/* Edit: blank out tokens from..to, and write "word" in place of the first. */
extern void pgt_overwrite(Rewriting *rewriting, int from, int to,
						  const char *word);

/* create_statement.c: is it a stream table?  Refuse what those have not. */
extern bool pgt_creates_stream(const CreateTableAsStmt *create);
extern void pgt_check_create(const CreateTableAsStmt *create);

/* Error XX000 if the stock grammar made something else of a statement. */
extern void pgt_expect_node(const Node *node, NodeTag tag);

/* ---- marks that the parse tree of a statement of ours carries ---- */

#define STREAM_METHOD "stream"
#define OPTION_NAMESPACE "pg_trickle"

/* On a RangeVar, where stock statements have no alias. */
extern void pgt_mark_relation(RangeVar *relation, const char *mark);
extern bool pgt_relation_has_mark(const RangeVar *relation, const char *mark);

#define MARK_STREAM "stream table"
#define MARK_STREAM_FULL "stream table, full"

/* ---- statement.c and the files of the statements ---- */

/* A utility statement on its way through ProcessUtility_hook. */
typedef struct Statement
{
	PlannedStmt *pstmt;
	const char *text;
	bool read_only_tree;
	ProcessUtilityContext context;
	ParamListInfo params;
	QueryEnvironment *environment;
	DestReceiver *dest;
	QueryCompletion *qc;
} Statement;

/* Whoever comes next: another hook, or the server. */
extern void pgt_next_utility(const Statement *statement);

/* Errors 25006 and 25000 where nothing may be written. */
extern void pgt_check_writable(const Statement *statement);

/* False: it is none of ours, go on. */
extern bool pgt_create_statement(const Statement *statement);
extern bool pgt_alter_statement(const Statement *statement);
extern bool pgt_drop_statement(const Statement *statement);
extern bool pgt_refresh_statement(const Statement *statement);
extern bool pgt_explain_statement(const Statement *statement);
extern bool pgt_rename_statement(const Statement *statement);

/*
 * Run "command" as a DDL command that event triggers see.  It returns the
 * object that it made or changed.
 */
typedef ObjectAddress (*DdlCommand)(const Statement *statement, void *arg);
extern void pgt_run_ddl(const Statement *statement, DdlCommand command,
						void *arg);

/* ---- options.c ---- */

typedef struct OptionValues
{
	char *schedule;
	bool has_mode;
	RefreshMode mode;
	bool has_status;
	StreamStatus status;
	bool has_tier;
	Tier tier;
	bool has_consistency;
	DiamondConsistency consistency;
	bool has_policy;
	DiamondPolicy policy;
	bool has_ceiling;
	int64 ceiling;
	bool or_replace;
	Node *query; /* SelectStmt of the text itself, or String */
} OptionValues;

extern void pgt_read_options(OptionValues *values, List *options,
							 const char *source, bool creating);
extern void pgt_reset_options(OptionValues *values, List *options,
							  const char *source);

/* ---- query_part.c ---- */

/* The query of a CREATE or ALTER in its text; an error context, too. */
typedef struct QueryPart
{
	const char *source; /* of the whole string */
	char *text;			/* of the query alone */
	int offset;			/* of the query in the source */
} QueryPart;

extern QueryPart *pgt_query_part(const Statement *statement);

/* Error context callback: positions in the query become those of the text. */
extern void pgt_move_position(void *query_part);

/* ---- hint.c ---- */

extern void pgt_hint_init(void);

#endif /* PGT_SYNTAX_INTERNAL_H */
