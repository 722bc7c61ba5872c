/*-------------------------------------------------------------------------
 *
 * readiness.c
 *	  What a refresh asks of its sources before it reads them.
 *
 *		Is a statement running that changes them?	before the locks: refused
 *		Do changes escape capture?					before the snapshot
 *		What of the own transaction has been seen?	under the snapshot
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "pg_trickle/capture.h"
#include "pg_trickle/refresh.h"

/*
 * Inside a statement that writes a source, some of its changes are in the
 * table already but not captured yet: log and table disagree.  This catches
 * the plain cases early; pgt_note_seen() catches all.
 */
void
pgt_refuse_running_writer(const Compiled *compiled)
{
	ListCell *lc;

	foreach (lc, compiled->form->sources)
	{
		SourceUse *use = lfirst(lc);
		Source *source = pgt_lookup_source(use->relid, true);

		if (source != NULL && pgt_capture_pending(source))
			ereport(ERROR,
					errcode(ERRCODE_OBJECT_IN_USE),
					errmsg("cannot refresh stream table \"%s\" because its source \"%s\" is being changed by a running statement",
						   get_rel_name(compiled->relid),
						   get_rel_name(use->relid)),
					errhint("Refresh in an AFTER STATEMENT trigger or after the statement."));
	}
}

/*
 * Asked for each refresh only if it was not answered when the stream table was
 * compiled: triggers change with a message that makes that invalid.
 */
static char *
find_gap(const Compiled *compiled, const Source *source)
{
	return compiled->captured && compiled->valid ? NULL :
												   pgt_capture_gap(source);
}

/*
 * Why the logs do not tell all changes, or NULL.  Asked before the snapshot:
 * whoever closes a gap leaves a mark, which N shows if we did not see the gap.
 */
const char *
pgt_find_gap(const Compiled *compiled)
{
	ListCell *lc;

	if (!compiled->tracked)
		return NULL;

	foreach (lc, compiled->form->sources)
	{
		Source *source = pgt_lookup_source(((SourceUse *) lfirst(lc))->relid,
										   false);
		char *gap = find_gap(compiled, source);

		if (gap != NULL)
			return psprintf("changes of \"%s\" are not captured", gap);
		if (pgt_capture_lost(source))
			pgt_capture_sentinel_set(source);
	}

	return NULL;
}

/*
 * What this refresh sees of its own transaction's changes must have been
 * captured by now; capture refuses what comes later.
 */
void
pgt_note_seen(const Compiled *compiled)
{
	ListCell *lc;

	foreach (lc, compiled->form->sources)
	{
		Source *source = pgt_lookup_source(((SourceUse *) lfirst(lc))->relid,
										   true);

		if (source != NULL)
			pgt_capture_seen(source, GetActiveSnapshot()->curcid);
	}
}
