/*-------------------------------------------------------------------------
 *
 * analyze.c
 *	  From the text of a defining query to an analyzed Query.
 *
 * The text is an argument of a function call, so that a position in it is an
 * internal position, shown with the text as internal query:
 *
 *		SELECT pgtrickle.create_stream_table('t', 'SELECT nme FROM people');
 *		ERROR:  column "nme" does not exist
 *		LINE 1: SELECT nme FROM people
 *					   ^
 *		QUERY:  SELECT nme FROM people
 *
 * Whoever raises an error while a query is being analyzed just says
 * errposition(); the error context turns it into an internal one, as SPI
 * does.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "access/table.h"
#include "catalog/catalog.h"
#include "catalog/heap.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "common/keywords.h"
#include "mb/pg_wchar.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
#include "parser/parser.h"
#include "parser/scanner.h"
#include "rewrite/rewriteHandler.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "pg_trickle/catalog.h"
#include "pg_trickle/normal_form.h"

#include "query.h"

/* What the checks of a query need to know. */
typedef struct Analysis
{
	const char *text;
} Analysis;

/*
 * For ereport() inside pgt_analyze_query(): the error is at "location", a byte
 * offset in the text, or nowhere in particular (-1).
 */
static int
position(const char *text, int location)
{
	if (location < 0)
		return 0;
	return errposition(pg_mbstrlen_with_len(text, location) + 1);
}

/*
 * For ereport(): the error is at byte "location" of the query "text", which
 * is shown with it.  A location of -1 says nothing.
 */
int
pgt_query_errposition(const char *text, int location)
{
	if (location < 0)
		return 0;
	internalerrposition(pg_mbstrlen_with_len(text, location) + 1);
	return internalerrquery(text);
}

/*
 * Error context: move the position of an error into the query text.
 */
static void
error_in_query(void *arg)
{
	const char *text = arg;
	int where = geterrposition();

	if (where <= 0)
		return;
	errposition(0);
	internalerrposition(where);
	internalerrquery(text);
}

/*
 * Parse the text without warnings about its strings: that of a statement has
 * been parsed before, and some texts are analyzed more than once.
 */
static List *
parse_quietly(const char *text)
{
	int level = NewGUCNestLevel();
	List *stmts;

	(void) set_config_option("escape_string_warning", "off", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	stmts = raw_parser(text, RAW_PARSE_DEFAULT);
	AtEOXact_GUC(false, level);
	return stmts;
}

/*
 * Parse the text, which must be a single SELECT in one of its forms.
 */
static RawStmt *
parse_select(const char *text)
{
	List *stmts = parse_quietly(text);
	RawStmt *stmt;
	SelectStmt *select;

	if (stmts == NIL)
		ereport(ERROR,
				errcode(ERRCODE_SYNTAX_ERROR),
				errmsg("query of a stream table is empty"));
	if (list_length(stmts) > 1)
		ereport(ERROR,
				errcode(ERRCODE_SYNTAX_ERROR),
				errmsg("query of a stream table must be a single statement"),
				position(text, lsecond_node(RawStmt, stmts)->stmt_location));

	stmt = linitial_node(RawStmt, stmts);
	if (!IsA(stmt->stmt, SelectStmt))
		ereport(ERROR,
				errcode(ERRCODE_SYNTAX_ERROR),
				errmsg("query of a stream table must be SELECT, VALUES, TABLE or WITH ... SELECT"),
				position(text, stmt->stmt_location));

	select = (SelectStmt *) stmt->stmt;
	while (select->op != SETOP_NONE)
		select = select->larg;
	if (select->intoClause != NULL)
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("query of a stream table must not have INTO"),
				position(text, select->intoClause->rel->location));

	return stmt;
}

/* Names given in front of the query count, not those it gives itself. */
static void
rename_columns(Query *query, List *names)
{
	ListCell *name = list_head(names);
	ListCell *lc;

	foreach (lc, query->targetList)
	{
		TargetEntry *tle = lfirst(lc);

		if (tle->resjunk || name == NULL)
			continue;
		tle->resname = pstrdup(strVal(lfirst(name)));
		name = lnext(names, name);
	}

	if (name != NULL)
		ereport(ERROR,
				errcode(ERRCODE_SYNTAX_ERROR),
				errmsg("too many column names were specified"));
}

/* A column of the query becomes one of a table. */
static void
check_column(const TargetEntry *tle, const Analysis *analysis)
{
	Oid type = exprType((Node *) tle->expr);
	int location = exprLocation((Node *) tle->expr);

	if (get_typtype(type) == TYPTYPE_PSEUDO)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_TABLE_DEFINITION),
				errmsg("column \"%s\" has pseudo-type %s", tle->resname,
					   format_type_be(type)),
				errhint("Cast it to a type that a table can have."),
				position(analysis->text, location));
	if (tle->resname == NULL || tle->resname[0] == '\0')
		ereport(ERROR,
				errcode(ERRCODE_INVALID_NAME),
				errmsg("column %d of the query has no name", tle->resno),
				position(analysis->text, location));
	if (SystemAttributeByName(tle->resname) != NULL)
		ereport(ERROR,
				errcode(ERRCODE_DUPLICATE_COLUMN),
				errmsg("column name \"%s\" conflicts with a system column name",
					   tle->resname),
				errdetail("Every table has a system column of this name."),
				errhint("Give the column another name with AS."),
				position(analysis->text, location));
}

/*
 * The columns become columns of a table: they need names that differ.
 */
static void
check_columns(const Query *query, const Analysis *analysis)
{
	int ncolumns = 0;
	ListCell *a;
	ListCell *b;

	foreach (a, query->targetList)
	{
		TargetEntry *tle = lfirst(a);

		if (tle->resjunk)
			continue;
		ncolumns++;
		check_column(tle, analysis);

		foreach (b, query->targetList)
		{
			TargetEntry *other = lfirst(b);

			if (other == tle)
				break;
			if (strcmp(other->resname, tle->resname) == 0)
				ereport(ERROR,
						errcode(ERRCODE_DUPLICATE_COLUMN),
						errmsg("column name \"%s\" appears more than once in the query",
							   tle->resname),
						errhint("Give one of the columns another name with AS."),
						position(analysis->text,
								 exprLocation((Node *) tle->expr)));
		}
	}

	if (ncolumns == 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_TABLE_DEFINITION),
				errmsg("query of a stream table must have at least one column"),
				errdetail("The columns of a stream table are those of its query."),
				errhint("Select at least one column or expression."));
}

/* Is the next word of the text this one, in any case? */
static bool
starts_with(const char *text, const char *word)
{
	size_t length = strlen(word);

	return pg_strncasecmp(text, word, length) == 0 &&
		   !isalnum((unsigned char) text[length]) && text[length] != '_';
}

/*
 * Where is the first FOR UPDATE, FOR NO KEY UPDATE, FOR SHARE or FOR KEY
 * SHARE?  Neither kind of parse tree tells, so that the text is taken apart
 * into tokens once more.  -1: in no place of the text (but of a view).
 */
static int
locking_location(const char *text)
{
	static const char *const after[] = {"update", "no", "share", "key"};
	core_yy_extra_type extra;
	core_yyscan_t scanner = scanner_init(text, &extra, &ScanKeywords,
										 ScanKeywordTokens);
	core_YYSTYPE value;
	YYLTYPE location;
	int last = -1; /* of FOR, if that was the last token */
	int found = -1;

	while (found < 0 && core_yylex(&value, &location, scanner) != 0)
	{
		for (size_t i = 0; last >= 0 && i < lengthof(after); i++)
		{
			if (starts_with(text + location, after[i]))
				found = last;
		}
		last = starts_with(text + location, "for") ? location : -1;
	}
	scanner_finish(scanner);
	return found;
}

/* Is it a statement that does more than read, in this Query itself? */
static void
check_reads_only(const Query *query, const Analysis *analysis)
{
	ListCell *lc;

	foreach (lc, query->cteList)
	{
		CommonTableExpr *cte = lfirst(lc);

		if (castNode(Query, cte->ctequery)->commandType != CMD_SELECT)
			ereport(ERROR,
					errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					errmsg("query of a stream table must not modify data"),
					errdetail("WITH query \"%s\" is not a SELECT.",
							  cte->ctename),
					position(analysis->text, cte->location));
	}

	if (query->rowMarks != NIL)
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("query of a stream table must not lock rows"),
				errhint("Leave out FOR UPDATE or FOR SHARE."),
				position(analysis->text, locking_location(analysis->text)));
}

static bool
check_reads_only_walker(Node *node, void *analysis)
{
	if (node == NULL)
		return false;
	if (!IsA(node, Query))
		return expression_tree_walker(node, check_reads_only_walker, analysis);

	check_reads_only((Query *) node, analysis);
	return query_tree_walker((Query *) node, check_reads_only_walker,
							 analysis, 0);
}

/* ---- IN ---- */

/*
 * Let an IN be known from "= ANY", which the server makes of it, for as long as
 * the text is at hand: as in a raw parse tree, it has no operator.
 */
static bool
mark_in_walker(Node *node, void *text)
{
	SubLink *sublink = (SubLink *) node;

	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, mark_in_walker, text, 0);

	if (IsA(node, SubLink) && sublink->subLinkType == ANY_SUBLINK &&
		sublink->location >= 0)
	{
		const char *word = (const char *) text + sublink->location;

		if (starts_with(word, "in") || starts_with(word, "not"))
			sublink->operName = NIL;
	}
	return expression_tree_walker(node, mark_in_walker, text);
}

/* ---- relations that a stream table must not read ---- */

/*
 * Raise an error if the query must not read a relation.  "named" is the
 * relation that the text names: this one or the view that leads to it.
 */
static void
check_relation(Oid relid, Oid named, const Analysis *analysis)
{
	Oid schema = get_rel_namespace(relid);
	const char *kind = NULL;
	const char *why = NULL;

	if (get_rel_persistence(relid) == RELPERSISTENCE_TEMP)
	{
		kind = "temporary";
		why = "Other sessions cannot see it.";
	}
	else if (IsCatalogNamespace(schema) || IsToastNamespace(schema))
	{
		kind = "system";
		why = "Changes of system tables cannot be followed.";
	}
	else if (pgt_is_own_schema(schema))
	{
		kind = "internal";
		why = "It belongs to pg_trickle.";
	}

	if (kind == NULL)
		return;

	ereport(ERROR,
			errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			errmsg("a stream table cannot read %s relation \"%s\"", kind,
				   get_rel_name(relid)),
			relid == named ?
				errdetail("%s", why) :
				errdetail("It is part of view \"%s\".", get_rel_name(named)),
			position(analysis->text,
					 pgt_name_location(analysis->text, named)));
}

/* Rows of a temporary child are there for one session only. */
static void
check_children(Oid relid, Oid named, const Analysis *analysis)
{
	ListCell *lc;

	if (get_rel_relkind(relid) != RELKIND_RELATION || !has_subclass(relid))
		return;
	foreach (lc, pgt_family(relid, AccessShareLock))
	{
		if (get_rel_persistence(lfirst_oid(lc)) != RELPERSISTENCE_TEMP)
			continue;
		ereport(ERROR,
				errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				errmsg("a stream table cannot read \"%s\", which has a temporary child",
					   get_rel_name(relid)),
				errdetail("Other sessions cannot see the rows of \"%s\".",
						  get_rel_name(lfirst_oid(lc))),
				errhint("Use ONLY, or drop the child."),
				position(analysis->text,
						 pgt_name_location(analysis->text, named)));
	}
}

typedef struct RelationCheck
{
	const Analysis *analysis;
	Oid named; /* outermost view, or InvalidOid */
	Oid view;  /* innermost view, or InvalidOid */
} RelationCheck;

static bool check_relations_walker(Node *node, RelationCheck *check);

static void
check_view(Oid relid, const RelationCheck *outer)
{
	Relation view = table_open(relid, AccessShareLock);
	RelationCheck inner = {
		.analysis = outer->analysis,
		.named = OidIsValid(outer->named) ? outer->named : relid,
		.view = relid,
	};

	check_relations_walker((Node *) get_view_query(view), &inner);
	table_close(view, NoLock);
}

static bool
check_relations_walker(Node *node, RelationCheck *check)
{
	if (node == NULL)
		return false;

	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *rte = (RangeTblEntry *) node;
		Oid named;

		/* Until PG15 a view's query has two entries for the view itself. */
		if (rte->rtekind != RTE_RELATION || rte->relid == check->view)
			return false;

		named = OidIsValid(check->named) ? check->named : rte->relid;
		check_relation(rte->relid, named, check->analysis);
		if (rte->inh)
			check_children(rte->relid, named, check->analysis);
		if (rte->relkind == RELKIND_VIEW)
			check_view(rte->relid, check);
		return false;
	}

	if (IsA(node, Query))
		return query_tree_walker((Query *) node, check_relations_walker,
								 check, QTW_EXAMINE_RTES_BEFORE);

	return expression_tree_walker(node, check_relations_walker, check);
}

/*
 * The raw parse tree of a defining query; errors as in pgt_analyze_query().
 */
RawStmt *
pgt_parse_query(const char *text)
{
	ErrorContextCallback context = {
		.callback = error_in_query,
		.arg = unconstify(char *, text),
		.previous = error_context_stack,
	};
	RawStmt *raw;

	error_context_stack = &context;
	raw = parse_select(text);
	error_context_stack = context.previous;
	return raw;
}

/*
 * Parse and analyze a defining query as the current user does, under the
 * current search_path.  Its first columns get the names in "column_names", a
 * list of String.
 *
 * Returns the Query in the current memory context.  Errors are what the
 * parser says, and: 42601 for anything but one SELECT; 0A000 for INTO, data
 * modification, row locks, and temporary, system or internal relations, also
 * behind views; 42701, 42602 or 42P16 for columns that cannot be those of a
 * table.
 */
Query *
pgt_analyze_query(const char *text, List *column_names)
{
	ErrorContextCallback context;
	RawStmt *raw;
	Query *query;
	Analysis analysis = {.text = text};
	RelationCheck relations = {.analysis = &analysis};

	context.callback = error_in_query;
	context.arg = unconstify(char *, text);
	context.previous = error_context_stack;
	error_context_stack = &context;

	raw = parse_select(text);
	query = parse_analyze_fixedparams(raw, text, NULL, 0, NULL);

	check_reads_only_walker((Node *) query, &analysis);
	check_relations_walker((Node *) query, &relations);
	rename_columns(query, column_names);
	check_columns(query, &analysis);
	mark_in_walker((Node *) query, unconstify(char *, text));

	error_context_stack = context.previous;
	return query;
}
