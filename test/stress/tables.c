/*
 * tables.c
 *	  The tables that the driver writes.
 *
 * They are small (a few hundred rows), so that recomputing every query is
 * cheap, and so that the same rows, keys and groups are hit again and again.
 * Together they have what has gone wrong in systems of this kind: NULL keys,
 * duplicates without a key, numerics of one value and several display scales,
 * toasted values, a type without equality, partitions and children whose
 * columns stand in another order, dropped columns, cascading foreign keys,
 * generated columns, and a deferred trigger that writes at commit.
 */
#include "stress.h"

const TableSpec tables[N_TABLES] = {
	[T_ORDERS] = {
		.name = "orders",
		.owner = "id",
		.key = "id",
		.weight = 30,
		.columns = {
			{"id", VALUE_KEY, 400},
			{"cust", VALUE_NULL_INT, 60},
			{"prod", VALUE_INT, 30},
			{"qty", VALUE_INT, 50},
			{"amount", VALUE_NUMERIC, 200},
			{"ratio", VALUE_QUARTERS, 400},
			{"flag", VALUE_BOOL, 0},
			{"status", VALUE_WORD, 5},
			{"note", VALUE_WORD, 30},
		},
	},
	[T_CUSTOMERS] = {
		.name = "customers",
		.owner = "id",
		.key = "id",
		.weight = 10,
		.columns = {
			{"id", VALUE_KEY, 60},
			{"region", VALUE_NULL_INT, 8},
			{"name", VALUE_WORD, 30},
			{"grade", VALUE_INT, 4},
		},
	},
	[T_PRODUCTS] = {
		.name = "products",
		.owner = "id",
		.key = "id",
		.weight = 6,
		.columns = {
			{"id", VALUE_KEY, 30},
			{"kind", VALUE_WORD, 4},
			{"price", VALUE_NUMERIC, 200},
		},
	},
	[T_REGIONS] = {
		.name = "regions",
		.owner = "id",
		.key = "id",
		.weight = 4,
		.columns = {
			{"id", VALUE_KEY, 12},
			{"label", VALUE_WORD, 10},
		},
	},
	[T_RATES] = {
		.name = "rates",
		.weight = 4,
		.columns = {
			{"region", VALUE_NULL_INT, 8},
			{"grade", VALUE_INT, 4},
			{"rate", VALUE_NUMERIC, 10},
		},
	},
	[T_EVENTS] = {
		.name = "events",
		.weight = 16,
		.columns = {
			{"grp", VALUE_NULL_INT, 6},
			{"val", VALUE_NULL_INT, 5},
			{"tag", VALUE_WORD, 3},
		},
	},
	[T_EDGES] = {
		.name = "edges",
		.weight = 8,
		.columns = {
			{"src", VALUE_INT, 15},
			{"dst", VALUE_INT, 15},
			{"w", VALUE_NULL_INT, 5},
		},
	},
	[T_PARTED] = {
		.name = "parted",
		.owner = "id",
		.key = "id, region",
		.weight = 10,
		.columns = {
			{"id", VALUE_KEY, 150},
			{"region", VALUE_INT, 8},
			{"val", VALUE_NULL_INT, 20},
			{"word", VALUE_WORD, 8},
		},
	},
	[T_PARENT] = {
		.name = "parent",
		.owner = "id",
		/* No key: a child's is its own, and ON CONFLICT cannot name it. */
		.weight = 8,
		.columns = {
			{"id", VALUE_KEY, 100},
			{"val", VALUE_NULL_INT, 20},
			{"word", VALUE_WORD, 8},
		},
	},
	[T_DOCS] = {
		.name = "docs",
		.owner = "id",
		.key = "id",
		.weight = 8,
		.side_effects = true,
		.columns = {
			{"id", VALUE_KEY, 80},
			{"body", VALUE_LONG, 6},
			{"meta", VALUE_JSON, 5},
			{"tag", VALUE_WORD, 4},
		},
	},
	[T_LINES] = {
		.name = "lines",
		.owner = "doc",
		.weight = 6,
		.columns = {
			{"doc", VALUE_KEY, 80},
			{"n", VALUE_INT, 10},
		},
	},
	[T_PAIRS] = {
		.name = "pairs",
		.owner = "a",
		.key = "a, b",
		.weight = 8,
		.side_effects = true,
		.columns = {
			{"a", VALUE_KEY, 40},
			{"b", VALUE_WORD_KEY, 4},
			{"c", VALUE_NULL_INT, 6},
			{"v", VALUE_INT, 100},
		},
	},
};

const char *const schema_sql =
	"CREATE SCHEMA stress;"
	"SET search_path = stress;"

	"CREATE TABLE orders (id int PRIMARY KEY, gone text, cust int, prod int,"
	" qty int, amount numeric, ratio float8, flag boolean, status text,"
	" note text);"
	"ALTER TABLE orders DROP COLUMN gone;"
	"CREATE INDEX ON orders (cust);"

	"CREATE TABLE customers (id int PRIMARY KEY, region int,"
	" name varchar(20), grade smallint NOT NULL);"
	"CREATE TABLE products (id int PRIMARY KEY, kind text, price numeric);"
	"CREATE TABLE regions (id int PRIMARY KEY, label text);"
	"CREATE TABLE rates (region int, grade smallint, rate numeric(8,2));"
	"CREATE TABLE events (grp int, val int, tag text);"
	"CREATE TABLE edges (src int, dst int, w int);"

	"CREATE TABLE parted (id int, region int, val int, word text,"
	" PRIMARY KEY (id, region)) PARTITION BY LIST (region);"
	"CREATE TABLE parted_low PARTITION OF parted FOR VALUES IN (0, 1, 2);"
	"CREATE TABLE parted_mid (word text, gone int, val int,"
	" region int NOT NULL, id int NOT NULL);"
	"ALTER TABLE parted_mid DROP COLUMN gone;"
	"ALTER TABLE parted ATTACH PARTITION parted_mid FOR VALUES IN (3, 4);"
	"CREATE TABLE parted_rest PARTITION OF parted DEFAULT"
	" PARTITION BY RANGE (id);"
	"CREATE TABLE parted_rest_a PARTITION OF parted_rest"
	" FOR VALUES FROM (MINVALUE) TO (70);"
	"CREATE TABLE parted_rest_b PARTITION OF parted_rest"
	" FOR VALUES FROM (70) TO (MAXVALUE);"

	"CREATE TABLE parent (id int, val int, word text);"
	"CREATE TABLE child_a (extra int DEFAULT 1) INHERITS (parent);"
	"CREATE TABLE child_b (word text, more text DEFAULT 'm', val int, id int);"
	"ALTER TABLE child_b INHERIT parent;"

	"CREATE TABLE docs (id int PRIMARY KEY, body text, meta json, tag text,"
	" size int GENERATED ALWAYS AS (length(body)) STORED);"
	"ALTER TABLE docs ALTER body SET STORAGE EXTERNAL;"
	"CREATE TABLE lines (doc int REFERENCES docs ON DELETE CASCADE, n int);"

	"CREATE TABLE pairs (a int, b text, c int, v int, PRIMARY KEY (a, b));"
	"CREATE FUNCTION note_pair() RETURNS trigger LANGUAGE plpgsql AS $$"
	" BEGIN INSERT INTO stress.events VALUES (NEW.c, NEW.v % 5, 'late');"
	" RETURN NULL; END $$;"
	"CREATE CONSTRAINT TRIGGER note_pair AFTER INSERT ON pairs"
	" DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.v % 10 = 0)"
	" EXECUTE FUNCTION note_pair();"

	"CREATE VIEW big_orders (order_no, buyer, pieces, price) AS"
	" SELECT id, cust, qty, amount FROM orders WHERE qty >= 10;"
	"CREATE VIEW named_orders (no, who, price) AS"
	" SELECT b.order_no, c.name, b.price FROM big_orders b"
	" JOIN customers c ON c.id = b.buyer;"

	/* The rows of segments that some consumer may still need. */
	"CREATE FUNCTION read_logs() RETURNS text LANGUAGE plpgsql AS $$"
	" DECLARE log regclass; n bigint; result text := ''; BEGIN"
	" FOR log IN SELECT log_relid FROM pgtrickle.pgt_log_segments"
	" WHERE state IN ('O', 'c', 'C') ORDER BY track_id, segno LOOP"
	" EXECUTE format('SELECT count(*) FROM %s', log) INTO n;"
	" result := result || format('%s: %s ', log, n);"
	" END LOOP; RETURN result; END $$;"

	"INSERT INTO regions SELECT i, 'r' || i % 5 FROM generate_series(0, 9) i;"
	"INSERT INTO customers SELECT i, nullif(i % 9, 8), 'c' || i % 20, i % 4"
	" FROM generate_series(0, 49) i;"
	"INSERT INTO products SELECT i, 'k' || i % 4, i * 2.5"
	" FROM generate_series(0, 24) i;"
	"INSERT INTO rates SELECT i % 8, i % 4, i FROM generate_series(0, 15) i;"
	"INSERT INTO orders SELECT i, nullif(i % 61, 60), i % 30, i % 50,"
	" (i % 40) * 1.10, i * 0.25, i % 3 = 0, 'w' || i % 5, 'n' || i % 30"
	" FROM generate_series(0, 199) i;"
	"INSERT INTO events SELECT nullif(i % 7, 6), nullif(i % 5, 4), 'w' || i % 3"
	" FROM generate_series(0, 59) i;"
	"INSERT INTO edges SELECT i % 15, i % 14, i % 5"
	" FROM generate_series(0, 29) i;"
	"INSERT INTO parted SELECT i, i % 8, i % 20, 'w' || i % 8"
	" FROM generate_series(0, 79) i;"
	"INSERT INTO parent SELECT i, i % 20, 'w' FROM generate_series(0, 19) i;"
	"INSERT INTO child_a SELECT i, i % 20, 'a' FROM generate_series(20, 39) i;"
	"INSERT INTO child_b (id, val, word) SELECT i, i % 20, 'b'"
	" FROM generate_series(40, 59) i;"
	"INSERT INTO docs (id, body, meta, tag) SELECT i,"
	" repeat('body ' || i % 6, 300 * (i % 4)), '{\"i\": 1}', 'w' || i % 4"
	" FROM generate_series(0, 39) i;"
	"INSERT INTO lines SELECT i % 40, i % 10 FROM generate_series(0, 79) i;"
	"INSERT INTO pairs SELECT i % 40, 'w' || i % 3, i % 6, i"
	" FROM generate_series(0, 49) i;"
	"ANALYZE;";
