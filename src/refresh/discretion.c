/*-------------------------------------------------------------------------
 *
 * discretion.c
 *	  What is told of a refresh to somebody who is not the owner.
 *
 * A refresh refreshes what the stream table reads, too, in the session of who
 * asked for it:
 *
 *		ann's prices	reads ann's table, which bob may not read
 *		bob's dear		reads prices, which he may
 *
 *		bob: SELECT pgtrickle.refresh_stream_table('dear');
 *		ERROR:  refresh of stream table "prices" failed
 *
 * The error itself may quote a row of ann's table, or her query; so may notices
 * of her functions, and what the server tells of statements by debug_print_plan
 * and the like.  Bob gets none of that, the log of the server gets it all.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "pg_trickle/compat.h"
#include "pg_trickle/refresh.h"

/*
 * Does an error say what happened to the transaction, and nothing about what
 * it was doing?  Clients look for the one, and users for the other.
 */
static bool
is_about_the_transaction(const ErrorData *error)
{
	int category = ERRCODE_TO_CATEGORY(error->sqlerrcode);

	return category == ERRCODE_OPERATOR_INTERVENTION ||
		   category == ERRCODE_TRANSACTION_ROLLBACK;
}

/* "role" is who asked; no catalog can be read any more. */
static void
log_error(const char *name, const char *role, const ErrorData *error)
{
	ereport(LOG_SERVER_ONLY,
			errcode(error->sqlerrcode),
			errmsg("refresh of stream table \"%s\", asked for by role \"%s\", failed: %s",
				   name, role, error->message),
			error->detail != NULL ? errdetail_internal("%s", error->detail) : 0,
			error->hint != NULL ? errhint("%s", error->hint) : 0,
			error->internalquery != NULL ?
				internalerrquery(error->internalquery) :
				0,
			error->context != NULL ? errcontext_msg("%s", error->context) : 0);
}

/* As step(arg), but the error that reaches the client is another. */
static void
run_and_hide_error(Oid relid, void (*step)(void *arg), void *arg)
{
	MemoryContext memory = CurrentMemoryContext;
	char *name = get_rel_name(relid);
	char *role = GetUserNameFromId(GetUserId(), false);

	PG_TRY();
	{
		step(arg);
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(memory);
		error = CopyErrorData();
		FlushErrorState();
		log_error(name, role, error);
		if (is_about_the_transaction(error))
		{
			/* Where it was cancelled may name values, too. */
			error->detail = error->context = error->internalquery = NULL;
			ReThrowError(error);
		}
		ereport(ERROR,
				errcode(error->sqlerrcode),
				errmsg("refresh of stream table \"%s\" failed", name),
				errdetail("What failed is told to its owner only."),
				errhint("The log of the server has the error."));
	}
	PG_END_TRY();
}

/*
 * Run a step of the refresh of a stream table.  Unless the current user is its
 * owner, errors are replaced by one that has their SQLSTATE and no more, and
 * nothing less than an error is told.
 */
void
pgt_run_discreetly(Oid relid, void (*step)(void *arg), void *arg)
{
	int level;

	if (object_ownercheck(RelationRelationId, relid, GetUserId()))
	{
		step(arg);
		return;
	}

	level = NewGUCNestLevel();
	(void) set_config_option("client_min_messages", "error", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	run_and_hide_error(relid, step, arg);
	AtEOXact_GUC(false, level);
}
