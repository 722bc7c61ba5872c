/*-------------------------------------------------------------------------
 *
 * tokens.c
 *	  A text as the core scanner takes it apart.
 *
 * What a token is, its first character tells, and so no token codes of the
 * grammar are needed, which PostgreSQL 16 and later do not install.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/keywords.h"
#include "mb/pg_wchar.h"
#include "parser/scanner.h"

#include "pg_trickle/compat.h"

#include "syntax.h"

static bool
begins_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
		   IS_HIGHBIT_SET(c);
}

/* The letters of E'...', B'...', X'...' and N'...'. */
static bool
begins_string(const char *at)
{
	return at[1] == '\'' && strchr("EeBbXxNn", *at) != NULL;
}

static bool
begins_unicode(const char *at, char quote)
{
	return (*at == 'U' || *at == 'u') && at[1] == '&' && at[2] == quote;
}

/* A letter may also begin a string, U&'...' or U&"...". */
static void
classify(Token *token, const char *text)
{
	const char *at = text + token->location;

	token->character = *at;
	if (*at == '"')
		token->kind = TOKEN_NAME;
	else if (begins_word(*at))
	{
		token->kind = TOKEN_WORD;
		if (begins_string(at))
			token->kind = TOKEN_OTHER;
		else if (begins_unicode(at, '"'))
			token->kind = TOKEN_NAME;
		else if (begins_unicode(at, '\''))
			token->kind = TOKEN_OTHER;
	}
	else if (token->length == 1 && strchr("(),.;[]", *at) != NULL)
		token->kind = TOKEN_CHAR;
	else
		token->kind = TOKEN_OTHER;
}

static void
append(Tokens *tokens, int *allocated, int location, int length, int *depth)
{
	Token *token;

	if (tokens->n == *allocated)
	{
		*allocated *= 2;
		tokens->tokens = repalloc_huge(tokens->tokens,
									   sizeof(Token) * *allocated);
	}
	token = &tokens->tokens[tokens->n];
	memset(token, 0, sizeof(Token));
	token->location = location;
	token->length = length;
	classify(token, tokens->text);
	if (token->kind == TOKEN_CHAR && token->character == ')' && *depth > 0)
		(*depth)--;
	token->depth = *depth;
	if (token->kind == TOKEN_CHAR && token->character == '(')
		(*depth)++;
}

/*
 * The tokens of a text; errors of the scanner (an unterminated string) are
 * raised as the server does.
 */
Tokens *
pgt_tokens(const char *text)
{
	Tokens *tokens = palloc0(sizeof(Tokens));
	int allocated = 64;
	int depth = 0;
	core_yy_extra_type extra;
	core_YYSTYPE value;
	YYLTYPE location;
	core_yyscan_t scanner = scanner_init(text, &extra, &ScanKeywords,
										 ScanKeywordTokens);

	/* Warnings about strings come from the parser. */
	extra.escape_string_warning = false;
	tokens->text = text;
	tokens->tokens = palloc(sizeof(Token) * allocated);
	while (core_yylex(&value, &location, scanner) != 0)
	{
		/* The scanner has put an end to the token: see scanner_yyerror(). */
		append(tokens, &allocated, location,
			   strlen(extra.scanbuf + location), &depth);
		tokens->n++;
	}
	scanner_finish(scanner);

	append(tokens, &allocated, strlen(text), 0, &depth);
	tokens->tokens[tokens->n].kind = TOKEN_END;
	return tokens;
}

/*
 * Warn of strings as the scanner of the server does, where it has not been: the
 * stock grammar had the tokens up to that position, in characters from 1.
 */
void
pgt_warn_of_strings(const char *text, int position)
{
	int seen = pg_mbcharcliplen(text, strlen(text), Max(position - 1, 0));
	core_yy_extra_type extra;
	core_YYSTYPE value;
	YYLTYPE location;
	core_yyscan_t scanner = scanner_init(text, &extra, &ScanKeywords,
										 ScanKeywordTokens);
	bool warn = extra.escape_string_warning;

	extra.escape_string_warning = false;
	while (core_yylex(&value, &location, scanner) != 0)
	{
		if (location >= seen)
			extra.escape_string_warning = warn;
	}
	scanner_finish(scanner);
}

/*
 * Is token i that word?  "word" is in lower case.
 */
bool
pgt_is_word(const Tokens *tokens, int i, const char *word)
{
	const Token *token;

	if (i < 0 || i >= tokens->n)
		return false;
	token = &tokens->tokens[i];
	return token->kind == TOKEN_WORD &&
		   token->length == (int) strlen(word) &&
		   pg_strncasecmp(tokens->text + token->location, word,
						  token->length) == 0;
}

/*
 * Is token i that character?
 */
bool
pgt_is_char(const Tokens *tokens, int i, char character)
{
	return i >= 0 && i < tokens->n && tokens->tokens[i].kind == TOKEN_CHAR &&
		   tokens->tokens[i].character == character;
}

/*
 * The semicolon behind the statement that token i lies in, or the end.
 */
int
pgt_statement_end(const Tokens *tokens, int i)
{
	while (i < tokens->n &&
		   !(pgt_is_char(tokens, i, ';') && tokens->tokens[i].depth == 0))
		i++;
	return i;
}

static bool
is_label(const Tokens *tokens, int i)
{
	return i < tokens->n && (tokens->tokens[i].kind == TOKEN_WORD ||
							 tokens->tokens[i].kind == TOKEN_NAME);
}

/* What the grammar calls ColId: most keywords are names, too. */
static bool
is_name(const Tokens *tokens, int i)
{
	const Token *token = &tokens->tokens[i];
	char *word;
	int keyword;

	if (!is_label(tokens, i) || token->kind == TOKEN_NAME)
		return is_label(tokens, i);

	word = pnstrdup(tokens->text + token->location, token->length);
	keyword = ScanKeywordLookup(word, &ScanKeywords);
	pfree(word);
	return keyword < 0 ||
		   ScanKeywordCategories[keyword] == UNRESERVED_KEYWORD ||
		   ScanKeywordCategories[keyword] == COL_NAME_KEYWORD;
}

/* What follows part i of a name: U&"..." may have a UESCAPE 'c' of its own. */
static int
after_label(const Tokens *tokens, int i)
{
	const char *at = tokens->text + tokens->tokens[i].location;

	if (tokens->tokens[i].kind == TOKEN_NAME && *at != '"' &&
		pgt_is_word(tokens, i + 1, "uescape"))
		return Min(i + 3, tokens->n);
	return i + 1;
}

/*
 * What follows a name that may be qualified; a syntax error if there is no
 * name.
 */
int
pgt_after_name(const Tokens *tokens, int i)
{
	if (!is_name(tokens, i))
		pgt_syntax_error_at(tokens, i);
	i = after_label(tokens, i);
	while (pgt_is_char(tokens, i, '.'))
	{
		if (!is_label(tokens, i + 1))
			pgt_syntax_error_at(tokens, i + 1);
		i = after_label(tokens, i + 1);
	}
	return i;
}

/*
 * Raise what the stock grammar says about a token that does not fit.
 */
void
pgt_syntax_error_at(const Tokens *tokens, int i)
{
	const char *text = tokens->text;
	int location = tokens->tokens[Min(i, tokens->n)].location;
	int position = pg_mbstrlen_with_len(text, location) + 1;

	if (i >= tokens->n)
		ereport(ERROR,
				errcode(ERRCODE_SYNTAX_ERROR),
				errmsg("syntax error at end of input"),
				errposition(position));

	ereport(ERROR,
			errcode(ERRCODE_SYNTAX_ERROR),
			errmsg("syntax error at or near \"%.*s\"",
				   tokens->tokens[i].length, text + location),
			errposition(position));
}
