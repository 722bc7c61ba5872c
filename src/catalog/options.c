/*-------------------------------------------------------------------------
 *
 * options.c
 *	  The names of options of stream tables.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "pg_trickle/options.h"

static const char *const tier_names[] = {
	[TIER_HOT] = "hot",
	[TIER_WARM] = "warm",
	[TIER_COLD] = "cold",
	[TIER_FROZEN] = "frozen",
};

static const char *const consistency_names[] = {
	[DIAMOND_NONE] = "none",
	[DIAMOND_ATOMIC] = "atomic",
};

static const char *const policy_names[] = {
	[DIAMOND_FASTEST] = "fastest",
	[DIAMOND_SLOWEST] = "slowest",
};

static char *
list_names(const char *const *names, int n)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < n; i++)
		appendStringInfo(&list, "%s%s", i > 0 ? ", " : "", names[i]);
	return list.data;
}

/*
 * Position of a name in a table of names, in any case, or -1.
 */
int
pgt_find_name(const char *const *names, int n, const char *name)
{
	for (int i = 0; i < n; i++)
	{
		if (pg_strcasecmp(names[i], name) == 0)
			return i;
	}

	return -1;
}

/* The same; error 22023 instead of -1. */
static int
parse_name(const char *const *names, int n, const char *what,
		   const char *name)
{
	int found = pgt_find_name(names, n, name);

	if (found < 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("unrecognized %s: \"%s\"", what, name),
				errhint("Available values: %s.", list_names(names, n)));

	return found;
}

/*
 * The name of a tier, as users write it.
 */
const char *
pgt_tier_name(Tier tier)
{
	return tier_names[tier];
}

/*
 * The name of a kind of consistency, as users write it.
 */
const char *
pgt_diamond_consistency_name(DiamondConsistency value)
{
	return consistency_names[value];
}

/*
 * The name of a policy, as users write it.
 */
const char *
pgt_diamond_policy_name(DiamondPolicy value)
{
	return policy_names[value];
}

/*
 * The tier of that name, in any case; error 22023.
 */
Tier
pgt_parse_tier(const char *name)
{
	return (Tier) parse_name(tier_names, lengthof(tier_names), "tier", name);
}

/*
 * The kind of consistency of that name, in any case; error 22023.
 */
DiamondConsistency
pgt_parse_diamond_consistency(const char *name)
{
	return (DiamondConsistency) parse_name(consistency_names,
										   lengthof(consistency_names),
										   "diamond consistency", name);
}

/*
 * The policy of that name, in any case; error 22023.
 */
DiamondPolicy
pgt_parse_diamond_policy(const char *name)
{
	return (DiamondPolicy) parse_name(policy_names, lengthof(policy_names),
									  "diamond schedule policy", name);
}

/*
 * Error 22023 if a ceiling is negative.
 */
void
pgt_check_fuse_ceiling(int64 ceiling)
{
	if (ceiling < 0)
		ereport(ERROR,
				errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				errmsg("fuse_ceiling must not be negative"),
				errhint("It is a number of changed rows; 0 removes the fuse."));
}
