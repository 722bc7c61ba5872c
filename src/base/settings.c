/*-------------------------------------------------------------------------
 *
 * settings.c
 *	  The settings as variables and as definitions, both from settings.def.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "miscadmin.h"
#include "pgtime.h"
#include "utils/guc.h"

#include "pg_trickle/settings.h"

static bool check_timezone(char **newval, void **extra, GucSource source);
static bool check_work_mem(int *newval, void **extra, GucSource source);

/* In the order of RefreshMode, which this layer does not know. */
static const struct config_enum_entry refresh_modes[] = {
	{"AUTO", 0, false},
	{"DIFFERENTIAL", 1, false},
	{"FULL", 2, false},
	{NULL, 0, false},
};

static const struct config_enum_entry log_formats[] = {
	{"text", LOG_FORMAT_TEXT, false},
	{"json", LOG_FORMAT_JSON, false},
	{NULL, 0, false},
};

#define PGT_BOOL(name, var, dflt, ctx, flags, text, more) bool var = dflt;
#define PGT_INT(name, var, dflt, lo, hi, ctx, flags, check, text, more) \
	int var = dflt;
#define PGT_ENUM(name, var, dflt, options, ctx, flags, text, more) \
	int var = dflt;
#define PGT_STRING(name, var, dflt, ctx, flags, check, text, more) \
	char *var = NULL;
#include "pg_trickle/settings.def"
#undef PGT_BOOL
#undef PGT_INT
#undef PGT_ENUM
#undef PGT_STRING

/* A time zone with a name, as core's TimeZone knows them, too. */
static bool
check_timezone(char **newval, void **extra, GucSource source)
{
	pg_tz *zone = pg_tzset(*newval);

	if (zone == NULL)
	{
		GUC_check_errhint("The view pg_timezone_names lists the time zones.");
		return false;
	}
	if (!pg_tz_acceptable(zone))
	{
		GUC_check_errmsg("time zone \"%s\" appears to use leap seconds",
						 *newval);
		return false;
	}
	return true;
}

/* What work_mem itself takes at least, in kB. */
static bool
check_work_mem(int *newval, void **extra, GucSource source)
{
	if (*newval == 0 || *newval >= 64)
		return true;

	GUC_check_errdetail("It must be 0 or at least 64kB, as work_mem.");
	return false;
}

/*
 * The server takes settings that need a restart from preloaded libraries only.
 * Elsewhere they have no effect, but are no mistake either.
 */
static GucContext
context_of(GucContext context)
{
	if (context == PGC_POSTMASTER &&
		!process_shared_preload_libraries_in_progress)
		return PGC_SIGHUP;
	return context;
}

/*
 * Define all settings; called once by _PG_init().
 */
void
pgt_define_settings(void)
{
#define PGT_BOOL(name, var, dflt, ctx, flags, text, more) \
	DefineCustomBoolVariable("pg_trickle." #name, text, more, &var, \
							 dflt, context_of(ctx), flags, NULL, NULL, NULL);
#define PGT_INT(name, var, dflt, lo, hi, ctx, flags, check, text, more) \
	DefineCustomIntVariable("pg_trickle." #name, text, more, &var, \
							dflt, lo, hi, context_of(ctx), flags, \
							check, NULL, NULL);
#define PGT_ENUM(name, var, dflt, options, ctx, flags, text, more) \
	DefineCustomEnumVariable("pg_trickle." #name, text, more, &var, \
							 dflt, options, context_of(ctx), flags, \
							 NULL, NULL, NULL);
#define PGT_STRING(name, var, dflt, ctx, flags, check, text, more) \
	DefineCustomStringVariable("pg_trickle." #name, text, more, &var, \
							   dflt, context_of(ctx), flags, check, NULL, NULL);
#include "pg_trickle/settings.def"
#undef PGT_BOOL
#undef PGT_INT
#undef PGT_ENUM
#undef PGT_STRING

	MarkGUCPrefixReserved("pg_trickle");
}
