/*-------------------------------------------------------------------------
 *
 * layout.c
 *	  Where the nodes and edges of a picture of a graph go.
 *
 * After Sugiyama, from left to right:
 *
 *		a --> b --> c		layer 0: a		layer 1: b, e	layer 2: c
 *		e ----------^
 *
 * The layer of a node is the length of the longest way to it; one that nothing
 * leads to stands just before the first that it leads to, which keeps edges
 * short.  An edge over several layers has a slot in each that it passes
 * (layout_order.c orders them), so no edge runs behind a node.  Heights then
 * follow the neighbours as far as the order and the sizes allow.
 *
 * Parts that no edge connects are laid out alone, each in layers of its own,
 * and put side by side.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>
#include <math.h>

#include "layout.h"

#define ROUNDS 12

/* An edge that passes is to be straight before all. */
#define PASSING_WEIGHT 4.0

typedef struct Plan
{
	Layout *layout;
	const LayoutSizes *sizes;
	int *component; /* of each node */
	int nslots;
	LayoutSlot *slots; /* the first are those of the nodes */
	int **passed;	   /* of each edge: its slots from end to end */
	int *npassed;
} Plan;

/* ---- layers ---- */

static void
find_layers(Layout *layout)
{
	bool moved = true;

	/* Each round is right for one more layer; without circles it ends. */
	for (int round = 0; moved && round < layout->nnodes; round++)
	{
		moved = false;
		for (int i = 0; i < layout->nedges; i++)
		{
			LayoutNode *from = &layout->nodes[layout->edges[i].from];
			LayoutNode *to = &layout->nodes[layout->edges[i].to];

			if (to->layer > from->layer)
				continue;
			to->layer = from->layer + 1;
			moved = true;
		}
	}
}

/* Those that nothing leads to. */
static void
pull_sources(Layout *layout)
{
	int *first = palloc(sizeof(int) * layout->nnodes);

	for (int i = 0; i < layout->nnodes; i++)
		first[i] = INT_MAX;
	for (int i = 0; i < layout->nedges; i++)
	{
		const LayoutEdge *edge = &layout->edges[i];

		first[edge->from] = Min(first[edge->from],
								layout->nodes[edge->to].layer);
	}
	for (int i = 0; i < layout->nnodes; i++)
	{
		if (layout->nodes[i].layer == 0 && first[i] != INT_MAX)
			layout->nodes[i].layer = first[i] - 1;
	}
	pfree(first);
}

/* ---- components ---- */

static int
root_of(int *parents, int node)
{
	while (parents[node] != node)
		node = parents[node] = parents[parents[node]];
	return node;
}

/* Numbers components in the order of their first nodes; how many? */
static int
find_components(Plan *plan)
{
	Layout *layout = plan->layout;
	int *parents = palloc(sizeof(int) * layout->nnodes);
	int n = 0;

	for (int i = 0; i < layout->nnodes; i++)
		parents[i] = i;
	for (int i = 0; i < layout->nedges; i++)
	{
		int a = root_of(parents, layout->edges[i].from);
		int b = root_of(parents, layout->edges[i].to);

		parents[Max(a, b)] = Min(a, b);
	}

	plan->component = palloc(sizeof(int) * layout->nnodes);
	for (int i = 0; i < layout->nnodes; i++)
	{
		int root = root_of(parents, i);

		plan->component[i] = root == i ? n++ : plan->component[root];
	}
	pfree(parents);
	return n;
}

/* ---- slots ---- */

static int
add_slot(Plan *plan, int node, int component, int layer)
{
	LayoutSlot *slot = &plan->slots[plan->nslots];

	slot->node = node;
	slot->component = component;
	slot->layer = layer;
	slot->half = node < 0 ? plan->sizes->edge_height / 2 :
							(plan->sizes->node_height +
							 plan->sizes->row_gap + 1) /
								2;
	return plan->nslots++;
}

static void
add_neighbour(int **list, int *n, int slot)
{
	if (*n == 0)
		*list = palloc(sizeof(int) * 4);
	else if (*n >= 4 && (*n & (*n - 1)) == 0)
		*list = repalloc(*list, sizeof(int) * *n * 2);
	(*list)[(*n)++] = slot;
}

static void
join_slots(Plan *plan, int left, int right)
{
	LayoutSlot *a = &plan->slots[left];
	LayoutSlot *b = &plan->slots[right];

	add_neighbour(&a->right, &a->nright, right);
	add_neighbour(&b->left, &b->nleft, left);
}

static void
add_edge(Plan *plan, int i)
{
	const LayoutEdge *edge = &plan->layout->edges[i];
	int from = plan->layout->nodes[edge->from].layer;
	int to = plan->layout->nodes[edge->to].layer;
	int last = edge->from;

	plan->passed[i] = palloc(sizeof(int) * Max(to - from + 1, 2));
	plan->passed[i][plan->npassed[i]++] = last;
	for (int layer = from + 1; layer < to; layer++)
	{
		int slot = add_slot(plan, -1, plan->component[edge->from], layer);

		join_slots(plan, last, slot);
		plan->passed[i][plan->npassed[i]++] = slot;
		last = slot;
	}
	join_slots(plan, last, edge->to);
	plan->passed[i][plan->npassed[i]++] = edge->to;
}

static void
make_slots(Plan *plan)
{
	Layout *layout = plan->layout;
	int most = layout->nnodes;

	for (int i = 0; i < layout->nedges; i++)
		most += Max(layout->nodes[layout->edges[i].to].layer -
						layout->nodes[layout->edges[i].from].layer,
					0);
	plan->slots = palloc0(sizeof(LayoutSlot) * most);
	plan->passed = palloc0(sizeof(int *) * (layout->nedges + 1));
	plan->npassed = palloc0(sizeof(int) * (layout->nedges + 1));
	for (int i = 0; i < layout->nnodes; i++)
		add_slot(plan, i, plan->component[i], layout->nodes[i].layer);
	for (int i = 0; i < layout->nedges; i++)
		add_edge(plan, i);
}

/* ---- heights ---- */

static double
wanted_y(const LayoutSlot *slot, const LayoutSlot *slots, bool left, bool right)
{
	double sum = 0;
	int n = 0;

	for (int i = 0; left && i < slot->nleft; i++, n++)
		sum += slots[slot->left[i]].y;
	for (int i = 0; right && i < slot->nright; i++, n++)
		sum += slots[slot->right[i]].y;
	return n == 0 ? slot->y : sum / n;
}

/*
 * Put the slots of a layer as near to where they want to be as their order
 * and sizes allow: without what those above take up (offset) heights must only
 * not decrease, so neighbours that want to pass each other are pooled at the
 * mean of what they want.
 */
static void
place_layer(LayoutLayer *layer, const LayoutSlot *slots, bool left, bool right)
{
	double *mean = palloc(sizeof(double) * (layer->nslots + 1));
	double *weight = palloc(sizeof(double) * (layer->nslots + 1));
	int *size = palloc(sizeof(int) * (layer->nslots + 1));
	int npools = 0;
	int offset = 0;
	int next = 0;

	for (int i = 0; i < layer->nslots; i++)
	{
		const LayoutSlot *slot = layer->slots[i];

		offset += slot->half;
		mean[npools] = wanted_y(slot, slots, left, right) - offset;
		weight[npools] = slot->node < 0 ? PASSING_WEIGHT : 1.0;
		size[npools++] = 1;
		offset += slot->half;
		while (npools > 1 && mean[npools - 2] > mean[npools - 1])
		{
			int into = npools - 2;
			double both = weight[into] + weight[into + 1];

			mean[into] = (mean[into] * weight[into] +
						  mean[into + 1] * weight[into + 1]) /
						 both;
			weight[into] = both;
			size[into] += size[into + 1];
			npools--;
		}
	}

	offset = 0;
	for (int pool = 0; pool < npools; pool++)
	{
		for (int i = 0; i < size[pool]; i++)
		{
			LayoutSlot *slot = layer->slots[next++];

			offset += slot->half;
			slot->y = rint(mean[pool]) + offset;
			offset += slot->half;
		}
	}
	pfree(mean);
	pfree(weight);
	pfree(size);
}

static void
stack_layer(LayoutLayer *layer)
{
	int y = 0;

	for (int i = 0; i < layer->nslots; i++)
	{
		y += layer->slots[i]->half;
		layer->slots[i]->y = y;
		y += layer->slots[i]->half;
	}
	for (int i = 0; i < layer->nslots; i++)
		layer->slots[i]->y -= y / 2;
}

static void
find_heights(LayoutLayer *layers, int nlayers, const LayoutSlot *slots)
{
	for (int i = 0; i < nlayers; i++)
		stack_layer(&layers[i]);
	for (int round = 0; round < ROUNDS; round++)
	{
		bool both = round >= ROUNDS - 4;

		for (int i = 0; i < nlayers; i++)
			place_layer(&layers[i], slots, true, both);
		for (int i = nlayers - 1; i >= 0; i--)
			place_layer(&layers[i], slots, both, true);
	}
}

/* ---- a component ---- */

/*
 * Layers follow each other and leave room where none needs it: close the gaps
 * that no slot reaches into.
 */
static int
compare_tops(const void *a, const void *b)
{
	const LayoutSlot *x = *(LayoutSlot *const *) a;
	const LayoutSlot *y = *(LayoutSlot *const *) b;
	double top = x->y - x->half;
	double other = y->y - y->half;

	return top < other ? -1 : top > other;
}

static void
close_gaps(const LayoutLayer *layers, int nlayers, int nslots)
{
	LayoutSlot **slots = palloc(sizeof(LayoutSlot *) * nslots);
	double shift = 0;
	double bottom;
	int n = 0;

	for (int i = 0; i < nlayers; i++)
	{
		for (int j = 0; j < layers[i].nslots; j++)
			slots[n++] = layers[i].slots[j];
	}
	qsort(slots, n, sizeof(LayoutSlot *), compare_tops);
	bottom = slots[0]->y - slots[0]->half;
	for (int i = 0; i < n; i++)
	{
		shift += Max(slots[i]->y - slots[i]->half - bottom, 0);
		bottom = Max(bottom, slots[i]->y + slots[i]->half);
		slots[i]->y -= shift;
	}
	pfree(slots);
}

typedef struct Component
{
	int nlayers;
	LayoutLayer *layers;
	int width;
	int height;
	int nslots;
	int number;
	int x;
	int y;
} Component;

/* A source may have been pulled: the first layer is where there is a node. */
static void
gather_layers(Plan *plan, Component *component)
{
	int first = INT_MAX;
	int last = 0;

	for (int i = 0; i < plan->nslots; i++)
	{
		if (plan->slots[i].component != component->number)
			continue;
		first = Min(first, plan->slots[i].layer);
		last = Max(last, plan->slots[i].layer);
		component->nslots++;
	}

	component->nlayers = last - first + 1;
	component->layers = palloc0(sizeof(LayoutLayer) * component->nlayers);
	for (int i = 0; i < plan->nslots; i++)
	{
		LayoutSlot *slot = &plan->slots[i];
		LayoutLayer *layer;

		if (slot->component != component->number)
			continue;
		slot->layer -= first;
		layer = &component->layers[slot->layer];
		if (layer->slots == NULL)
			layer->slots = palloc(sizeof(LayoutSlot *) * component->nslots);
		layer->slots[layer->nslots++] = slot;
	}
}

/* From 0 downwards; the width follows from the layers. */
static void
measure(Component *component, const LayoutSizes *sizes)
{
	int top = INT_MAX;
	int bottom = INT_MIN;

	for (int i = 0; i < component->nlayers; i++)
	{
		const LayoutLayer *layer = &component->layers[i];

		for (int j = 0; j < layer->nslots; j++)
		{
			top = Min(top, (int) layer->slots[j]->y - layer->slots[j]->half);
			bottom = Max(bottom,
						 (int) layer->slots[j]->y + layer->slots[j]->half);
		}
	}
	for (int i = 0; i < component->nlayers; i++)
	{
		for (int j = 0; j < component->layers[i].nslots; j++)
			component->layers[i].slots[j]->y -= top;
	}

	component->height = bottom - top;
	component->width = component->nlayers * sizes->node_width +
					   (component->nlayers - 1) * sizes->column_gap;
}

static void
lay_out_component(Plan *plan, Component *component)
{
	gather_layers(plan, component);
	pgt_order_layers(component->layers, component->nlayers, plan->slots);
	find_heights(component->layers, component->nlayers, plan->slots);
	close_gaps(component->layers, component->nlayers, component->nslots);
	measure(component, plan->sizes);
}

/* ---- all of them ---- */

/* The high ones first, so that those side by side are about as high. */
static int
compare_components(const void *a, const void *b)
{
	const Component *x = a;
	const Component *y = b;

	if (x->height != y->height)
		return y->height - x->height;
	if (x->width != y->width)
		return y->width - x->width;
	return x->number - y->number;
}

static void
pack(Plan *plan, Component *components, int n)
{
	Layout *layout = plan->layout;
	int gap = plan->sizes->component_gap;
	int limit = plan->sizes->width;
	int x = 0;
	int y = 0;
	int shelf = 0; /* the height of this one */

	qsort(components, n, sizeof(Component), compare_components);
	for (int i = 0; i < n; i++)
		limit = Max(limit, components[i].width);
	for (int i = 0; i < n; i++)
	{
		if (x > 0 && x + components[i].width > limit)
		{
			y += shelf + gap;
			x = shelf = 0;
		}
		components[i].x = x;
		components[i].y = y;
		x += components[i].width + plan->sizes->column_gap;
		shelf = Max(shelf, components[i].height);
		layout->width = Max(layout->width,
							components[i].x + components[i].width);
	}
	layout->height = y + shelf;
}

static void
place_nodes(Plan *plan, const Component *component)
{
	int step = plan->sizes->node_width + plan->sizes->column_gap;

	for (int i = 0; i < component->nlayers; i++)
	{
		for (int j = 0; j < component->layers[i].nslots; j++)
		{
			LayoutSlot *slot = component->layers[i].slots[j];

			slot->y += component->y;
			slot->key = component->x + i * step;
			if (slot->node < 0)
				continue;
			plan->layout->nodes[slot->node].layer = i;
			plan->layout->nodes[slot->node].x = (int) slot->key;
			plan->layout->nodes[slot->node].y = (int) slot->y;
		}
	}
}

/* It leaves a slot at its right side, and enters the next at the left. */
static void
place_edge(Plan *plan, int i)
{
	LayoutEdge *edge = &plan->layout->edges[i];
	int last = plan->npassed[i] - 1;

	edge->x = palloc(sizeof(int) * 2 * (last + 1));
	edge->y = palloc(sizeof(int) * 2 * (last + 1));
	edge->npoints = 0;
	for (int j = 0; j <= last; j++)
	{
		const LayoutSlot *slot = &plan->slots[plan->passed[i][j]];

		if (j > 0)
		{
			edge->x[edge->npoints] = (int) slot->key;
			edge->y[edge->npoints++] = (int) slot->y;
		}
		if (j < last)
		{
			edge->x[edge->npoints] = (int) slot->key + plan->sizes->node_width;
			edge->y[edge->npoints++] = (int) slot->y;
		}
	}
}

/*
 * See layout.h.
 */
void
pgt_lay_out(Layout *layout, const LayoutSizes *sizes)
{
	Plan plan = {.layout = layout, .sizes = sizes};
	Component *components;
	int n;

	layout->width = layout->height = 0;
	if (layout->nnodes == 0)
		return;

	for (int i = 0; i < layout->nnodes; i++)
		layout->nodes[i].layer = 0;
	find_layers(layout);
	pull_sources(layout);
	n = find_components(&plan);
	make_slots(&plan);

	components = palloc0(sizeof(Component) * n);
	for (int i = 0; i < n; i++)
	{
		components[i].number = i;
		lay_out_component(&plan, &components[i]);
	}
	pack(&plan, components, n);
	for (int i = 0; i < n; i++)
		place_nodes(&plan, &components[i]);
	for (int i = 0; i < layout->nedges; i++)
		place_edge(&plan, i);
}
