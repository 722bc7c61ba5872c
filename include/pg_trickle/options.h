/*-------------------------------------------------------------------------
 *
 * options.h
 *	  What can be chosen for a stream table besides its query, mode and
 *	  schedule.
 *
 * Layer: catalog
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_OPTIONS_H
#define PGT_OPTIONS_H

/* How much a stream table matters: colder ones are refreshed less often. */
typedef enum Tier
{
	TIER_HOT,	 /* as scheduled */
	TIER_WARM,	 /* at twice the interval, 10 seconds at least */
	TIER_COLD,	 /* at ten times the interval, a minute at least */
	TIER_FROZEN, /* only on request */
} Tier;

/*
 * Is a stream table refreshed in one transaction with the stream tables that
 * lie between it and a source to which several paths lead?
 */
typedef enum DiamondConsistency
{
	DIAMOND_NONE,
	DIAMOND_ATOMIC,
} DiamondConsistency;

/* When such a group is due. */
typedef enum DiamondPolicy
{
	DIAMOND_FASTEST, /* when one of its members is */
	DIAMOND_SLOWEST, /* when all are */
} DiamondPolicy;

typedef struct StreamOptions
{
	Tier tier;
	DiamondConsistency diamond_consistency;
	DiamondPolicy diamond_policy;
	int64 fuse_ceiling; /* changed rows that blow the fuse; 0: no fuse */
} StreamOptions;

extern const char *pgt_tier_name(Tier tier);
extern const char *pgt_diamond_consistency_name(DiamondConsistency value);
extern const char *pgt_diamond_policy_name(DiamondPolicy value);

/* By name, in any case; error 22023 that lists the names. */
extern Tier pgt_parse_tier(const char *name);
extern DiamondConsistency pgt_parse_diamond_consistency(const char *name);
extern DiamondPolicy pgt_parse_diamond_policy(const char *name);

/* For other kinds of names: the position in a table, in any case, or -1. */
extern int pgt_find_name(const char *const *names, int n, const char *name);

/* Error 22023 if it is negative. */
extern void pgt_check_fuse_ceiling(int64 ceiling);

#endif /* PGT_OPTIONS_H */
