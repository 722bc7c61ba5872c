/*-------------------------------------------------------------------------
 *
 * init.c
 *	  Library entry point: settings and hooks.  The only file that knows every
 *	  layer.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"

#include "pg_trickle/capture.h"
#include "pg_trickle/change_clock.h"
#include "pg_trickle/launcher.h"
#include "pg_trickle/pool.h"
#include "pg_trickle/progress.h"
#include "pg_trickle/settings.h"
#include "pg_trickle/shared.h"
#include "pg_trickle/shared_cache.h"
#include "pg_trickle/syntax.h"
#include "pg_trickle/wake.h"

PG_MODULE_MAGIC;

void _PG_init(void);

/*
 * Module load callback.
 */
void
_PG_init(void)
{
	pgt_define_settings();
	pgt_syntax_check_order();
	pgt_change_clock_init();
	pgt_wake_init();
	pgt_capture_init();
	pgt_launcher_init();
	pgt_generation_init();
	pgt_shared_cache_init();
	pgt_shared_catalog_init();
	pgt_pool_init();
	pgt_progress_init();
	pgt_shared_init();
	pgt_syntax_init();
}
