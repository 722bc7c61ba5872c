/*
 * test_layout.c
 *	  Where nodes and edges of a picture go: what must hold for any graph.
 *
 * Objects: src/monitor/layout.o src/monitor/layout_order.o
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "postgres.h"

#include "../../src/monitor/layout.h"

#define MAX_NODES 200
#define MAX_EDGES 1000

static const LayoutSizes sizes = {
	.node_width = 200,
	.node_height = 40,
	.column_gap = 60,
	.row_gap = 10,
	.edge_height = 12,
	.component_gap = 20,
	.width = 1000,
};

static LayoutNode nodes[MAX_NODES];
static LayoutEdge edges[MAX_EDGES];
static Layout layout;

static void
begin(int nnodes)
{
	memset(nodes, 0, sizeof(nodes));
	memset(edges, 0, sizeof(edges));
	memset(&layout, 0, sizeof(layout));
	layout.nodes = nodes;
	layout.edges = edges;
	layout.nnodes = nnodes;
}

static void
connect(int from, int to)
{
	edges[layout.nedges].from = from;
	edges[layout.nedges].to = to;
	layout.nedges++;
}

/* ---- what must hold ---- */

/* Both are ranges without their ends. */
static bool
overlap(int a, int a_end, int b, int b_end)
{
	return a < b_end && b < a_end;
}

static void
boxes_do_not_overlap(void)
{
	for (int i = 0; i < layout.nnodes; i++)
	{
		for (int j = 0; j < i; j++)
			assert_false(overlap(nodes[i].x, nodes[i].x + sizes.node_width,
								 nodes[j].x, nodes[j].x + sizes.node_width) &&
						 overlap(nodes[i].y - sizes.node_height / 2,
								 nodes[i].y + sizes.node_height / 2,
								 nodes[j].y - sizes.node_height / 2,
								 nodes[j].y + sizes.node_height / 2));
	}
}

static void
boxes_are_in_the_picture(void)
{
	for (int i = 0; i < layout.nnodes; i++)
	{
		assert_true(nodes[i].x >= 0);
		assert_true(nodes[i].y >= sizes.node_height / 2);
		assert_true(nodes[i].x + sizes.node_width <= layout.width);
		assert_true(nodes[i].y + sizes.node_height / 2 <= layout.height);
	}
}

/* A straight piece of an edge runs beside all boxes. */
static void
runs_beside_boxes(const LayoutEdge *edge)
{
	for (int i = 2; i < edge->npoints; i += 2)
	{
		assert_int_equal(edge->y[i - 1], edge->y[i]);
		for (int j = 0; j < layout.nnodes; j++)
			assert_false(overlap(edge->x[i - 1], edge->x[i], nodes[j].x,
								 nodes[j].x + sizes.node_width) &&
						 abs(edge->y[i] - nodes[j].y) < sizes.node_height / 2);
	}
}

static void
edges_lead_to_the_right(void)
{
	for (int i = 0; i < layout.nedges; i++)
	{
		const LayoutEdge *edge = &edges[i];
		const LayoutNode *from = &nodes[edge->from];
		const LayoutNode *to = &nodes[edge->to];

		assert_true(from->layer < to->layer);
		assert_int_equal(edge->npoints, 2 * (to->layer - from->layer));
		assert_int_equal(edge->x[0], from->x + sizes.node_width);
		assert_int_equal(edge->y[0], from->y);
		assert_int_equal(edge->x[edge->npoints - 1], to->x);
		assert_int_equal(edge->y[edge->npoints - 1], to->y);
		for (int j = 1; j < edge->npoints; j++)
			assert_true(edge->x[j] > edge->x[j - 1]);
		runs_beside_boxes(edge);
	}
}

static void
lay_out(void)
{
	pgt_lay_out(&layout, &sizes);
	boxes_do_not_overlap();
	boxes_are_in_the_picture();
	edges_lead_to_the_right();
}

/* ---- graphs ---- */

static void
nothing(void **state)
{
	begin(0);
	lay_out();
	assert_int_equal(layout.width, 0);
	assert_int_equal(layout.height, 0);
}

static void
a_chain_is_a_line(void **state)
{
	begin(5);
	for (int i = 0; i < 4; i++)
		connect(i, i + 1);
	lay_out();
	for (int i = 0; i < 5; i++)
	{
		assert_int_equal(nodes[i].layer, i);
		assert_int_equal(nodes[i].y, nodes[0].y);
	}
	assert_int_equal(layout.width, 5 * 200 + 4 * 60);
	assert_int_equal(layout.height, 50);
}

/* 0 -> 1 -> 2 -> 3 and 4 -> 3: the source 4 stands beside 2. */
static void
a_source_stands_before_its_consumer(void **state)
{
	begin(5);
	connect(0, 1);
	connect(1, 2);
	connect(2, 3);
	connect(4, 3);
	lay_out();
	assert_int_equal(nodes[4].layer, 2);
}

/* 0 -> 1 -> 2 and 0 -> 2: the long way decides, the short one goes around. */
static void
the_longest_way_decides(void **state)
{
	begin(3);
	connect(0, 2);
	connect(0, 1);
	connect(1, 2);
	lay_out();
	assert_int_equal(nodes[2].layer, 2);
	assert_true(abs(edges[0].y[1] - nodes[1].y) >= sizes.node_height / 2);
}

/* Twenty pairs that cross each other in the order of their numbers. */
static void
crossings_are_undone(void **state)
{
	begin(41);
	for (int i = 0; i < 20; i++)
	{
		connect(i, 20 + (i * 7) % 20);
		connect(20 + (i * 7) % 20, 40);
	}
	lay_out();
	for (int i = 0; i < 20; i++)
	{
		for (int j = 0; j < i; j++)
			assert_true((edges[2 * i].y[0] < edges[2 * j].y[0]) ==
						(edges[2 * i].y[1] < edges[2 * j].y[1]));
	}
}

/* Ten pairs: three side by side, as far as there is room, on four shelves. */
static void
parts_stand_side_by_side(void **state)
{
	begin(20);
	for (int i = 0; i < 10; i++)
		connect(i, 10 + i);
	lay_out();
	assert_int_equal(layout.width, 2 * 460 + 60);
	assert_int_equal(layout.height, 5 * 50 + 4 * 20);
}

/* ---- many graphs ---- */

static uint32 seed;

static int
random_below(int n)
{
	seed = seed * 1664525 + 1013904223;
	return (int) ((seed >> 8) % n);
}

static void
any_graph(void **state)
{
	for (seed = 1; seed < 100000000; seed = seed * 3 + 1)
	{
		uint32 before = seed;
		int n = 1 + random_below(60);

		begin(n);
		for (int i = 1; i < n; i++)
		{
			int inputs = random_below(4);

			for (int j = 0; j < inputs; j++)
				connect(random_below(i), i);
		}
		lay_out();
		seed = before;
	}
}

static void
use_rows(bool *used, int from, int to)
{
	for (int y = from; y < to; y++)
		used[y] = true;
}

/* In a graph of one part. */
static void
no_row_is_empty(void **state)
{
	for (seed = 1; seed < 100000000; seed = seed * 3 + 1)
	{
		uint32 before = seed;
		int n = 2 + random_below(40);
		bool used[MAX_NODES * 62] = {0};

		begin(n);
		for (int i = 1; i < n; i++)
			connect(random_below(i), i);
		for (int i = n / 2; i < n; i++)
			connect(random_below(i), i);
		lay_out();

		for (int i = 0; i < n; i++)
			use_rows(used, nodes[i].y - 25, nodes[i].y + 25);
		for (int i = 0; i < layout.nedges; i++)
		{
			for (int j = 2; j < edges[i].npoints; j += 2)
				use_rows(used, edges[i].y[j] - 6, edges[i].y[j] + 6);
		}
		for (int y = 0; y < layout.height; y++)
			assert_true(used[y]);
		seed = before;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing),
		cmocka_unit_test(a_chain_is_a_line),
		cmocka_unit_test(a_source_stands_before_its_consumer),
		cmocka_unit_test(the_longest_way_decides),
		cmocka_unit_test(crossings_are_undone),
		cmocka_unit_test(parts_stand_side_by_side),
		cmocka_unit_test(any_graph),
		cmocka_unit_test(no_row_is_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
