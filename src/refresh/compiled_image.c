/*-------------------------------------------------------------------------
 *
 * compiled_image.c
 *	  A compiled stream table as bytes, for other backends of the server.
 *
 * All that takes time to derive is in them: the sources with their columns,
 * the meaning, the texts, and plans for few changed rows as soon as there are
 * some (pgt_share_plans()).  What is left out is what belongs to a backend
 * (plans that the server keeps, looked-up functions), what a row of the
 * catalog says anyway (keys, time zone), and the normal form's trees, which
 * only the compilation needs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "pg_trickle/image.h"
#include "pg_trickle/refresh.h"

/* ---- writing ---- */

static void
write_form(const NormalForm *form, StringInfo image)
{
	ListCell *lc;

	pgt_image_put_int(image, form->obstacle.kind);
	pgt_image_put_text(image, form->obstacle.construct);
	pgt_image_put_text(image, form->obstacle.detail);
	pgt_image_put_int(image, form->obstacle.location);
	pgt_image_put_int(image, list_length(form->sources));
	foreach (lc, form->sources)
	{
		SourceUse *use = lfirst(lc);

		pgt_image_put_int(image, use->relid);
		pgt_image_put_int(image, use->relkind);
		pgt_image_put_int(image, use->inh);
		pgt_image_put_columns(image, use->ncolumns, use->columns);
	}
	pgt_image_put_oids(image, form->views);
	pgt_image_put_int(image, form->keyed);
	pgt_image_put_columns(image, form->nkeys, form->keys);
}

/*
 * See refresh.h.
 */
void
pgt_compiled_write(const Compiled *compiled, RefreshMode mode,
				   StringInfo image)
{
	pgt_image_put_int(image, compiled->relid);
	pgt_image_put_int(image, compiled->query_relid);
	pgt_image_put_int(image, mode);
	for (int i = 0; i < NUM_CREATOR_SETTINGS; i++)
		pgt_image_put_text(image, compiled->settings.values[i]);

	pgt_image_put_int(image, compiled->owner);
	pgt_image_put_text(image, compiled->meaning);
	pgt_image_put_text(image, compiled->recompute_sql);
	pgt_image_put_int(image, compiled->tracked);
	pgt_image_put_int(image, compiled->captured);
	pgt_image_put_oids(image, compiled->relids);
	pgt_image_put_oids(image, compiled->types);
	pgt_image_put_oids(image, compiled->row_types);
	write_form(compiled->form, image);
	pgt_image_put_int(image, compiled->program != NULL);
	if (compiled->program != NULL)
		pgt_program_write(compiled->program, image);
}

/* ---- reading ---- */

static SourceUse *
read_source(ImageReader *image)
{
	SourceUse *use = palloc0(sizeof(SourceUse));

	use->relid = (Oid) pgt_image_int(image);
	use->relkind = (char) pgt_image_int(image);
	use->inh = pgt_image_int(image) != 0;
	use->columns = pgt_image_columns(image, &use->ncolumns);
	return use;
}

static NormalForm *
read_form(ImageReader *image)
{
	NormalForm *form = palloc0(sizeof(NormalForm));
	int64 nsources;

	form->obstacle.kind = (ObstacleKind) pgt_image_int(image);
	form->obstacle.construct = pgt_image_text(image);
	form->obstacle.detail = pgt_image_text(image);
	form->obstacle.location = (int) pgt_image_int(image);
	nsources = pgt_image_int(image);
	for (int64 i = 0; i < nsources; i++)
		form->sources = lappend(form->sources, read_source(image));
	form->views = pgt_image_oids(image);
	form->keyed = pgt_image_int(image) != 0;
	form->keys = pgt_image_columns(image, &form->nkeys);
	return form;
}

/* Is this what the row of the stream table speaks of? */
static bool
is_made_for(const StreamTable *st, ImageReader *image)
{
	bool same = (Oid) pgt_image_int(image) == st->relid;

	same &= (Oid) pgt_image_int(image) == st->query_relid;
	same &= (RefreshMode) pgt_image_int(image) == st->mode;
	for (int i = 0; i < NUM_CREATOR_SETTINGS; i++)
		same &= strcmp(pgt_image_text(image), st->settings.values[i]) == 0;
	return same;
}

static Compiled *
read_compiled(const StreamTable *st, ImageReader *image, MemoryContext memory)
{
	Compiled *compiled = palloc0(sizeof(Compiled));

	compiled->memory = memory;
	compiled->pgt_id = st->pgt_id;
	compiled->relid = st->relid;
	compiled->query_relid = st->query_relid;
	compiled->settings = pgt_copy_settings(&st->settings);
	compiled->owner = (Oid) pgt_image_int(image);
	compiled->meaning = pgt_image_text(image);
	compiled->recompute_sql = pgt_image_text(image);
	compiled->tracked = pgt_image_int(image) != 0;
	compiled->captured = pgt_image_int(image) != 0;
	compiled->relids = pgt_image_oids(image);
	compiled->types = pgt_image_oids(image);
	compiled->row_types = pgt_image_oids(image);
	compiled->form = read_form(image);
	if (pgt_image_int(image) != 0)
		compiled->program = pgt_program_read(image, memory);
	return compiled;
}

/*
 * See refresh.h; the caller sets the target.
 */
Compiled *
pgt_compiled_read(const StreamTable *st, StringInfo image)
{
	MemoryContext memory = AllocSetContextCreate(CurrentMemoryContext,
												 "pg_trickle program",
												 ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(memory);
	ImageReader reader = {image->data, image->data + image->len};
	Compiled *compiled = NULL;

	if (is_made_for(st, &reader))
		compiled = read_compiled(st, &reader, memory);
	MemoryContextSwitchTo(before);
	if (compiled == NULL)
		MemoryContextDelete(memory);
	return compiled;
}
