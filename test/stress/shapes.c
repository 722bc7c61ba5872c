/*
 * shapes.c
 *	  The query shapes that are maintained.
 *
 * A query names an upstream stream table in braces: {filter} becomes
 * stress.filter in the definition, and the query of that shape, over base
 * tables only, in the oracle.  So a chain is compared with what its sources
 * say and not with what its upstream says.
 *
 * Where SQL leaves freedom (the order inside string_agg, the sum of floats),
 * a shape has a total order, or values that are exactly representable.
 */
#include "stress.h"

#include <string.h>

#define ORDERS BIT(T_ORDERS)
#define CUSTOMERS BIT(T_CUSTOMERS)
#define PRODUCTS BIT(T_PRODUCTS)
#define REGIONS BIT(T_REGIONS)
#define RATES BIT(T_RATES)
#define EVENTS BIT(T_EVENTS)
#define EDGES BIT(T_EDGES)
#define PARTED BIT(T_PARTED)
#define PARENT BIT(T_PARENT)
#define DOCS BIT(T_DOCS)
#define LINES BIT(T_LINES)
#define PAIRS BIT(T_PAIRS)

/* Maintained by a delta; and exact all the same, by recomputing. */
#define DELTA(name, sources, query) \
	{ \
		name, sources, query, false \
	}
#define RECOMPUTED(name, sources, query) \
	{ \
		name, sources, query, true \
	}

const Shape shapes[] = {
	/* ---- one table ---- */
	DELTA("filter", ORDERS,
		  "SELECT id, cust, qty, amount FROM stress.orders WHERE qty > 20"),
	DELTA("project_duplicates", ORDERS,
		  "SELECT status, flag FROM stress.orders"),
	DELTA("expressions", ORDERS,
		  "SELECT id, qty * 2 + 1 AS twice, upper(status) AS status,"
		  " CASE WHEN amount > 50 THEN 'big' WHEN amount IS NULL THEN 'none'"
		  " ELSE 'small' END AS size, coalesce(note, '-') || status AS text"
		  " FROM stress.orders WHERE flag IS NOT FALSE"),
	DELTA("duplicates", EVENTS,
		  "SELECT grp, val FROM stress.events"),
	DELTA("null_keys", EVENTS,
		  "SELECT grp, tag, count(*) AS n, sum(val) AS total FROM stress.events"
		  " GROUP BY grp, tag"),
	DELTA("json_bag", DOCS,
		  "SELECT tag, meta FROM stress.docs"),
	DELTA("toasted", DOCS,
		  "SELECT id, body, tag, size FROM stress.docs WHERE tag <> 'w0'"),
	DELTA("toasted_group", DOCS,
		  "SELECT body, count(*) AS n, min(id) AS first FROM stress.docs"
		  " GROUP BY body"),
	DELTA("partitioned", PARTED,
		  "SELECT id, region, val, word FROM stress.parted WHERE val > 5"),
	DELTA("partitioned_group", PARTED,
		  "SELECT region, count(val) AS n, sum(val) AS total FROM stress.parted"
		  " GROUP BY region"),
	DELTA("one_partition", PARTED,
		  "SELECT word, val, id FROM stress.parted_mid WHERE val IS NOT NULL"),
	DELTA("inheritance", PARENT,
		  "SELECT word, val, count(*) AS n FROM stress.parent GROUP BY word, val"),
	DELTA("composite_keys", PAIRS,
		  "SELECT a, b, c, v FROM stress.pairs WHERE v > 10"),

	/* ---- joins ---- */
	DELTA("join", ORDERS | CUSTOMERS,
		  "SELECT o.id, c.name, o.amount FROM stress.orders o"
		  " JOIN stress.customers c ON c.id = o.cust"),
	DELTA("join_bag", ORDERS | PRODUCTS,
		  "SELECT p.kind, o.qty FROM stress.orders o"
		  " JOIN stress.products p ON p.id = o.prod"),
	DELTA("self_join", EDGES,
		  "SELECT a.src, b.src AS via, b.dst, a.w + b.w AS w FROM stress.edges a"
		  " JOIN stress.edges b ON b.src = a.dst"),
	DELTA("self_join_3", EDGES,
		  "SELECT a.src, b.dst FROM stress.edges a, stress.edges b, stress.edges c"
		  " WHERE b.src = a.dst AND c.src = b.dst AND c.dst = a.src"),
	DELTA("join_3", ORDERS | CUSTOMERS | REGIONS,
		  "SELECT o.id, c.name, r.label FROM stress.orders o"
		  " JOIN stress.customers c ON c.id = o.cust"
		  " JOIN stress.regions r ON r.id = c.region"),
	DELTA("join_4", ORDERS | CUSTOMERS | REGIONS | PRODUCTS,
		  "SELECT o.id, c.name, r.label, p.kind, o.qty * p.price AS value"
		  " FROM stress.orders o, stress.customers c, stress.regions r,"
		  " stress.products p WHERE c.id = o.cust AND r.id = c.region"
		  " AND p.id = o.prod AND o.qty > 5"),
	DELTA("non_equi", ORDERS | PRODUCTS,
		  "SELECT o.id, p.id AS prod FROM stress.orders o"
		  " JOIN stress.products p ON o.amount BETWEEN p.price AND p.price + 10"),
	DELTA("cross", REGIONS | PRODUCTS,
		  "SELECT r.label, p.kind, p.price FROM stress.regions r"
		  " CROSS JOIN stress.products p"),
	DELTA("join_using", CUSTOMERS | PARTED,
		  "SELECT region, c.name, p.val FROM stress.customers c"
		  " JOIN stress.parted p USING (region) WHERE p.val > 12"),
	DELTA("join_natural", CUSTOMERS | RATES,
		  "SELECT * FROM stress.customers NATURAL JOIN stress.rates"),
	DELTA("join_composite", PAIRS,
		  "SELECT p.a, p.b, q.b AS other, p.v - q.v AS step FROM stress.pairs p"
		  " JOIN stress.pairs q ON q.a = p.a AND q.b > p.b"),
	DELTA("join_foreign_key", DOCS | LINES,
		  "SELECT d.id, d.tag, l.n FROM stress.docs d"
		  " JOIN stress.lines l ON l.doc = d.id"),
	DELTA("join_toasted", DOCS | LINES,
		  "SELECT l.n, d.body FROM stress.lines l JOIN stress.docs d"
		  " ON d.id = l.doc WHERE l.n < 3"),

	/* ---- subqueries, views, CTEs, unions ---- */
	DELTA("subquery", ORDERS | CUSTOMERS,
		  "SELECT s.name, s.q FROM (SELECT c.name, o.qty + 1 AS q, o.flag"
		  " FROM stress.orders o JOIN stress.customers c ON c.id = o.cust) s"
		  " WHERE s.q > 10 AND s.flag"),
	DELTA("nested_views", ORDERS | CUSTOMERS,
		  "SELECT who AS customer, price, no FROM stress.named_orders"
		  " WHERE price < 150"),
	DELTA("cte", ORDERS | PRODUCTS,
		  "WITH big AS (SELECT id, prod FROM stress.orders WHERE qty > 15)"
		  " SELECT b.id, p.kind FROM big b JOIN stress.products p ON p.id = b.prod"),
	DELTA("cte_twice", EDGES,
		  "WITH e (f, t) AS (SELECT src, dst FROM stress.edges WHERE src <> dst)"
		  " SELECT x.f, y.t FROM e x JOIN e y ON y.f = x.t"),
	DELTA("cte_materialized", EVENTS,
		  "WITH e AS MATERIALIZED (SELECT grp, val FROM stress.events"
		  " WHERE tag IS NOT NULL) SELECT a.val, b.val AS other FROM e a JOIN e b"
		  " ON a.grp = b.grp"),
	DELTA("union_all", ORDERS,
		  "SELECT id, status FROM stress.orders WHERE qty > 10"
		  " UNION ALL SELECT id, status FROM stress.orders WHERE flag"),
	DELTA("union_all_types", ORDERS | PARTED,
		  "SELECT qty AS v, status AS word FROM stress.orders"
		  " UNION ALL SELECT amount, note FROM stress.orders"
		  " UNION ALL SELECT val, word FROM stress.parted"),
	DELTA("union_all_join", ORDERS | CUSTOMERS | EVENTS,
		  "SELECT c.name AS tag, o.qty AS val FROM stress.orders o"
		  " JOIN stress.customers c ON c.id = o.cust"
		  " UNION ALL SELECT tag, val FROM stress.events"),

	/* ---- aggregates ---- */
	DELTA("group_expressions", ORDERS,
		  "SELECT qty / 10 AS decade, lower(status) AS status, count(*) AS n,"
		  " sum(qty * 2) AS total FROM stress.orders"
		  " GROUP BY qty / 10, lower(status)"),
	DELTA("group_hidden", ORDERS,
		  "SELECT count(*) AS n, sum(qty) AS total FROM stress.orders"
		  " GROUP BY cust"),
	DELTA("having", ORDERS,
		  "SELECT cust, count(*) AS n FROM stress.orders GROUP BY cust"
		  " HAVING count(*) > 3"),
	DELTA("having_hidden", ORDERS | CUSTOMERS,
		  "SELECT c.region, max(o.qty) AS most FROM stress.orders o"
		  " JOIN stress.customers c ON c.id = o.cust GROUP BY c.region"
		  " HAVING sum(o.amount) > 1000 AND bool_or(o.flag)"),
	DELTA("agg_filter", ORDERS,
		  "SELECT status, count(*) FILTER (WHERE flag) AS yes,"
		  " sum(qty) FILTER (WHERE amount > 20) AS q, count(note) AS notes"
		  " FROM stress.orders GROUP BY status"),
	DELTA("distinct_rows", EVENTS,
		  "SELECT DISTINCT grp, tag FROM stress.events"),
	DELTA("distinct_join", ORDERS | CUSTOMERS,
		  "SELECT DISTINCT c.region, o.status FROM stress.orders o"
		  " JOIN stress.customers c ON c.id = o.cust"),
	DELTA("distinct_aggs", ORDERS,
		  "SELECT cust, count(DISTINCT prod) AS prods, sum(DISTINCT qty) AS qtys,"
		  " count(*) AS n FROM stress.orders GROUP BY cust"),
	DELTA("scalar", ORDERS,
		  "SELECT count(*) AS n, sum(qty) AS total, avg(amount) AS mean,"
		  " max(note) AS last FROM stress.orders"),
	DELTA("scalar_often_empty", EVENTS,
		  "SELECT count(*) AS n, sum(val) AS total, min(grp) AS first"
		  " FROM stress.events WHERE tag = 'late' AND val = 3"),
	DELTA("min_max", ORDERS,
		  "SELECT prod, min(qty) AS least, max(qty) AS most, min(note) AS first,"
		  " max(ratio) AS ratio FROM stress.orders GROUP BY prod"),
	DELTA("bools", ORDERS,
		  "SELECT status, bool_and(flag) AS every, bool_or(flag) AS any"
		  " FROM stress.orders GROUP BY status"),
	DELTA("numeric_stats", ORDERS,
		  "SELECT prod, sum(amount) AS total, avg(amount) AS mean,"
		  " stddev_samp(amount) AS dev, var_pop(qty) AS var, avg(qty) AS pieces"
		  " FROM stress.orders GROUP BY prod"),
	DELTA("string_agg", ORDERS,
		  "SELECT cust, string_agg(note, ',' ORDER BY qty DESC, id) AS notes"
		  " FROM stress.orders GROUP BY cust"),
	DELTA("array_agg", EVENTS,
		  "SELECT tag, array_agg(val ORDER BY val NULLS FIRST) AS vals"
		  " FROM stress.events GROUP BY tag"),
	DELTA("float_sum", ORDERS,
		  "SELECT cust, sum(ratio) AS total, avg(ratio) AS mean"
		  " FROM stress.orders GROUP BY cust"),
	DELTA("agg_in_join", ORDERS | CUSTOMERS,
		  "SELECT c.id, c.name, t.total FROM stress.customers c JOIN"
		  " (SELECT cust, sum(amount) AS total FROM stress.orders GROUP BY cust) t"
		  " ON t.cust = c.id"),
	DELTA("agg_over_join", ORDERS | CUSTOMERS | REGIONS,
		  "SELECT r.label, count(*) AS n, sum(o.amount) AS total"
		  " FROM stress.orders o JOIN stress.customers c ON c.id = o.cust"
		  " JOIN stress.regions r ON r.id = c.region GROUP BY r.label"),
	DELTA("agg_of_agg", ORDERS,
		  "SELECT n, count(*) AS customers, sum(total) AS total FROM"
		  " (SELECT cust, count(*) AS n, sum(qty) AS total FROM stress.orders"
		  " GROUP BY cust) t GROUP BY n"),
	DELTA("agg_join_agg", ORDERS | PARTED,
		  "SELECT a.k, a.n, b.total FROM (SELECT prod % 8 AS k, count(*) AS n"
		  " FROM stress.orders GROUP BY prod % 8) a JOIN (SELECT region AS k,"
		  " sum(val) AS total FROM stress.parted GROUP BY region) b ON a.k = b.k"),
	DELTA("agg_of_distinct", EVENTS,
		  "SELECT grp, count(*) AS tags FROM (SELECT DISTINCT grp, tag"
		  " FROM stress.events) d GROUP BY grp"),
	DELTA("agg_of_union", ORDERS | EVENTS,
		  "SELECT v, count(*) AS n FROM (SELECT qty AS v FROM stress.orders"
		  " UNION ALL SELECT val FROM stress.events) u GROUP BY v"),

	/* ---- stream tables on stream tables ---- */
	DELTA("chain", ORDERS,
		  "SELECT cust, count(*) AS n, sum(qty) AS total FROM {filter} f GROUP BY cust"),
	DELTA("chain_2", ORDERS,
		  "SELECT n, count(*) AS groups, max(total) AS most FROM {chain} c"
		  " GROUP BY n"),
	DELTA("chain_bag", EVENTS,
		  "SELECT a.val, b.val AS other FROM {duplicates} a JOIN {duplicates} b"
		  " ON a.grp = b.grp AND a.val < b.val"),
	DELTA("diamond", ORDERS,
		  "SELECT f.id, c.n, c.total FROM {filter} f JOIN {chain} c"
		  " ON c.cust = f.cust"),
	DELTA("stream_and_base", ORDERS | CUSTOMERS,
		  "SELECT c.name, t.n FROM {having} t JOIN stress.customers c"
		  " ON c.id = t.cust"),
	DELTA("two_streams", ORDERS | PARTED,
		  "SELECT a.prod, a.total, b.n FROM {numeric_stats} a"
		  " JOIN {partitioned_group} b ON b.region = a.prod % 8"),

	/* ---- no delta rule yet: exact all the same ---- */
	RECOMPUTED("left_join", CUSTOMERS | REGIONS,
			   "SELECT c.id, r.label FROM stress.customers c"
			   " LEFT JOIN stress.regions r ON r.id = c.region"),
	RECOMPUTED("inheritance_only", PARENT,
			   "SELECT id, val FROM ONLY stress.parent"),
	RECOMPUTED("window", PAIRS,
			   "SELECT a, b, rank() OVER (PARTITION BY a ORDER BY v) AS place"
			   " FROM stress.pairs"),
	RECOMPUTED("except", EVENTS,
			   "SELECT grp, val FROM stress.events WHERE tag = 'w0'"
			   " EXCEPT SELECT grp, val FROM stress.events WHERE tag = 'w1'"),
};

const int n_shapes = sizeof(shapes) / sizeof(shapes[0]);

static const Shape *
find_shape(const char *name, size_t length)
{
	for (int i = 0; i < n_shapes; i++)
		if (strlen(shapes[i].name) == length &&
			strncmp(shapes[i].name, name, length) == 0)
			return &shapes[i];
	fail("no shape \"%.*s\"", (int) length, name);
}

static void
expand(const char *query, bool oracle, Text *text)
{
	const char *brace;

	while ((brace = strchr(query, '{')) != NULL)
	{
		size_t length = strcspn(brace + 1, "}");
		const Shape *upstream = find_shape(brace + 1, length);

		text_add(text, "%.*s", (int) (brace - query), query);
		if (oracle)
		{
			text_add(text, "(");
			expand(upstream->query, true, text);
			text_add(text, ")");
		}
		else
			text_add(text, "stress.%s", upstream->name);
		query = brace + length + 2;
	}
	text_add(text, "%s", query);
}

void
shape_definition(const Shape *shape, Text *text)
{
	expand(shape->query, false, text);
}

void
shape_oracle(const Shape *shape, Text *text)
{
	expand(shape->query, true, text);
}
