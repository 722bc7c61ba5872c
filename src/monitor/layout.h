/*
 * layout.h
 *	  Where the nodes and edges of a picture of a graph go.
 *
 * Pure: no server calls but palloc, unit-tested.
 */
#ifndef PGT_LAYOUT_H
#define PGT_LAYOUT_H

/* A node is a box; from its left edge, and from the middle of its height. */
typedef struct LayoutNode
{
	int layer; /* of its component, from left to right */
	int x;
	int y;
} LayoutNode;

/*
 * An edge runs from point to point: a curve between the first two, a straight
 * line to the next, and so on, with a curve at last.
 */
typedef struct LayoutEdge
{
	int from; /* number of a node; there are no circles */
	int to;
	int npoints;
	int *x;
	int *y;
} LayoutEdge;

/* In any unit. */
typedef struct LayoutSizes
{
	int node_width;
	int node_height;
	int column_gap;	   /* between layers */
	int row_gap;	   /* between nodes of a layer */
	int edge_height;   /* room for an edge that passes a layer */
	int component_gap; /* between parts that no edge connects */
	int width;		   /* such parts stand side by side as far as it goes */
} LayoutSizes;

typedef struct Layout
{
	int nnodes;
	LayoutNode *nodes; /* to be filled in */
	int nedges;
	LayoutEdge *edges; /* "from" and "to" are given */
	int width;
	int height;
} Layout;

extern void pgt_lay_out(Layout *layout, const LayoutSizes *sizes);

/* ---- between layout.c and layout_order.c ---- */

/*
 * A layer has a slot for each of its nodes and for each edge that passes it,
 * so that edges join slots of neighbouring layers only.
 */
typedef struct LayoutSlot
{
	int node; /* -1: an edge passes */
	int component;
	int layer;
	int rank; /* in its layer, from above */
	int half; /* of its height */
	double y; /* of its middle */
	double key;
	int nleft; /* neighbours in the layer before, as numbers of slots */
	int nright;
	int *left;
	int *right;
} LayoutSlot;

typedef struct LayoutLayer
{
	int nslots;
	LayoutSlot **slots; /* by rank */
} LayoutLayer;

/* Order the slots of layers so that few edges cross. */
extern void pgt_order_layers(LayoutLayer *layers, int nlayers,
							 LayoutSlot *slots);

/* How many do. */
extern int64 pgt_count_crossings(const LayoutLayer *layers, int nlayers,
								 const LayoutSlot *slots);

#endif /* PGT_LAYOUT_H */
