/*-------------------------------------------------------------------------
 *
 * due_order.c
 *	  The order in which stream tables are refreshed, and the circles in it.
 *
 * A unit is what one transaction refreshes: one stream table, or those of an
 * atomic diamond.  Units are put in order like single nodes: first those that
 * read nothing of the rest, the smallest pgt_id first, so that the order is
 * always the same.  With 4 reading 2 and 3, which both read 5,
 *
 *		5 -> 2 -> 4			order of nodes: 5 2 3 4
 *		5 -> 3 -> 4			of units, if 4 is atomic: {5} {2 3 4}
 *
 * This file depends on nothing but C and palloc, so that test/unit can
 * exercise it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "units.h"

/* ---- consumers ---- */

static void
find_consumers(DueModel *model)
{
	for (int i = 0; i < model->nnodes; i++)
		model->nodes[i].nconsumers = 0;
	for (int i = 0; i < model->nnodes; i++)
	{
		for (int u = 0; u < model->nodes[i].nupstream; u++)
			model->nodes[model->nodes[i].upstream[u]].nconsumers++;
	}

	for (int i = 0; i < model->nnodes; i++)
	{
		DueNode *node = &model->nodes[i];

		node->consumers = palloc(sizeof(int) * (node->nconsumers + 1));
		node->nconsumers = 0;
	}
	for (int i = 0; i < model->nnodes; i++)
	{
		for (int u = 0; u < model->nodes[i].nupstream; u++)
		{
			DueNode *read = &model->nodes[model->nodes[i].upstream[u]];

			read->consumers[read->nconsumers++] = i;
		}
	}
}

/* ---- order of units ---- */

/* The nodes by pgt_id. */
static int *
rank_nodes(const DueModel *model)
{
	int *ranked = palloc(sizeof(int) * (model->nnodes + 1));

	for (int i = 0; i < model->nnodes; i++)
	{
		int place = i;

		for (; place > 0 && model->nodes[ranked[place - 1]].pgt_id >
								model->nodes[i].pgt_id;
			 place--)
			ranked[place] = ranked[place - 1];
		ranked[place] = i;
	}

	return ranked;
}

/* How many arrows lead from unit to unit into each leader's unit? */
static int *
count_inputs(const DueModel *model, const int *leader)
{
	int *inputs = palloc0(sizeof(int) * (model->nnodes + 1));

	for (int i = 0; i < model->nnodes; i++)
	{
		for (int u = 0; u < model->nodes[i].nupstream; u++)
		{
			int read = model->nodes[i].upstream[u];

			if (leader[read] != leader[i] || read == i)
				inputs[leader[i]]++;
		}
	}

	return inputs;
}

/* The unit is in its place: those that read it wait for one input less. */
static void
release_consumers(const DueModel *model, const int *leader, int unit,
				  int *inputs)
{
	for (int i = 0; i < model->nnodes; i++)
	{
		if (leader[i] != unit)
			continue;
		for (int c = 0; c < model->nodes[i].nconsumers; c++)
		{
			int consumer = leader[model->nodes[i].consumers[c]];

			if (consumer != unit)
				inputs[consumer]--;
		}
	}
}

/*
 * Order the units, which are the sets of nodes with the same leader (Kahn's
 * algorithm).  Fills "leaders" with one per unit and returns how many could be
 * ordered: all of them, unless there is a circle.
 */
static int
order_units(const DueModel *model, const int *ranked, const int *leader,
			int *leaders)
{
	int *inputs = count_inputs(model, leader);
	bool *placed = palloc0(sizeof(bool) * (model->nnodes + 1));
	int n = 0;

	for (int r = 0; r < model->nnodes;)
	{
		int unit = leader[ranked[r]];

		if (placed[unit] || inputs[unit] > 0)
		{
			r++;
			continue;
		}

		placed[unit] = true;
		leaders[n++] = unit;
		release_consumers(model, leader, unit, inputs);
		r = 0; /* the smallest that can be placed now */
	}

	pfree(inputs);
	pfree(placed);
	return n;
}

/* ---- circles ---- */

/*
 * Nodes that could not be ordered all read one such, or are in a circle: going
 * upstream among them ends in one.
 */
static int
find_circle(const DueModel *model, const int *ordered, int nordered,
			int *cycle)
{
	int *step = palloc(sizeof(int) * model->nnodes);
	int at = -1;
	int n = 0;
	int first = 0;

	memset(step, -1, sizeof(int) * model->nnodes);
	for (int i = 0; i < nordered; i++)
		step[ordered[i]] = -2;
	for (int i = 0; i < model->nnodes && at < 0; i++)
	{
		if (step[i] == -1)
			at = i;
	}

	while (step[at] < 0)
	{
		const DueNode *node = &model->nodes[at];
		int u = 0;

		step[at] = n;
		cycle[n++] = at;
		while (step[node->upstream[u]] == -2)
			u++;
		at = node->upstream[u];
	}

	/* What was passed before the circle was reached goes. */
	n -= step[at];
	memmove(cycle, cycle + step[at], sizeof(int) * n);
	for (int i = 1; i < n; i++)
	{
		if (model->nodes[cycle[i]].pgt_id < model->nodes[cycle[first]].pgt_id)
			first = i;
	}
	memcpy(step, cycle, sizeof(int) * n);
	for (int i = 0; i < n; i++)
		cycle[i] = step[(first + i) % n];

	pfree(step);
	return n;
}

/* ---- all of it ---- */

/* Put the members of each unit side by side, in the order of single nodes. */
static void
lay_out_units(DueModel *model, const int *leader, const int *leaders,
			  const int *single)
{
	int place = 0;

	model->units = palloc(sizeof(DueUnit) * (model->nunits + 1));
	model->ngroups = 0;
	for (int unit = 0; unit < model->nunits; unit++)
	{
		DueUnit *u = &model->units[unit];

		u->first = place;
		for (int i = 0; i < model->nnodes; i++)
		{
			if (leader[single[i]] == leaders[unit])
				model->order[place++] = single[i];
		}
		u->n = place - u->first;

		for (int i = u->first; i < place; i++)
		{
			DueNode *node = &model->nodes[model->order[i]];

			node->unit = unit;
			node->group = u->n > 1 ? model->ngroups : -1;
		}
		if (u->n > 1)
			model->ngroups++;
	}
}

/*
 * See due.h.
 */
int
pgt_prepare_model(DueModel *model, int *cycle)
{
	int *single = palloc(sizeof(int) * (model->nnodes + 1));
	int *leaders = palloc(sizeof(int) * (model->nnodes + 1));
	int *leader = palloc(sizeof(int) * (model->nnodes + 1));
	int *ranked = rank_nodes(model);
	int n;

	find_consumers(model);
	for (int i = 0; i < model->nnodes; i++)
	{
		leader[i] = i;
		model->nodes[i].cron_from = DT_NOEND;
		model->nodes[i].cron_next = DT_NOBEGIN;
	}
	n = order_units(model, ranked, leader, single);
	if (n < model->nnodes)
		return find_circle(model, single, n, cycle);

	model->order = palloc(sizeof(int) * (model->nnodes + 1));
	memcpy(model->order, single, sizeof(int) * model->nnodes);
	pgt_join_diamonds(model, ranked, leader);
	model->nunits = order_units(model, ranked, leader, leaders);
	lay_out_units(model, leader, leaders, single);
	pgt_set_policies(model);
	return 0;
}
