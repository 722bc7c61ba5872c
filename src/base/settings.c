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

#define PGT_INT(name, var, dflt, lo, hi, ctx, flags, text, more) \
	int var = dflt;
#include "pg_trickle/settings.def"
#undef PGT_INT

/*
 * Define all settings; called once by _PG_init().
 */
void
pgt_define_settings(void)
{
#define PGT_INT(name, var, dflt, lo, hi, ctx, flags, text, more) \
	DefineCustomIntVariable("pg_trickle." #name, text, more, &var, \
							dflt, lo, hi, ctx, flags, NULL, NULL, NULL);
#include "pg_trickle/settings.def"
#undef PGT_INT

	MarkGUCPrefixReserved("pg_trickle");
}
