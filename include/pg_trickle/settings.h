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

#define PGT_INT(name, var, dflt, lo, hi, ctx, flags, text, more) \
	extern int var;
#include "pg_trickle/settings.def"
#undef PGT_INT

extern void pgt_define_settings(void);

#endif /* PGT_SETTINGS_H */
