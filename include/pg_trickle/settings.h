/*-------------------------------------------------------------------------
 *
 * settings.h
 *	  The settings of the extension (prefix "pg_trickle."), see settings.def.
 *
 * Layer: base
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_SETTINGS_H
#define PGT_SETTINGS_H

/* Values of log_format. */
typedef enum LogFormat
{
	LOG_FORMAT_TEXT,
	LOG_FORMAT_JSON,
} LogFormat;

#define PGT_BOOL(name, var, dflt, ctx, flags, text, more) \
	extern bool var;
#define PGT_INT(name, var, dflt, lo, hi, ctx, flags, check, text, more) \
	extern int var;
#define PGT_ENUM(name, var, dflt, options, ctx, flags, text, more) \
	extern int var;
#define PGT_STRING(name, var, dflt, ctx, flags, check, text, more) \
	extern char *var;
#include "pg_trickle/settings.def"
#undef PGT_BOOL
#undef PGT_INT
#undef PGT_ENUM
#undef PGT_STRING

extern void pgt_define_settings(void);

#endif /* PGT_SETTINGS_H */
