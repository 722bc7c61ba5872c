/*-------------------------------------------------------------------------
 *
 * layout_order.c
 *	  In which order do the nodes of a layer stand, so that few edges cross?
 *
 * The best order is too hard to find, a good one is not: sweep from the left
 * to the right and back, and put each slot where its neighbours in the layer
 * that was just dealt with are in the mean (Sugiyama's barycentre).  The order
 * with the fewest crossings that a sweep met is taken.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "layout.h"

#define SWEEPS 24

/* ---- crossings ---- */

static int
compare_int(const void *a, const void *b)
{
	return *(const int *) a - *(const int *) b;
}

/*
 * Edges taken in the order of their left ends cross where their right ends
 * come in the other order.  "seen" is a Fenwick tree: how many edges have
 * ended at ranks up to some rank so far.
 */
static int64
crossings_after(const LayoutLayer *layer, int nright, const LayoutSlot *slots)
{
	int *seen = palloc0(sizeof(int) * (nright + 1));
	int total = 0;
	int64 crossings = 0;

	for (int i = 0; i < layer->nslots; i++)
	{
		const LayoutSlot *slot = layer->slots[i];
		int *ends = palloc(sizeof(int) * (slot->nright + 1));

		for (int j = 0; j < slot->nright; j++)
			ends[j] = slots[slot->right[j]].rank;
		qsort(ends, slot->nright, sizeof(int), compare_int);
		for (int j = 0; j < slot->nright; j++)
		{
			int above = 0;

			for (int k = ends[j] + 1; k > 0; k -= k & -k)
				above += seen[k];
			crossings += total - above;
			for (int k = ends[j] + 1; k <= nright; k += k & -k)
				seen[k]++;
			total++;
		}
		pfree(ends);
	}

	pfree(seen);
	return crossings;
}

/*
 * See layout.h.
 */
int64
pgt_count_crossings(const LayoutLayer *layers, int nlayers,
					const LayoutSlot *slots)
{
	int64 crossings = 0;

	for (int i = 0; i < nlayers - 1; i++)
		crossings += crossings_after(&layers[i], layers[i + 1].nslots, slots);
	return crossings;
}

/* ---- sweeps ---- */

static void
number_slots(LayoutLayer *layer)
{
	for (int i = 0; i < layer->nslots; i++)
		layer->slots[i]->rank = i;
}

/* Where its neighbours are in the mean; who has none stays. */
static double
barycentre(const LayoutSlot *slot, int n, const int *neighbours,
		   const LayoutSlot *slots)
{
	double sum = 0;

	if (n == 0)
		return slot->rank;
	for (int i = 0; i < n; i++)
		sum += slots[neighbours[i]].rank;
	return sum / n;
}

static int
compare_keys(const void *a, const void *b)
{
	const LayoutSlot *x = *(LayoutSlot *const *) a;
	const LayoutSlot *y = *(LayoutSlot *const *) b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->rank - y->rank;
}

static void
order_layer(LayoutLayer *layer, bool by_left, const LayoutSlot *slots)
{
	for (int i = 0; i < layer->nslots; i++)
	{
		LayoutSlot *slot = layer->slots[i];

		slot->key = by_left ? barycentre(slot, slot->nleft, slot->left, slots) :
							  barycentre(slot, slot->nright, slot->right,
										 slots);
	}
	qsort(layer->slots, layer->nslots, sizeof(LayoutSlot *), compare_keys);
	number_slots(layer);
}

static void
sweep(LayoutLayer *layers, int nlayers, bool to_right, const LayoutSlot *slots)
{
	for (int i = 0; i < nlayers; i++)
		order_layer(&layers[to_right ? i : nlayers - 1 - i], to_right, slots);
}

static LayoutSlot ***
copy_order(const LayoutLayer *layers, int nlayers)
{
	LayoutSlot ***copy = palloc(sizeof(LayoutSlot **) * nlayers);

	for (int i = 0; i < nlayers; i++)
	{
		Size size = sizeof(LayoutSlot *) * layers[i].nslots;

		copy[i] = palloc(size);
		memcpy(copy[i], layers[i].slots, size);
	}

	return copy;
}

/*
 * See layout.h.
 */
void
pgt_order_layers(LayoutLayer *layers, int nlayers, LayoutSlot *slots)
{
	LayoutSlot ***best;
	int64 fewest;

	for (int i = 0; i < nlayers; i++)
		number_slots(&layers[i]);
	best = copy_order(layers, nlayers);
	fewest = pgt_count_crossings(layers, nlayers, slots);

	for (int i = 0; i < SWEEPS && fewest > 0; i++)
	{
		int64 crossings;

		sweep(layers, nlayers, i % 2 == 0, slots);
		crossings = pgt_count_crossings(layers, nlayers, slots);
		if (crossings >= fewest)
			continue;
		fewest = crossings;
		best = copy_order(layers, nlayers);
	}

	for (int i = 0; i < nlayers; i++)
	{
		layers[i].slots = best[i];
		number_slots(&layers[i]);
	}
}
