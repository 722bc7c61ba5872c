/*
 * test_frontier.c
 *	  Which changes a frontier has seen, by example and against brute force.
 *
 * Objects: src/catalog/frontier.o
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "postgres.h"

#include "pg_trickle/frontier.h"

#define XID(number) FullTransactionIdFromU64(number)

/* 731:740:733 with own = (735, 0), as in the head of frontier.c */
static FullTransactionId running[] = {{733}};

static const Frontier example = {
	.era = "a",
	.xmin = {731},
	.xmax = {740},
	.nxip = 1,
	.xip = running,
	.own_xid = {735},
	.own_part = 0,
};

static void
example_of_the_head_comment(void **state)
{
	assert_true(pgt_frontier_sees(&example, XID(730), 5));
	assert_true(pgt_frontier_sees(&example, XID(732), 5));
	assert_false(pgt_frontier_sees(&example, XID(733), 0));
	assert_true(pgt_frontier_sees(&example, XID(735), 0));
	assert_false(pgt_frontier_sees(&example, XID(735), 1));
	assert_true(pgt_frontier_sees(&example, XID(739), 5));
	assert_false(pgt_frontier_sees(&example, XID(740), 0));
}

static void
eras_are_same_done_or_new(void **state)
{
	List *done = malloc(sizeof(List));
	ListCell cells[2];
	Frontier frontier = example;

	cells[0].ptr_value = "b";
	cells[1].ptr_value = "c";
	*done = (List){.type = T_List, .length = 2, .max_length = 2};
	done->elements = cells;
	frontier.done_eras = done;

	assert_int_equal(pgt_frontier_era(&frontier, "a"), ERA_SAME);
	assert_int_equal(pgt_frontier_era(&frontier, "b"), ERA_DONE);
	assert_int_equal(pgt_frontier_era(&frontier, "c"), ERA_DONE);
	assert_int_equal(pgt_frontier_era(&frontier, "d"), ERA_NEW);
	assert_int_equal(pgt_frontier_era(&example, "b"), ERA_NEW);
	assert_int_equal(pgt_frontier_era(NULL, "a"), ERA_NEW);
	free(done);
}

/*
 * Every frontier with xids from 1 to 6, given by its running xids as a set of
 * bits and its own xid (0: none).  Bounds are as a snapshot has them: xmin is
 * the first running xid or xmax.
 */
typedef struct Small
{
	Frontier frontier;
	FullTransactionId xip[8];
} Small;

static void
make_small(Small *small, int xmax, int bits, int own)
{
	memset(small, 0, sizeof(Small));
	small->frontier.xip = small->xip;
	small->frontier.xmax = XID(xmax);
	small->frontier.own_xid = XID(own);
	for (int xid = 1; xid < xmax; xid++)
	{
		if (bits & (1 << xid))
			small->xip[small->frontier.nxip++] = XID(xid);
	}
	small->frontier.xmin =
		small->frontier.nxip > 0 ? small->xip[0] : XID(xmax);
}

static bool
seen_by_definition(int xid, int part, int xmax, int bits, int own)
{
	if (xid == own)
		return part <= 0;
	return xid < xmax && (bits & (1 << xid)) == 0;
}

/* Calls check() for every small frontier; the own xid is never running. */
static void
for_every_small_frontier(void (*check)(const Frontier *, int, int, int))
{
	for (int xmax = 1; xmax <= 6; xmax++)
	{
		for (int bits = 0; bits < (1 << xmax); bits += 2)
		{
			for (int own = 0; own <= 6; own++)
			{
				Small small;

				if (own != 0 && (bits & (1 << own)) != 0)
					continue;
				make_small(&small, xmax, bits, own);
				check(&small.frontier, xmax, bits, own);
			}
		}
	}
}

static void
check_sees(const Frontier *frontier, int xmax, int bits, int own)
{
	for (int xid = 1; xid <= 7; xid++)
	{
		for (int part = 0; part <= 1; part++)
			assert_int_equal(pgt_frontier_sees(frontier, XID(xid), part),
							 seen_by_definition(xid, part, xmax, bits, own));
	}
}

/* Right about ranges without the own xid, and never yes where it is no. */
static void
check_passed(const Frontier *frontier, int xmax, int bits, int own)
{
	for (int min = 1; min <= 7; min++)
	{
		bool all_seen = true;

		for (int max = min; max <= 7; max++)
		{
			bool passed =
				pgt_frontier_passed(frontier, XID(min), XID(max));

			all_seen = all_seen &&
					   seen_by_definition(max, 1, xmax, bits, own);
			if (own < min || own > max)
				assert_int_equal(passed, all_seen);
			else
				assert_false(passed);
		}
	}
}

static void
sees_what_the_definition_sees(void **state)
{
	for_every_small_frontier(check_sees);
}

static void
passes_what_is_seen_in_whole(void **state)
{
	for_every_small_frontier(check_passed);
}

/* A frontier covers another one unless that has seen what it has not. */
static Frontier earlier;
static int earlier_xmax, earlier_bits, earlier_own;

static void
check_covers(const Frontier *later, int xmax, int bits, int own)
{
	bool covers = earlier_xmax <= xmax;

	for (int xid = 1; xid < earlier_xmax && xid < xmax; xid++)
	{
		if (xid != earlier_own &&
			seen_by_definition(xid, 0, earlier_xmax, earlier_bits,
							   earlier_own) &&
			!seen_by_definition(xid, 0, xmax, bits, 0))
			covers = false;
	}
	assert_int_equal(pgt_frontier_covers(later, &earlier), covers);
}

static void
for_each_as_earlier(const Frontier *frontier, int xmax, int bits, int own)
{
	earlier = *frontier;
	earlier_xmax = xmax;
	earlier_bits = bits;
	earlier_own = own;
	for_every_small_frontier(check_covers);
}

static void
covers_what_has_seen_no_more(void **state)
{
	for_every_small_frontier(for_each_as_earlier);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(example_of_the_head_comment),
		cmocka_unit_test(eras_are_same_done_or_new),
		cmocka_unit_test(sees_what_the_definition_sees),
		cmocka_unit_test(passes_what_is_seen_in_whole),
		cmocka_unit_test(covers_what_has_seen_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
