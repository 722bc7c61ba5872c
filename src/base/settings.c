/*-------------------------------------------------------------------------
 *
 * settings.c
 *	  The settings as variables and as definitions, both from settings.def.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "utils/guc.h"

#include "pg_trickle/settings.h"

#define PGT_BOOL(name, var, dflt, ctx, flags, text, more) bool var = dflt;
#define PGT_INT(name, var, dflt, lo, hi, ctx, flags, text, more) int var = dflt;
#define PGT_STRING(name, var, dflt, check, ctx, flags, text, more) \
	char *var = NULL;
#define PGT_ENUM(name, var, dflt, options, ctx, flags, text, more) \
	int var = dflt;
#include "pg_trickle/settings.def"
#undef PGT_BOOL
#undef PGT_INT
#undef PGT_STRING
#undef PGT_ENUM

/*
 * Define all settings; called once by _PG_init().
 */
void
pgt_define_settings(void)
{
#define PGT_BOOL(name, var, dflt, ctx, flags, text, more) \
	DefineCustomBoolVariable("pg_trickle." #name, text, more, &var, \
							 dflt, ctx, flags, NULL, NULL, NULL);
#define PGT_INT(name, var, dflt, lo, hi, ctx, flags, text, more) \
	DefineCustomIntVariable("pg_trickle." #name, text, more, &var, \
							dflt, lo, hi, ctx, flags, NULL, NULL, NULL);
#define PGT_STRING(name, var, dflt, check, ctx, flags, text, more) \
	DefineCustomStringVariable("pg_trickle." #name, text, more, &var, \
							   dflt, ctx, flags, check, NULL, NULL);
#define PGT_ENUM(name, var, dflt, options, ctx, flags, text, more) \
	DefineCustomEnumVariable("pg_trickle." #name, text, more, &var, \
							 dflt, options, ctx, flags, NULL, NULL, NULL);
#include "pg_trickle/settings.def"
#undef PGT_BOOL
#undef PGT_INT
#undef PGT_STRING
#undef PGT_ENUM

	MarkGUCPrefixReserved("pg_trickle");
}
