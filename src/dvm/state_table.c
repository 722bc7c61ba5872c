/*-------------------------------------------------------------------------
 *
 * state_table.c
 *	  The state table of a node: its columns, its creation, and whether an
 *	  existing one still fits.
 *
 * See node.h for an example.  The only index is on the hash of the keys, so
 * that keys may be of any size, and that an update of a group is a HOT update:
 * no other column is indexed, and the fill factor leaves room on the page.  A
 * change may be of all groups: where a page cannot take a new version of each
 * of its rows, they move to other pages, become few on each, and then pages
 * are never full enough for the server to remove the dead versions, of which
 * each look-up meets all.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "access/genam.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "nodes/execnodes.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/value.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "pg_trickle/catalog.h"
#include "pg_trickle/hash_basis.h"
#include "pg_trickle/node.h"
#include "pg_trickle/type_shape.h"

#define STATE_FILLFACTOR 45 /* room for a new version of every row */
#define STATE_SCHEMA "pgtrickle_state"

/* ---- planning ---- */

static QueryNode *
copy_query_node(const QueryNode *query)
{
	QueryNode *copy = palloc(sizeof(QueryNode));
	ListCell *lc;

	*copy = *query;
	copy->rule = pstrdup(query->rule);
	copy->input = NULL; /* that of the linear query is bound to tables */
	copy->keys = copyObject(query->keys);
	copy->aggs = NIL;
	foreach (lc, query->aggs)
	{
		NodeAgg *agg = palloc(sizeof(NodeAgg));

		agg->aggref = copyObject(((NodeAgg *) lfirst(lc))->aggref);
		copy->aggs = lappend(copy->aggs, agg);
	}
	return copy;
}

static void
plan_memory(NodeProgram *node)
{
	AggregateMemory *memory = &node->agg_memory;

	memory->lasting = node->memory;
	memory->group = AllocSetContextCreate(node->memory, "pg_trickle group",
										  ALLOCSET_DEFAULT_SIZES);
	memory->row = AllocSetContextCreate(node->memory, "pg_trickle row",
										ALLOCSET_DEFAULT_SIZES);
	memory->caller = makeNode(WindowAggState);
	node->run = AllocSetContextCreate(node->memory, "pg_trickle node run",
									  ALLOCSET_DEFAULT_SIZES);
}

/* Number the columns of the state table; returns how many there are. */
static int
number_columns(NodeProgram *node)
{
	AttrNumber last = node->nkeys;

	for (int i = 0; i < node->naggs; i++)
		node->aggs[i]->result = ++last;
	node->nvisible = last;
	node->n = ++last;
	if (node->keys_vary)
		node->shown = ++last;

	for (int i = 0; i < node->naggs; i++)
	{
		Aggregate *agg = node->aggs[i];

		if (agg->strategy->keeps & KEEPS_STATE)
			agg->state = agg->state_is_result ? agg->result : ++last;
		if (agg->strategy->keeps & KEEPS_COUNT)
			agg->count = agg->count_is_n ? node->n : ++last;
	}
	node->hash = ++last;
	return last;
}

static void
describe_column(TupleDesc desc, AttrNumber attno, char prefix, int number,
				Oid type)
{
	char name[NAMEDATALEN];

	snprintf(name, sizeof(name), "%c%d", prefix, number);
	TupleDescInitEntry(desc, attno, name, type, -1, 0);
}

/* The columns k1.. and a1.., first in "desc". */
static void
describe_visible(const NodeProgram *node, TupleDesc desc)
{
	for (int i = 0; i < node->nkeys; i++)
	{
		Form_pg_attribute key = TupleDescAttr(node->input_desc, i);

		describe_column(desc, i + 1, 'k', i + 1, key->atttypid);
		TupleDescAttr(desc, i)->atttypmod = key->atttypmod;
		TupleDescInitEntryCollation(desc, i + 1, key->attcollation);
	}

	for (int i = 0; i < node->naggs; i++)
	{
		const Aggregate *agg = node->aggs[i];

		describe_column(desc, agg->result, 'a', i + 1, agg->aggref->aggtype);
		TupleDescInitEntryCollation(desc, agg->result, agg->aggref->aggcollid);
	}
}

static TupleDesc
describe_state(const NodeProgram *node, int ncolumns)
{
	TupleDesc desc = CreateTemplateTupleDesc(ncolumns);

	describe_visible(node, desc);
	TupleDescInitEntry(desc, node->n, "n", INT8OID, -1, 0);
	if (node->shown != InvalidAttrNumber)
		TupleDescInitEntry(desc, node->shown, "shown", INT8OID, -1, 0);
	for (int i = 0; i < node->naggs; i++)
	{
		const Aggregate *agg = node->aggs[i];

		if (agg->state > node->n)
			describe_column(desc, agg->state, 's', i + 1, agg->statetype);
		if (agg->count > node->n)
			describe_column(desc, agg->count, 'c', i + 1, INT8OID);
	}
	TupleDescInitEntry(desc, node->hash, "hash", INT8OID, -1, 0);
	return desc;
}

/*
 * Begin to plan a node; its query, without the input, and the row type of the
 * input are the node's to keep.
 */
static NodeProgram *
begin_plan(QueryNode *query, TupleDesc input_desc, MemoryContext memory)
{
	NodeProgram *node = palloc0(sizeof(NodeProgram));

	node->memory = memory;
	node->query = query;
	node->name = psprintf("node %d", query->id);
	node->nkeys = query->nkeys;
	node->naggs = list_length(query->aggs);
	node->input_desc = input_desc;
	plan_memory(node);
	return node;
}

/* Once it is known whether keys may vary. */
static void
finish_plan(NodeProgram *node)
{
	ListCell *lc;

	node->aggs = palloc(sizeof(Aggregate *) * (node->naggs + 1));
	foreach (lc, node->query->aggs)
	{
		int i = foreach_current_index(lc);

		node->aggs[i] = pgt_aggregate_plan(((NodeAgg *) lfirst(lc))->aggref,
										   i + 1, &node->agg_memory);
	}
	node->state_desc = describe_state(node, number_columns(node));
}

/*
 * Plan a node from its query: aggregates with their strategies, and the
 * columns of its tables.  Only catalogs are read.  The result lives in
 * "memory", which is the caller's to delete.
 */
NodeProgram *
pgt_node_plan(const QueryNode *query, MemoryContext memory)
{
	MemoryContext before = MemoryContextSwitchTo(memory);
	TupleDesc input_desc = ExecCleanTypeFromTL(query->input->targetList);
	NodeProgram *node = begin_plan(copy_query_node(query), input_desc, memory);

	node->keys_vary = pgt_keys_may_vary(node);
	finish_plan(node);
	MemoryContextSwitchTo(before);
	return node;
}

/*
 * The columns of a node's output, without the weight; in the current memory
 * context.
 */
TupleDesc
pgt_node_output_desc(const QueryNode *query)
{
	MemoryContext memory = AllocSetContextCreate(CurrentMemoryContext,
												 "pg_trickle node plan",
												 ALLOCSET_SMALL_SIZES);
	NodeProgram *node = pgt_node_plan(query, memory);
	TupleDesc desc = CreateTemplateTupleDesc(node->nvisible);

	describe_visible(node, desc);
	MemoryContextDelete(memory);
	return desc;
}

/* ---- creation ---- */

static TupleDesc
first_columns(TupleDesc desc, int ncols)
{
	TupleDesc first = CreateTemplateTupleDesc(ncols);

	for (int i = 0; i < ncols; i++)
		TupleDescCopyEntry(first, i + 1, desc, i + 1);
	return first;
}

/* The arguments of an aggregate as columns. */
static TupleDesc
describe_arguments(const Aggregate *agg)
{
	List *args = agg->aggref->args;
	TupleDesc desc = CreateTemplateTupleDesc(list_length(args));
	ListCell *lc;

	foreach (lc, args)
	{
		Node *arg = (Node *) lfirst_node(TargetEntry, lc)->expr;
		AttrNumber attno = foreach_current_index(lc) + 1;

		TupleDescInitEntry(desc, attno, "v", exprType(arg), exprTypmod(arg),
						   0);
		TupleDescInitEntryCollation(desc, attno, exprCollation(arg));
	}
	return desc;
}

static bool
keeps_values(const Aggregate *agg)
{
	return (agg->strategy->keeps & KEEPS_VALUES) != 0;
}

/* Values are read in order unless a state is made from them. */
static bool
keeps_order(const Aggregate *agg)
{
	return (agg->strategy->keeps & KEEPS_STATE) == 0;
}

static void
add_columns(HashBasis *basis, TupleDesc desc, int ncols)
{
	for (int i = 0; i < ncols; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		pgt_add_hash_basis(basis, att->atttypid, att->attcollation);
	}
}

/* Hashed are the keys, and values that are kept in no order. */
static void
append_hash_basis(StringInfo text, const NodeProgram *node)
{
	HashBasis basis = {0};

	add_columns(&basis, node->input_desc, node->nkeys);
	for (int i = 0; i < node->naggs; i++)
	{
		const Aggregate *agg = node->aggs[i];

		if (keeps_values(agg) && !keeps_order(agg))
			add_columns(&basis, describe_arguments(agg),
						list_length(agg->aggref->args));
	}
	pgt_append_hash_basis(text, &basis, pgt_current_era());
}

/*
 * What an existing state table was made for, to compare.  It keeps hashes of
 * keys and arguments, which change with the attributes of composite types, and
 * are dumped: they may be others in a restored database.
 */
static char *
signature(const NodeProgram *node)
{
	StringInfoData text;
	List *seen = NIL;
	List *relids = NIL;

	initStringInfo(&text);
	appendStringInfoString(&text, node->query->rule);
	for (int i = 0; i < node->nkeys; i++)
	{
		Oid type = TupleDescAttr(node->input_desc, i)->atttypid;

		appendStringInfo(&text, "%s %s", i == 0 ? " by" : ",",
						 format_type_be_qualified(type));
	}
	for (int i = 0; i < node->input_desc->natts; i++)
		pgt_append_type_shape(&text,
							  TupleDescAttr(node->input_desc, i)->atttypid,
							  TYPE_EQUALS, &seen, &relids);
	if (node->shown != InvalidAttrNumber)
		appendStringInfoString(&text, "; one shown");
	for (int i = 0; i < node->naggs; i++)
		appendStringInfo(&text, "; %s",
						 pgt_aggregate_signature(node->aggs[i]));
	append_hash_basis(&text, node);
	return text.data;
}

static Oid
create_multiset(const NodeProgram *node, const Aggregate *agg,
				const char *suffix, Oid owner, Oid relid)
{
	if (!keeps_values(agg))
		return InvalidOid;
	return pgt_multiset_create(psprintf("m_%s_%d", suffix, agg->number),
							   first_columns(node->input_desc, node->nkeys),
							   describe_arguments(agg),
							   keeps_order(agg), owner, relid);
}

static Oid
create_table(const NodeProgram *node, const char *suffix, Oid owner, Oid relid)
{
	char *name = psprintf("n_%s", suffix);
	Integer *percent = makeInteger(STATE_FILLFACTOR);
	DefElem *fillfactor = makeDefElem("fillfactor", (Node *) percent, -1);
	Oid table = pgt_create_internal_table(STATE_SCHEMA, name,
										  node->state_desc, owner,
										  relid,
										  list_make1(fillfactor));

	(void) pgt_create_internal_index(table, psprintf("%s_index", name), 1,
									 &node->hash, false);
	return table;
}

/*
 * Create the tables of a node, empty, owned by "owner" and dropped with
 * "relid"; the caller stores the result, which is in the current memory
 * context.
 */
struct NodeState *
pgt_node_create_state(int64 pgt_id, const QueryNode *query, Oid relid,
					  Oid owner)
{
	MemoryContext memory = AllocSetContextCreate(CurrentMemoryContext,
												 "pg_trickle node plan",
												 ALLOCSET_DEFAULT_SIZES);
	NodeProgram *node = pgt_node_plan(query, memory);
	NodeState *state = palloc0(sizeof(NodeState));
	char *suffix = psprintf(INT64_FORMAT "_%d", pgt_id, query->id);

	state->pgt_id = pgt_id;
	state->node_id = query->id;
	state->rule = pstrdup(query->rule);
	state->signature = signature(node);
	state->state_relid = create_table(node, suffix, owner, relid);
	for (int i = 0; i < node->naggs; i++)
		state->multisets = lappend_oid(state->multisets,
									   create_multiset(node, node->aggs[i],
													   suffix, owner, relid));
	MemoryContextDelete(memory);
	return state;
}

/*
 * What the tables of a node have to be made for, palloc'd.  It is another text
 * after an aggregate was replaced by another kind, when a new major version of
 * the server keeps other states, or where hashes are others.
 */
char *
pgt_node_signature(const QueryNode *query)
{
	MemoryContext memory = AllocSetContextCreate(CurrentMemoryContext,
												 "pg_trickle node plan",
												 ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(memory);
	char *text = signature(pgt_node_plan(query, memory));

	MemoryContextSwitchTo(before);
	text = pstrdup(text);
	MemoryContextDelete(memory);
	return text;
}

/*
 * Do the tables of a node fit its query as it is understood now?  If not, they
 * have to be created anew and filled by pgt_node_rebuild().
 */
bool
pgt_node_state_fits(const QueryNode *query, const struct NodeState *state)
{
	return list_length(state->multisets) == list_length(query->aggs) &&
		   strcmp(pgt_node_signature(query), state->signature) == 0;
}

/* ---- building ---- */

/* An error if the table was tampered with. */
static void
find_state_table(NodeProgram *node, Oid relid)
{
	Relation rel = table_open(relid, AccessShareLock);
	TupleDesc desc = RelationGetDescr(rel);
	Oid index = pgt_find_internal_index(rel, 1, &node->hash);
	bool fits = OidIsValid(index) &&
				desc->natts == node->state_desc->natts;

	for (int i = 0; fits && i < desc->natts; i++)
		fits = TupleDescAttr(desc, i)->atttypid ==
			   TupleDescAttr(node->state_desc, i)->atttypid;
	if (!fits)
		ereport(ERROR,
				errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				errmsg("internal table \"%s\" does not fit the query",
					   RelationGetRelationName(rel)),
				errdetail("An aggregate was replaced, or the table was changed."),
				errhint("Drop the stream table and create it again."));

	node->state_relid = relid;
	node->state_index = index;
	table_close(rel, AccessShareLock);
}

/* Keys come first in rows of the input and of the state table alike. */
static void
build_identities(NodeProgram *node)
{
	AttrNumber *attnos = palloc(sizeof(AttrNumber) * (node->nkeys + 1));

	for (int i = 0; i < node->nkeys; i++)
		attnos[i] = i + 1;
	node->key = pgt_identity_by_key(node->input_desc, node->nkeys, attnos);
	node->image = pgt_identity_by_image(node->state_desc,
										node->state_desc->natts);
	ScanKeyInit(&node->probe, 1, BTEqualStrategyNumber, F_INT8EQ, 0);
	node->group.values = palloc0(sizeof(Datum) * (node->nkeys + 1));
	node->group.nulls = palloc0(sizeof(bool) * (node->nkeys + 1));
	if (node->shown != InvalidAttrNumber)
		node->representative = pgt_representative_build(node);
}

static void
build_delta_desc(NodeProgram *node)
{
	int n = node->nvisible;
	Oid *types = palloc(sizeof(Oid) * (n + 1));
	int32 *typmods = palloc(sizeof(int32) * (n + 1));
	Oid *collations = palloc(sizeof(Oid) * (n + 1));

	for (int i = 0; i < n; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(node->state_desc, i);

		types[i] = attr->atttypid;
		typmods[i] = attr->atttypmod;
		collations[i] = attr->attcollation;
	}
	node->delta_desc = pgt_delta_desc(n, types, typmods, collations);
}

static void
build_aggregates(NodeProgram *node)
{
	for (int i = 0; i < node->naggs; i++)
	{
		Aggregate *agg = node->aggs[i];
		Oid table = list_nth_oid(node->multisets, i);

		agg->group = &node->group;
		if (keeps_values(agg))
			agg->multiset = pgt_multiset_build(table,
											   first_columns(node->input_desc,
															 node->nkeys),
											   describe_arguments(agg),
											   keeps_order(agg),
											   agg->skips_nulls);
		pgt_aggregate_prepare(agg);
	}
}

/* What a plan lacks to be run, but for the linear query. */
static void
build_for_run(NodeProgram *node, Oid state_relid, List *multisets)
{
	node->multisets = multisets;
	find_state_table(node, state_relid);
	build_identities(node);
	build_delta_desc(node);
	build_aggregates(node);
}

/*
 * Build a node for running, in a memory context of its own below the current
 * one; "state_relids" are the state tables of the nodes below by node id.
 * Error 55000 if its tables do not fit (see pgt_node_state_fits()).
 */
NodeProgram *
pgt_node_build(const QueryNode *query, struct NodeState *state,
			   const Oid *state_relids)
{
	MemoryContext memory = AllocSetContextCreate(CurrentMemoryContext,
												 "pg_trickle node",
												 ALLOCSET_DEFAULT_SIZES);
	NodeProgram *node = pgt_node_plan(query, memory);
	MemoryContext before = MemoryContextSwitchTo(memory);

	build_for_run(node, state->state_relid, list_copy(state->multisets));
	node->input = pgt_linear_build(query->input, state_relids);

	MemoryContextSwitchTo(before);
	return node;
}

/* ---- as bytes ---- */

/* So that the reader need not look up what keys are compared by. */
static void
write_key_functions(const NodeProgram *node, StringInfo image)
{
	for (int i = 0; i < node->nkeys; i++)
	{
		KeyFunctions functions;
		Oid type = TupleDescAttr(node->input_desc, i)->atttypid;

		if (!pgt_key_functions(getBaseType(type), &functions))
			functions.type = InvalidOid;
		appendBinaryStringInfo(image, (char *) &functions, sizeof(functions));
	}
}

static void
read_key_functions(const NodeProgram *node, ImageReader *image)
{
	for (int i = 0; i < node->nkeys; i++)
	{
		KeyFunctions functions;

		pgt_image_bytes(image, &functions, sizeof(functions));
		if (OidIsValid(functions.type))
			pgt_know_key_functions(&functions);
	}
}

/*
 * Append a node that was built; its strategies and functions are looked up
 * again by who reads it.
 */
void
pgt_node_write(const NodeProgram *node, StringInfo image)
{
	ListCell *lc;

	pgt_image_put_int(image, node->query->id);
	pgt_image_put_text(image, node->query->rule);
	pgt_image_put_int(image, node->nkeys);
	pgt_image_put_node(image, node->query->keys);
	pgt_image_put_int(image, node->naggs);
	foreach (lc, node->query->aggs)
		pgt_image_put_node(image, ((NodeAgg *) lfirst(lc))->aggref);
	pgt_image_put_desc(image, node->input_desc);
	write_key_functions(node, image);
	pgt_image_put_int(image, node->keys_vary);
	pgt_image_put_int(image, node->state_relid);
	pgt_image_put_oids(image, node->multisets);
	pgt_linear_write(node->input, image);
}

/* All of the query but its input. */
static QueryNode *
read_query_node(ImageReader *image)
{
	QueryNode *query = palloc0(sizeof(QueryNode));
	int64 naggs;

	query->id = (int) pgt_image_int(image);
	query->rule = pgt_image_text(image);
	query->nkeys = (int) pgt_image_int(image);
	query->keys = pgt_image_node(image);
	naggs = pgt_image_int(image);
	for (int64 i = 0; i < naggs; i++)
	{
		NodeAgg *agg = palloc(sizeof(NodeAgg));

		agg->aggref = pgt_image_node(image);
		query->aggs = lappend(query->aggs, agg);
	}
	return query;
}

/*
 * Read a node for running, into a memory context of its own below the current
 * one.
 */
NodeProgram *
pgt_node_read(ImageReader *image)
{
	MemoryContext memory = AllocSetContextCreate(CurrentMemoryContext,
												 "pg_trickle node",
												 ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(memory);
	QueryNode *query = read_query_node(image);
	NodeProgram *node = begin_plan(query, pgt_image_desc(image), memory);
	Oid state_relid;

	read_key_functions(node, image);
	node->keys_vary = pgt_image_int(image) != 0;
	finish_plan(node);
	state_relid = (Oid) pgt_image_int(image);
	build_for_run(node, state_relid, pgt_image_oids(image));
	node->input = pgt_linear_read(image);

	MemoryContextSwitchTo(before);
	return node;
}

/* ---- the end ---- */

static void
free_text(QueryText *text)
{
	pgt_free_plan(text->small);
	pgt_free_plan(text->large);
}

/*
 * Free a node with all it has, its saved plans too.
 */
void
pgt_node_free(NodeProgram *node)
{
	pgt_linear_free(node->input);
	pgt_group_texts_free(node->texts);
	free_text(&node->answers);
	free_text(&node->check);
	free_text(&node->rows);
	MemoryContextDelete(node->memory);
}
