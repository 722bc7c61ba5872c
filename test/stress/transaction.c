/*
 * transaction.c
 *	  What an open transaction has written, subtransaction by subtransaction.
 *
 * This is for the coverage only.  For example
 *
 *		BEGIN;
 *		INSERT INTO orders ...		level 0 has written orders
 *		SAVEPOINT s1;
 *		DELETE FROM events ...		level 1 has written events
 *									here somebody refreshes a stream table
 *									over events: level 1 becomes "late"
 *		ROLLBACK TO s1;				level 1 is forgotten, and counted if its
 *									rows were certainly in the capture buffer
 *		COMMIT;						counts as a late commit if a level that is
 *									left is late: here it is not
 *
 * Rows are certainly buffered while the transaction has written fewer than
 * the buffer holds, three.
 */
#include "stress.h"

#include <string.h>

#define BUFFER_ROWS 3
#define NO_TELLING 1000

void
tx_begin(Transaction *tx)
{
	memset(tx, 0, sizeof(*tx));
	tx->open = true;
	coverage.transactions++;
}

/* "rows" were captured for certain, "bound" at most (0: no telling). */
void
tx_wrote(Transaction *tx, TableId table, int rows, int bound)
{
	Level *level = &tx->levels[tx->depth];

	if (!tx->open)
		return;
	level->written |= BIT(table);
	if (active_sources & BIT(table))
		level->rows += rows;
	tx->bound += bound == 0 ? NO_TELLING : bound;
}

/* A refresh in the transaction has emptied the buffer. */
void
tx_flushed(Transaction *tx)
{
	tx->bound = 0;
	for (int i = 0; i <= tx->depth; i++)
		tx->levels[i].rows = 0;
}

void
tx_savepoint(Transaction *tx)
{
	tx->depth++;
	memset(&tx->levels[tx->depth], 0, sizeof(Level));
}

void
tx_release(Transaction *tx)
{
	Level *gone = &tx->levels[tx->depth--];
	Level *into = &tx->levels[tx->depth];

	into->written |= gone->written;
	into->late |= gone->late;
	into->rows += gone->rows;
	into->refreshes += gone->refreshes;
}

/* To the savepoint that began level "depth", which stays. */
void
tx_rollback_to(Transaction *tx, int depth)
{
	int rows = 0;

	for (int i = depth; i <= tx->depth; i++)
	{
		rows += tx->levels[i].rows;
		coverage.undone += tx->levels[i].refreshes;
	}
	if (rows > 0 && tx->bound < BUFFER_ROWS)
		coverage.aborted_subs++;
	tx->depth = depth;
	tx->failed = false;
	memset(&tx->levels[depth], 0, sizeof(Level));
}

void
tx_end(Transaction *tx, bool committed)
{
	uint32_t late = 0;

	for (int i = 0; i <= tx->depth; i++)
	{
		late |= tx->levels[i].late;
		if (!committed)
			coverage.undone += tx->levels[i].refreshes;
	}
	if (committed && late != 0)
		coverage.late_commits++;
	memset(tx, 0, sizeof(*tx));
}

uint32_t
tx_written(const Transaction *tx)
{
	uint32_t written = 0;

	for (int i = 0; tx->open && i <= tx->depth; i++)
		written |= tx->levels[i].written;
	return written;
}

/* Somebody else has refreshed a consumer of these tables. */
void
tx_refreshed(Transaction *tx, uint32_t sources)
{
	for (int i = 0; tx->open && i <= tx->depth; i++)
		tx->levels[i].late |= tx->levels[i].written & sources;
}
