/*-------------------------------------------------------------------------
 *
 * diamonds.c
 *	  diamond_groups(): where several ways lead from a source to a stream
 *	  table.
 *
 * Found by the function by which the scheduler finds those that are to be
 * refreshed in one transaction, whether they are or not.  Which ways there are
 * depends on what the user sees, which of them are refreshed as one does not.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"

#include "pg_trickle/due.h"

#include "dag.h"
#include "monitor.h"

PG_FUNCTION_INFO_V1(pgt_sql_diamond_groups);

/* The stream tables of a DAG as the scheduler's logic has them. */
typedef struct DiamondModel
{
	DueModel due;
	DagNode **nodes; /* by index */
	int *index;		 /* by number of the DagNode */
} DiamondModel;

static void
fill_node(DiamondModel *model, int i)
{
	const DagNode *from = model->nodes[i];
	DueNode *to = &model->due.nodes[i];
	int n = list_length(from->inputs);
	ListCell *lc;

	to->pgt_id = from->st->pgt_id;
	to->owner = from->owner;
	to->atomic = from->st->options.diamond_consistency == DIAMOND_ATOMIC;
	to->policy = from->st->options.diamond_policy;
	to->upstream = palloc(sizeof(int) * (n + 1));
	to->sources = palloc(sizeof(int64) * (n + 1));
	foreach (lc, from->inputs)
	{
		const DagNode *input = lfirst(lc);

		/* What a view reads is an input, too. */
		if (input->st != NULL)
			to->upstream[to->nupstream++] = model->index[input->number];
		else if (strcmp(input->type, "VIEW") != 0)
			to->sources[to->nsources++] = input->relid;
	}
}

static DiamondModel *
build_model(const Dag *dag)
{
	DiamondModel *model = palloc0(sizeof(DiamondModel));
	int n = list_length(dag->nodes);
	int *cycle = palloc(sizeof(int) * (n + 1));
	ListCell *lc;

	model->nodes = palloc(sizeof(DagNode *) * (n + 1));
	model->index = palloc0(sizeof(int) * (n + 1));
	foreach (lc, dag->nodes)
	{
		DagNode *node = lfirst(lc);

		if (node->st == NULL)
			continue;
		model->index[node->number] = model->due.nnodes;
		model->nodes[model->due.nnodes++] = node;
	}
	model->due.nodes = palloc0(sizeof(DueNode) * (n + 1));
	for (int i = 0; i < model->due.nnodes; i++)
		fill_node(model, i);
	if (pgt_prepare_model(&model->due, cycle) != 0)
		ereport(ERROR,
				errcode(ERRCODE_DATA_CORRUPTED),
				errmsg("stream table %s reads itself by way of others",
					   model->nodes[cycle[0]]->name));
	return model;
}

static const DueNode *
find_node(const DiamondModel *model, int64 pgt_id)
{
	for (int i = 0; i < model->due.nnodes; i++)
	{
		if (model->due.nodes[i].pgt_id == pgt_id)
			return &model->due.nodes[i];
	}

	return NULL;
}

/* As the scheduler has it; committed a moment ago, it may not be in "all". */
static DiamondConsistency
consistency(const DiamondModel *all, const DagNode *dag_node,
			const DagNode *dag_apex)
{
	const DueNode *node = find_node(all, dag_node->st->pgt_id);
	const DueNode *apex = find_node(all, dag_apex->st->pgt_id);

	return node != NULL && apex != NULL && node->group >= 0 &&
				   node->group == apex->group ?
			   DIAMOND_ATOMIC :
			   DIAMOND_NONE;
}

static void
put_member(FunctionCallInfo fcinfo, int group, const DiamondModel *all,
		   const DagNode *node, const DagNode *apex)
{
	AnswerRow row = {0};

	pgt_add_int4(&row, group);
	pgt_add_text(&row, node->name);
	pgt_add_bool(&row, node == apex);
	pgt_add_text(&row,
				 pgt_diamond_consistency_name(consistency(all, node, apex)));
	pgt_add_text(&row,
				 pgt_diamond_policy_name(apex->st->options.diamond_policy));
	pgt_put_row(fcinfo, &row);
}

/*
 * diamond_groups() returns setof record: for each stream table in which ways
 * from one source meet, those on the ways and, last, itself.
 */
Datum
pgt_sql_diamond_groups(PG_FUNCTION_ARGS)
{
	DiamondModel *model = build_model(pgt_visible_dag());
	DiamondModel *all = build_model(pgt_whole_dag());
	bool *member = palloc(sizeof(bool) * (model->due.nnodes + 1));
	int group = 0;

	InitMaterializedSRF(fcinfo, 0);
	for (int apex = 0; apex < model->due.nnodes; apex++)
	{
		if (pgt_find_diamond(&model->due, apex, member) == 0)
			continue;
		group++;
		for (int i = 0; i < model->due.nnodes; i++)
		{
			if (member[i])
				put_member(fcinfo, group, all, model->nodes[i],
						   model->nodes[apex]);
		}
		put_member(fcinfo, group, all, model->nodes[apex], model->nodes[apex]);
	}

	return (Datum) 0;
}
