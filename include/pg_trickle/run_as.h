/*-------------------------------------------------------------------------
 *
 * run_as.h
 *	  Run user code with the rights of the owner of a stream table.
 *
 * Layer: base
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_RUN_AS_H
#define PGT_RUN_AS_H

/*
 * Everything that pgt_run_as() changes about the session.  The end of the
 * (sub)transaction puts it back if an error comes first.
 */
typedef struct RunAs
{
	Oid userid;
	int sec_context;
	int guc_level;
} RunAs;

/*
 * What a query means depends on these settings of its creator; it is computed
 * under them whoever refreshes.  (Of DateStyle it is the order only.)
 */
enum
{
	CREATOR_TIMEZONE,
	CREATOR_DATE_STYLE,
	CREATOR_TEXT_SEARCH,
	NUM_CREATOR_SETTINGS
};

typedef struct CreatorSettings
{
	char *values[NUM_CREATOR_SETTINGS];
} CreatorSettings;

/* Those of the session, of a stored stream table without them, and a copy. */
extern CreatorSettings pgt_creator_settings(void);
extern const char *pgt_creator_setting_name(int setting);
extern const char *pgt_creator_setting_default(int setting);
extern CreatorSettings pgt_copy_settings(const CreatorSettings *settings);

extern RunAs pgt_run_as(Oid owner);
extern RunAs pgt_run_as_in(Oid owner, const CreatorSettings *settings);
extern void pgt_run_as_done(RunAs before);

#endif /* PGT_RUN_AS_H */
