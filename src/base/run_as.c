/*-------------------------------------------------------------------------
 *
 * run_as.c
 *	  Run user code with the rights of the owner of a stream table.
 *
 * A refresh may be asked for by anybody, a superuser too, and runs what the
 * owner of the stream table wrote: expressions, functions, triggers.  All of
 * it runs as the owner, security-restricted, under a fixed search_path, and
 * with every setting pinned that changes the meaning of a built-in STABLE
 * function, so that two refreshes never disagree about the same row.
 *
 * All pins are constants but three: the time zone decides which day a timestamp
 * belongs to, the order of DateStyle which one '03/04/2026' is, and the
 * configuration of text search what a text is made of.  These are as they were
 * for its creator (pgt_run_as_in()).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_namespace_d.h"
#include "catalog/pg_ts_config.h"
#include "miscadmin.h"
#include "tsearch/ts_cache.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/syscache.h"

#include "pg_trickle/run_as.h"

static const struct
{
	const char *name;
	const char *value;
} pinned[] = {
	{"search_path", "pg_catalog, pg_temp"},
	{"IntervalStyle", "postgres"},
	{"extra_float_digits", "1"},
	{"bytea_output", "hex"},
	{"array_nulls", "on"},
	{"standard_conforming_strings", "on"},
	{"transform_null_equals", "off"},
	{"xmlbinary", "base64"},
	{"xmloption", "content"},
	{"lc_monetary", "C"},
	{"lc_numeric", "C"},
	{"lc_time", "C"},
	{"row_security", "on"},
	{"timezone_abbreviations", "Default"},
	{"quote_all_identifiers", "off"},
	{"gin_fuzzy_search_limit", "0"},
};

static const struct
{
	const char *name;
	char *constant; /* without a creator */
} creator_settings[NUM_CREATOR_SETTINGS] = {
	[CREATOR_TIMEZONE] = {"TimeZone", "UTC"},
	[CREATOR_DATE_STYLE] = {"DateStyle", "ISO, MDY"},
	[CREATOR_TEXT_SEARCH] = {"default_text_search_config", ""},
};

/*
 * The configuration of text search by a name that always means the same: only
 * those of the server have one.  Others can be dropped, renamed and closed to
 * the owner, and nothing could be refreshed any more.  "": the session's.
 */
static char *
text_search_config(void)
{
	Oid oid = getTSCurrentConfig(false);
	HeapTuple tuple = SearchSysCache1(TSCONFIGOID, ObjectIdGetDatum(oid));
	Form_pg_ts_config config;
	char *name;

	if (!HeapTupleIsValid(tuple))
		return pstrdup("");

	config = (Form_pg_ts_config) GETSTRUCT(tuple);
	name = NameStr(config->cfgname);
	name = config->cfgnamespace == PG_CATALOG_NAMESPACE ?
			   quote_qualified_identifier("pg_catalog", name) :
			   pstrdup("");
	ReleaseSysCache(tuple);
	return name;
}

const char *
pgt_creator_setting_name(int setting)
{
	return creator_settings[setting].name;
}

const char *
pgt_creator_setting_default(int setting)
{
	return creator_settings[setting].constant;
}

/*
 * Those of the running session, palloc'd.
 */
CreatorSettings
pgt_creator_settings(void)
{
	CreatorSettings settings;

	settings.values[CREATOR_TIMEZONE] =
		pstrdup(GetConfigOption("TimeZone", false, false));
	settings.values[CREATOR_TEXT_SEARCH] = text_search_config();
	settings.values[CREATOR_DATE_STYLE] =
		psprintf("ISO, %s", DateOrder == DATEORDER_YMD ? "YMD" :
							DateOrder == DATEORDER_DMY ? "DMY" :
														 "MDY");
	return settings;
}

CreatorSettings
pgt_copy_settings(const CreatorSettings *settings)
{
	CreatorSettings copy;

	for (int i = 0; i < NUM_CREATOR_SETTINGS; i++)
		copy.values[i] = pstrdup(settings->values[i]);
	return copy;
}

/*
 * What is set already, as most is, is left alone: what user code sets now is
 * undone in any case.  So is what has no value.
 */
static void
pin(const char *name, const char *value)
{
	const char *now = GetConfigOption(name, false, false);

	if (value[0] == '\0' || (now != NULL && strcmp(now, value) == 0))
		return;
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

/*
 * Become "owner" for user code, in UTC and so on; undone by pgt_run_as_done()
 * with the value returned, or by the end of the (sub)transaction.
 */
RunAs
pgt_run_as(Oid owner)
{
	CreatorSettings constants;

	for (int i = 0; i < NUM_CREATOR_SETTINGS; i++)
		constants.values[i] = creator_settings[i].constant;
	return pgt_run_as_in(owner, &constants);
}

/*
 * The same under the settings of a creator, for what depends on them: queries
 * and their parts.
 */
RunAs
pgt_run_as_in(Oid owner, const CreatorSettings *settings)
{
	RunAs before;

	GetUserIdAndSecContext(&before.userid, &before.sec_context);
	SetUserIdAndSecContext(owner,
						   before.sec_context | SECURITY_RESTRICTED_OPERATION);
	before.guc_level = NewGUCNestLevel();
	for (size_t i = 0; i < lengthof(pinned); i++)
		pin(pinned[i].name, pinned[i].value);
	for (int i = 0; i < NUM_CREATOR_SETTINGS; i++)
		pin(creator_settings[i].name, settings->values[i]);

	return before;
}

/*
 * Undo pgt_run_as().
 */
void
pgt_run_as_done(RunAs before)
{
	AtEOXact_GUC(false, before.guc_level);
	SetUserIdAndSecContext(before.userid, before.sec_context);
}
