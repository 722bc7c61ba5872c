/*
 * statement.c
 *	  One random statement that writes, for example
 *
 *		UPDATE stress.orders SET qty = 17, note = note
 *		WHERE id % 6 = 2 AND id % 7 = 5
 *
 *	  by the third of six writers.
 *
 * Most statements keep to rows of their session (key % writers = session), or
 * skip rows that others have locked, so that sessions seldom wait for each
 * other; a few do not, which is where deadlocks, lock timeouts and failed
 * subtransactions come from.
 */
#include "stress.h"

#include <string.h>

typedef struct Context
{
	Random *random;
	int owner; /* the session */
	const TableSpec *table;
	const char *target; /* the table, or a part of it */
	Text *sql;
	Statement *out;
} Context;

/* ---- values ---- */

static void
add_numeric(Random *random, int range, Text *sql)
{
	static const char *const scales[] = {"", ".0", ".5", ".50", ".250", ".10"};

	text_add(sql, "%d%s", random_below(random, range),
			 scales[random_below(random, 6)]);
}

/* Empty, in line, and out of line in one and in several pieces. */
static void
add_long(Random *random, int range, Text *sql)
{
	static const int repeats[] = {0, 3, 400, 1300};

	text_add(sql, "repeat('long %d ', %d)", random_below(random, range),
			 repeats[random_below(random, 4)]);
}

static int
own_key(const Context *c, const ColumnSpec *column)
{
	int n = column->range / options.writers;

	return c->owner + options.writers * random_below(c->random, n);
}

static void
add_value(const Context *c, const ColumnSpec *column)
{
	static const char *const truths[] = {"true", "false", "NULL::boolean"};
	Random *random = c->random;
	Text *sql = c->sql;

	switch (column->kind)
	{
		case VALUE_KEY:
			text_add(sql, "%d", own_key(c, column));
			break;
		case VALUE_INT:
			text_add(sql, "%d", random_below(random, column->range));
			break;
		case VALUE_NULL_INT:
			if (random_percent(random, 25))
				text_add(sql, "NULL::int");
			else
				text_add(sql, "%d", random_below(random, column->range));
			break;
		case VALUE_NUMERIC:
			add_numeric(random, column->range, sql);
			break;
		case VALUE_QUARTERS:
			text_add(sql, "%.2f", random_below(random, column->range) * 0.25);
			break;
		case VALUE_BOOL:
			text_add(sql, "%s", truths[random_below(random, 3)]);
			break;
		case VALUE_WORD:
			if (random_percent(random, 10))
				text_add(sql, "NULL::text");
			else
				text_add(sql, "'w%d'", random_below(random, column->range));
			break;
		case VALUE_WORD_KEY:
			text_add(sql, "'w%d'", random_below(random, column->range));
			break;
		case VALUE_LONG:
			add_long(random, column->range, sql);
			break;
		case VALUE_JSON:
			text_add(sql, "'{\"i\":%s%d}'::json",
					 random_percent(random, 50) ? " " : "",
					 random_below(random, column->range));
			break;
	}
}

static int
n_columns(const TableSpec *table)
{
	int n = 0;

	while (n < MAX_COLUMNS && table->columns[n].name != NULL)
		n++;
	return n;
}

static const char *
last_column(const TableSpec *table)
{
	return table->columns[n_columns(table) - 1].name;
}

static void
add_names(const Context *c)
{
	for (int i = 0; i < n_columns(c->table); i++)
		text_add(c->sql, "%s%s", i > 0 ? ", " : "",
				 c->table->columns[i].name);
}

static void
add_row(const Context *c)
{
	text_add(c->sql, "(");
	for (int i = 0; i < n_columns(c->table); i++)
	{
		if (i > 0)
			text_add(c->sql, ", ");
		add_value(c, &c->table->columns[i]);
	}
	text_add(c->sql, ")");
}

/* Mostly one or two rows, sometimes more than the capture buffer holds. */
static int
add_rows(const Context *c)
{
	int n = random_percent(c->random, 60) ? 1 : 1 + random_below(c->random, 9);

	text_add(c->sql, "VALUES ");
	for (int i = 0; i < n; i++)
	{
		if (i > 0)
			text_add(c->sql, ", ");
		add_row(c);
	}
	return n;
}

/* Mostly a new value, else one made of the old one, or the old one itself. */
static void
add_assignments(const Context *c)
{
	int n = n_columns(c->table);
	int first = c->table->key != NULL && !random_percent(c->random, 5) ? 1 : 0;
	int chosen = first + random_below(c->random, n - first);
	int count = 1 + random_below(c->random, 3);

	for (int i = chosen; i < n && i < chosen + count; i++)
	{
		const ColumnSpec *column = &c->table->columns[i];

		text_add(c->sql, "%s%s = ", i > chosen ? ", " : "", column->name);
		if (random_percent(c->random, 15))
			text_add(c->sql, "%s", column->name);
		else if (column->kind == VALUE_NUMERIC && random_percent(c->random, 20))
			text_add(c->sql, "%s + 1.00", column->name);
		else
			add_value(c, column);
	}
}

/* ---- which rows ---- */

static void
add_unlocked_rows(const Context *c)
{
	const ColumnSpec *column = &c->table->columns[random_below(c->random, 2)];

	text_add(c->sql, "ctid = ANY (ARRAY(SELECT ctid FROM stress.%s WHERE %s ",
			 c->target, column->name);
	if (random_percent(c->random, 25))
		text_add(c->sql, "IS NULL");
	else
		text_add(c->sql, "= %d", random_below(c->random, column->range));
	text_add(c->sql, " LIMIT %d FOR UPDATE SKIP LOCKED))",
			 1 + random_below(c->random, 5));
}

static void
add_condition(const Context *c)
{
	const char *owner = c->table->owner;

	if (owner == NULL)
		add_unlocked_rows(c);
	else if (random_percent(c->random, 3))
		text_add(c->sql, "%s = %d", owner,
				 random_below(c->random, c->table->columns[0].range));
	else if (random_percent(c->random, 60))
		text_add(c->sql, "%s = %d", owner, own_key(c, &c->table->columns[0]));
	else
		text_add(c->sql, "%s %% %d = %d AND %s %% 7 = %d", owner,
				 options.writers, c->owner, owner, random_below(c->random, 7));
}

/* ---- statements ---- */

static void
make_insert(const Context *c)
{
	text_add(c->sql, "INSERT INTO stress.%s (", c->target);
	add_names(c);
	text_add(c->sql, ") ");
	add_rows(c);
	if (c->table->key != NULL && !random_percent(c->random, 8))
		text_add(c->sql, " ON CONFLICT DO NOTHING");
	c->out->sure = true;
	c->out->per_row = 1;
}

/* One row: two of one key would be an error. */
static void
make_upsert(const Context *c)
{
	const char *name = last_column(c->table);

	text_add(c->sql, "INSERT INTO stress.%s (", c->table->name);
	add_names(c);
	text_add(c->sql, ") VALUES ");
	add_row(c);
	text_add(c->sql, " ON CONFLICT (%s) DO UPDATE SET %s = excluded.%s",
			 c->table->key, name, name);
	c->out->per_row = 2;
}

static void
make_update(const Context *c)
{
	text_add(c->sql, "UPDATE stress.%s SET ", c->target);
	add_assignments(c);
	text_add(c->sql, " WHERE ");
	add_condition(c);
	c->out->per_row = 2;
}

static void
make_delete(const Context *c)
{
	text_add(c->sql, "DELETE FROM stress.%s WHERE ", c->target);
	add_condition(c);
	c->out->sure = true;
	c->out->per_row = c->table->side_effects ? 0 : 1;
}

static void
make_merge(const Context *c)
{
	const TableSpec *table = c->table;
	int n = n_columns(table);

	text_add(c->sql, "MERGE INTO stress.%s t USING"
					 " (SELECT DISTINCT ON (%s) * FROM (",
			 c->target, table->key);
	add_rows(c);
	text_add(c->sql, ") d (");
	add_names(c);
	text_add(c->sql, ")) v ON t.%s = v.%s"
					 " WHEN MATCHED AND t.%s %% 5 = %d THEN DELETE"
					 " WHEN MATCHED THEN UPDATE SET %s = v.%s"
					 " WHEN NOT MATCHED THEN INSERT (",
			 table->key, table->key, table->key, random_below(c->random, 5),
			 last_column(table), last_column(table));
	add_names(c);
	text_add(c->sql, ") VALUES (");
	for (int i = 0; i < n; i++)
		text_add(c->sql, "%sv.%s", i > 0 ? ", " : "", table->columns[i].name);
	text_add(c->sql, ")");
	c->out->per_row = 2;
}

/* Rows that leave and come back changed, in one statement. */
static void
make_move(const Context *c)
{
	text_add(c->sql, "WITH gone AS (DELETE FROM stress.%s WHERE ", c->target);
	add_condition(c);
	text_add(c->sql, " RETURNING *) INSERT INTO stress.%s (", c->target);
	add_names(c);
	text_add(c->sql, ") SELECT ");
	for (int i = 0; i < n_columns(c->table); i++)
		text_add(c->sql, "%s%s%s", i > 0 ? ", " : "",
				 c->table->columns[i].name, i == 1 ? " + 1" : "");
	text_add(c->sql, " FROM gone");
}

static void
make_doubling(const Context *c)
{
	text_add(c->sql, "INSERT INTO stress.%s (", c->target);
	add_names(c);
	text_add(c->sql, ") SELECT ");
	add_names(c);
	text_add(c->sql, " FROM stress.%s LIMIT %d", c->target,
			 1 + random_below(c->random, 3));
	c->out->sure = true;
	c->out->per_row = 1;
}

/* A subtransaction that a handler undoes, within one statement. */
static void
make_undone(const Context *c)
{
	c->out->aborted = 1;
	text_add(c->sql, "DO $$ BEGIN BEGIN INSERT INTO stress.%s (", c->target);
	add_names(c);
	text_add(c->sql, ") VALUES ");
	add_row(c);
	text_add(c->sql, "; RAISE EXCEPTION 'undo';"
					 " EXCEPTION WHEN raise_exception THEN NULL; END; END $$");
}

static void
make_copy(const Context *c)
{
	text_add(c->sql, "COPY stress.%s (", c->target);
	add_names(c);
	text_add(c->sql, ") FROM STDIN");
	c->out->sure = true;
	c->out->per_row = 1;
}

/* Each makes all consumers recompute: 3 % of the refreshes are enough. */
static bool
may_truncate(void)
{
	return options.automatic || coverage.explained == 0 ||
		   coverage.explained <= coverage.refreshes * 3 / 100;
}

static void
make_truncate(const Context *c)
{
	text_add(c->sql, "TRUNCATE stress.%s", c->target);
}

/* ---- the choice ---- */

static TableId
choose_table(Random *random, uint32_t allowed)
{
	int total = 0;
	int n;

	for (int i = 0; i < N_TABLES; i++)
		if (allowed & BIT(i))
			total += tables[i].weight;
	n = random_below(random, total);
	for (int i = 0; i < N_TABLES; i++)
	{
		if (!(allowed & BIT(i)))
			continue;
		n -= tables[i].weight;
		if (n < 0)
			return (TableId) i;
	}
	fail("no table to write");
}

static const char *
choose_target(Random *random, const TableSpec *table)
{
	static const char *const parts[] = {"parted_low", "parted_mid",
										"parted_rest"};
	static const char *const children[] = {"parent", "child_a", "child_b"};

	if (table == &tables[T_PARTED] && random_percent(random, 25))
		return parts[random_below(random, 3)];
	if (table == &tables[T_PARENT])
		return children[random_below(random, 3)];
	return table->name;
}

static const char *const copy_rows =
	"1\t1\t\\N\n2\t0\t1\n\\N\t3\t2\n1\t1\t2\n1\t1\t2\n";

/* Tables without key take COPY, doubling and move; the others MERGE. */
static void
make_special(const Context *c, const char **copy_data)
{
	int choice = random_below(c->random, 10);

	if (c->table->owner != NULL)
	{
		if (c->table->key != NULL && choice < 5)
			make_upsert(c);
		else if (c->table->key != NULL && strchr(c->table->key, ',') == NULL)
			make_merge(c);
		else
			make_update(c);
	}
	else if (choice < 4)
		make_undone(c);
	else if (choice < 6)
		make_move(c);
	else if (choice < 8)
		make_doubling(c);
	else
	{
		*copy_data = copy_rows;
		make_copy(c);
	}
}

/*
 * A statement of session "owner" on one of the tables "allowed".  Inserts are
 * of a few rows and deletes of a fraction, which keeps the tables small.
 */
void
random_statement(Random *random, int owner, uint32_t allowed, Text *sql,
				 const char **copy_data, Statement *statement)
{
	Context c = {
		.random = random,
		.owner = owner,
		.sql = sql,
		.out = statement,
	};
	int choice = random_below(random, 1000);

	memset(statement, 0, sizeof(*statement));
	statement->table = choose_table(random, allowed);
	*copy_data = NULL;
	c.table = &tables[statement->table];
	c.target = choose_target(random, c.table);
	if (choice < 1 && may_truncate() &&
		(!c.table->side_effects || c.target != c.table->name))
		make_truncate(&c);
	else if (choice < 380)
		make_insert(&c);
	else if (choice < 680)
		make_update(&c);
	else if (choice < 880)
		make_delete(&c);
	else
		make_special(&c, copy_data);
}
