/*-------------------------------------------------------------------------
 *
 * options.c
 *	  WITH (...), SET (...) and RESET (...): the options of stream tables, with
 *	  the names and checks of create_stream_table().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/defrem.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "pg_trickle/command.h"
#include "pg_trickle/schedule.h"
#include "pg_trickle/settings.h"

#include "syntax.h"

/* Take over the value of an option, or with "option" NULL its default. */
typedef void (*ReadOption)(OptionValues *values, DefElem *option);

static void
read_schedule(OptionValues *values, DefElem *option)
{
	values->schedule = option == NULL ? pstrdup("calculated") :
										defGetString(option);
	pgt_check_schedule(values->schedule);
}

static void
read_mode(OptionValues *values, DefElem *option)
{
	values->has_mode = true;
	values->mode = option == NULL ? (RefreshMode) pgt_default_refresh_mode :
									pgt_parse_mode(defGetString(option));
}

static void
read_status(OptionValues *values, DefElem *option)
{
	values->has_status = true;
	values->status = option == NULL ? STREAM_ACTIVE :
									  pgt_parse_status(defGetString(option));
}

static void
read_tier(OptionValues *values, DefElem *option)
{
	values->has_tier = true;
	values->tier = option == NULL ? TIER_HOT :
									pgt_parse_tier(defGetString(option));
}

static void
read_consistency(OptionValues *values, DefElem *option)
{
	values->has_consistency = true;
	values->consistency =
		option == NULL ? DIAMOND_NONE :
						 pgt_parse_diamond_consistency(defGetString(option));
}

static void
read_policy(OptionValues *values, DefElem *option)
{
	values->has_policy = true;
	values->policy = option == NULL ?
						 DIAMOND_FASTEST :
						 pgt_parse_diamond_policy(defGetString(option));
}

static void
read_ceiling(OptionValues *values, DefElem *option)
{
	values->has_ceiling = true;
	values->ceiling = option == NULL ? 0 : defGetInt64(option);
	pgt_check_fuse_ceiling(values->ceiling);
}

static void
read_query(OptionValues *values, DefElem *option)
{
	values->query = option->arg;
	if (values->query == NULL || !IsA(values->query, SelectStmt))
		values->query = (Node *) makeString(defGetString(option));
}

static void
read_or_replace(OptionValues *values, DefElem *option)
{
	values->or_replace = defGetBoolean(option);
}

/* Where an option may stand. */
#define IN_CREATE 0x01
#define IN_SET 0x02
#define IN_RESET 0x04

static const struct
{
	const char *name;
	int where;
	ReadOption read;
} known[] = {
	{"schedule", IN_CREATE | IN_SET | IN_RESET, read_schedule},
	{"refresh_mode", IN_CREATE | IN_SET | IN_RESET, read_mode},
	{"tier", IN_CREATE | IN_SET | IN_RESET, read_tier},
	{"diamond_consistency", IN_CREATE | IN_SET | IN_RESET, read_consistency},
	{"diamond_schedule_policy", IN_CREATE | IN_SET | IN_RESET, read_policy},
	{"fuse_ceiling", IN_CREATE | IN_SET | IN_RESET, read_ceiling},
	{"status", IN_SET | IN_RESET, read_status},
	{"query", IN_SET, read_query},
	{"or_replace", IN_CREATE, read_or_replace},
};

static char *
names_of_options(int where)
{
	StringInfoData names;

	initStringInfo(&names);
	for (size_t i = 0; i < lengthof(known); i++)
	{
		if ((known[i].where & where) != 0)
			appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "",
							 known[i].name);
	}
	return names.data;
}

/* For ereport(): the option is where the error is. */
static int
position(const DefElem *option, const char *text)
{
	if (option->location < 0 || text == NULL)
		return 0;
	return errposition(pg_mbstrlen_with_len(text, option->location) + 1);
}

static void
refuse_option(const DefElem *option, int where, const char *text)
{
	const char *space = option->defnamespace;

	if (space != NULL && strcmp(space, OPTION_NAMESPACE) != 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("unrecognized parameter namespace \"%s\"", space),
				position(option, text));
	ereport(ERROR,
			errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			errmsg("unrecognized parameter \"%s\"", option->defname),
			errhint("Options of stream tables: %s.", names_of_options(where)),
			position(option, text));
}

static void
refuse_second(List *options, const DefElem *option, const char *text)
{
	ListCell *lc;

	foreach (lc, options)
	{
		DefElem *other = lfirst(lc);

		if (other == option)
			return;
		if (strcmp(other->defname, option->defname) == 0)
			ereport(ERROR,
					errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("parameter \"%s\" specified more than once",
						   option->defname),
					position(option, text));
	}
}

static ReadOption
find_option(const DefElem *option, int where, const char *text)
{
	const char *space = option->defnamespace;

	if (space == NULL || strcmp(space, OPTION_NAMESPACE) == 0)
	{
		for (size_t i = 0; i < lengthof(known); i++)
		{
			if (strcmp(known[i].name, option->defname) == 0 &&
				(known[i].where & where) != 0)
				return known[i].read;
		}
	}

	refuse_option(option, where, text);
	pg_unreachable();
}

static void
read_options(OptionValues *values, List *options, const char *text, int where)
{
	ListCell *lc;

	foreach (lc, options)
	{
		DefElem *option = lfirst(lc);
		ReadOption read = find_option(option, where, text);

		refuse_second(options, option, text);
		read(values, where == IN_RESET ? NULL : option);
	}
}

/*
 * Read the options of a CREATE or of a SET; errors 22023 and 42601, with
 * their position in the text.  Values are in the current memory context.
 */
void
pgt_read_options(OptionValues *values, List *options, const char *text,
				 bool creating)
{
	read_options(values, options, text, creating ? IN_CREATE : IN_SET);
}

/*
 * Read the options of a RESET: the values are their defaults.
 */
void
pgt_reset_options(OptionValues *values, List *options, const char *text)
{
	read_options(values, options, text, IN_RESET);
}
