/*-------------------------------------------------------------------------
 *
 * image.h
 *	  What a backend has worked out, as bytes that another one can read.
 *
 * Only between backends of one running server: the bytes are those of its
 * structures, node trees among them.  Never stored on disk.
 *
 * Layer: base
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGT_IMAGE_H
#define PGT_IMAGE_H

#include "access/tupdesc.h"
#include "lib/stringinfo.h"
#include "nodes/pg_list.h"

typedef struct ImageReader
{
	const char *at;
	const char *end;
} ImageReader;

/* Each of these appends something ... */
extern void pgt_image_put_int(StringInfo image, int64 value);
extern void pgt_image_put_text(StringInfo image, const char *text); /* NULL, */
extern void pgt_image_put_node(StringInfo image, const void *node); /* too */
extern void pgt_image_put_desc(StringInfo image, TupleDesc desc);
extern void pgt_image_put_oids(StringInfo image, const List *oids);
extern void pgt_image_put_columns(StringInfo image, int n,
								  const AttrNumber *columns);

/*
 * ... that its counterpart reads, in the same order, into the current memory
 * context.
 */
extern int64 pgt_image_int(ImageReader *image);
extern void pgt_image_bytes(ImageReader *image, void *bytes, size_t size);
extern char *pgt_image_text(ImageReader *image);
extern void *pgt_image_node(ImageReader *image);
extern TupleDesc pgt_image_desc(ImageReader *image);
extern List *pgt_image_oids(ImageReader *image);
extern AttrNumber *pgt_image_columns(ImageReader *image, int *n);

#endif /* PGT_IMAGE_H */
