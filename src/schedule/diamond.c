/*-------------------------------------------------------------------------
 *
 * diamond.c
 *	  Stream tables between a source and a stream table that reads it by more
 *	  than one way.
 *
 *		        .--> late ---.
 *		flights |             v
 *		        '--> all --> share --> report
 *
 * If "late" is refreshed before and "all" after a change of "flights", "share"
 * shows more late flights than flights.  The diamond ends in "share"; its
 * members are "late" and "all".  "report" has no diamond: all ways lead through
 * "share" and meet there.
 *
 * So the question is where the ways from a node to the apex meet for the first
 * time.  For what is read by nothing else that is its only consumer; in general
 * it is found in the tree in which a node's parent is where its ways meet, as
 * the first common ancestor of its consumers.  A node whose ways meet only in
 * the apex is a source of a diamond, and what lies between is a member.
 *
 * What is refreshed as one is held as one and fails as one.  Nobody may do that
 * to the stream tables of others by reading them, so a unit has one owner: if
 * "all" is somebody else's, only "late" and "share" are refreshed as one.  What
 * "all" reads is not, whoever owns it, for "all" comes between it and "share".
 *
 * This file depends on nothing but C and palloc, so that test/unit can
 * exercise it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "units.h"

/* What the ways to one apex look like; by node. */
typedef struct Ways
{
	bool *inside; /* does a way lead from here to the apex? */
	int *meet;	  /* where its ways meet */
	int *depth;	  /* how often they do on the way to the apex */
} Ways;

/* A source that is no stream table, and a node that reads it. */
typedef struct Reading
{
	int64 source;
	int reader;
} Reading;

/* ---- where ways meet ---- */

static int
common(const Ways *ways, int a, int b)
{
	while (a != b)
	{
		if (ways->depth[a] >= ways->depth[b])
			a = ways->meet[a];
		else
			b = ways->meet[b];
	}

	return a;
}

static void
find_ways(const DueModel *model, int apex, Ways *ways)
{
	ways->inside = palloc0(sizeof(bool) * model->nnodes);
	ways->meet = palloc(sizeof(int) * model->nnodes);
	ways->depth = palloc0(sizeof(int) * model->nnodes);
	ways->inside[apex] = true;
	ways->meet[apex] = apex;

	/* Consumers come before what they read. */
	for (int place = model->nnodes - 1; place >= 0; place--)
	{
		int i = model->order[place];
		const DueNode *node = &model->nodes[i];

		if (i == apex)
			continue;
		for (int c = 0; c < node->nconsumers; c++)
		{
			int consumer = node->consumers[c];

			if (!ways->inside[consumer])
				continue;
			if (ways->inside[i])
				consumer = common(ways, ways->meet[i], consumer);
			ways->meet[i] = consumer;
			ways->inside[i] = true;
		}
		if (ways->inside[i])
			ways->depth[i] = ways->depth[ways->meet[i]] + 1;
	}
}

static void
free_ways(Ways *ways)
{
	pfree(ways->inside);
	pfree(ways->meet);
	pfree(ways->depth);
}

/* ---- sources that are no stream tables ---- */

static int
compare_readings(const void *a, const void *b)
{
	int64 left = ((const Reading *) a)->source;
	int64 right = ((const Reading *) b)->source;

	return (left > right) - (left < right);
}

static Reading *
collect_readings(const DueModel *model, const bool *inside, int *n)
{
	Reading *readings;
	int max = 1;

	for (int i = 0; i < model->nnodes; i++)
		max += model->nodes[i].nsources;
	readings = palloc(sizeof(Reading) * max);

	*n = 0;
	for (int i = 0; i < model->nnodes; i++)
	{
		for (int s = 0; inside[i] && s < model->nodes[i].nsources; s++)
			readings[(*n)++] = (Reading){model->nodes[i].sources[s], i};
	}

	qsort(readings, *n, sizeof(Reading), compare_readings);
	return readings;
}

/* Readers of a source whose ways meet only in the apex are members. */
static void
mark_readers(const DueModel *model, const Ways *ways, int apex, bool *member)
{
	int n;
	Reading *readings = collect_readings(model, ways->inside, &n);
	int end;

	for (int first = 0; first < n; first = end)
	{
		int meet = readings[first].reader;

		for (end = first + 1;
			 end < n && readings[end].source == readings[first].source; end++)
			meet = common(ways, meet, readings[end].reader);
		for (int i = first; meet == apex && i < end; i++)
			member[readings[i].reader] = true;
	}

	pfree(readings);
}

/* ---- members ---- */

/*
 * See due.h.
 */
int
pgt_find_diamond(const DueModel *model, int apex, bool *member)
{
	Ways ways;
	int n = 0;

	memset(member, 0, sizeof(bool) * model->nnodes);
	find_ways(model, apex, &ways);
	mark_readers(model, &ways, apex, member);

	/* What reads a member, or a source of a diamond, is a member. */
	for (int place = 0; place < model->nnodes; place++)
	{
		int i = model->order[place];
		const DueNode *node = &model->nodes[i];

		for (int u = 0; ways.inside[i] && u < node->nupstream; u++)
		{
			int read = node->upstream[u];

			if (member[read] || ways.meet[read] == apex)
				member[i] = true;
		}
	}

	member[apex] = false;
	for (int i = 0; i < model->nnodes; i++)
		n += member[i];

	free_ways(&ways);
	return n;
}

/* ---- units ---- */

/*
 * Leave of a diamond what is refreshed with its apex: members of the same
 * owner from which each way to the apex leads through such.
 */
static int
keep_own(const DueModel *model, int apex, bool *member)
{
	bool *among = palloc(sizeof(bool) * model->nnodes);
	int n = 0;

	memcpy(among, member, sizeof(bool) * model->nnodes);
	for (int place = model->nnodes - 1; place >= 0; place--)
	{
		int i = model->order[place];
		const DueNode *node = &model->nodes[i];

		member[i] &= node->owner == model->nodes[apex].owner;
		for (int c = 0; c < node->nconsumers; c++)
		{
			int consumer = node->consumers[c];

			/* What reads a member and is none does not lead to the apex. */
			member[i] &= member[consumer] || !among[consumer];
		}
		n += member[i];
	}

	pfree(among);
	return n;
}

/* All of "from" follow the leader "to". */
static void
follow(const DueModel *model, int *leader, int from, int to)
{
	for (int i = 0; i < model->nnodes; i++)
	{
		if (leader[i] == from)
			leader[i] = to;
	}
}

/* Mark the unit and all that it leads to, or, if "up", is made of. */
static void
spread(const DueModel *model, const int *leader, int unit, bool up,
	   bool *reached)
{
	bool more = true;

	memset(reached, 0, sizeof(bool) * model->nnodes);
	reached[unit] = true;
	while (more)
	{
		more = false;
		for (int i = 0; i < model->nnodes; i++)
		{
			const DueNode *node = &model->nodes[i];
			const int *next = up ? node->upstream : node->consumers;
			int n = up ? node->nupstream : node->nconsumers;

			for (int k = 0; reached[leader[i]] && k < n; k++)
			{
				more |= !reached[leader[next[k]]];
				reached[leader[next[k]]] = true;
			}
		}
	}
}

/*
 * A unit and another that reads it and is read by it, perhaps through more,
 * can be refreshed one after the other only as one.
 */
static void
close_unit(const DueModel *model, int *leader, int unit)
{
	bool *after = palloc(sizeof(bool) * model->nnodes);
	bool *before = palloc(sizeof(bool) * model->nnodes);

	spread(model, leader, unit, false, after);
	spread(model, leader, unit, true, before);
	for (int i = 0; i < model->nnodes; i++)
	{
		if (after[i] && before[i])
			follow(model, leader, i, unit);
	}

	pfree(after);
	pfree(before);
}

static bool
has_one_owner(const DueModel *model, const int *leader, int unit)
{
	for (int i = 0; i < model->nnodes; i++)
	{
		if (leader[i] == unit &&
			model->nodes[i].owner != model->nodes[unit].owner)
			return false;
	}

	return true;
}

/* Give an apex, and all that has to be refreshed with it then, one leader. */
static void
join(const DueModel *model, int apex, const bool *member, int *leader)
{
	for (int i = 0; i < model->nnodes; i++)
	{
		if (member[i])
			follow(model, leader, leader[i], leader[apex]);
	}
	close_unit(model, leader, leader[apex]);
}

/*
 * See units.h.  A diamond that could be one only with stream tables of others
 * stays apart, if it is the newer one: units do not break up because somebody
 * makes another stream table.
 */
void
pgt_join_diamonds(const DueModel *model, const int *ranked, int *leader)
{
	bool *member = palloc(sizeof(bool) * (model->nnodes + 1));
	int *joined = palloc(sizeof(int) * (model->nnodes + 1));

	for (int r = 0; r < model->nnodes; r++)
	{
		int apex = ranked[r];

		if (!model->nodes[apex].atomic ||
			pgt_find_diamond(model, apex, member) == 0 ||
			keep_own(model, apex, member) == 0)
			continue;
		memcpy(joined, leader, sizeof(int) * model->nnodes);
		join(model, apex, member, joined);
		if (has_one_owner(model, joined, joined[apex]))
			memcpy(leader, joined, sizeof(int) * model->nnodes);
	}

	pfree(member);
	pfree(joined);
}

/*
 * See units.h.
 */
void
pgt_set_policies(DueModel *model)
{
	for (int unit = 0; unit < model->nunits; unit++)
		model->units[unit].policy = DIAMOND_SLOWEST;
	for (int i = 0; i < model->nnodes; i++)
	{
		const DueNode *node = &model->nodes[i];

		if (node->atomic && node->policy == DIAMOND_FASTEST)
			model->units[node->unit].policy = DIAMOND_FASTEST;
	}
}
