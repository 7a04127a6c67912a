/* Random documents that a schema is likely to allow: they are led by its keywords, and by those of
 * a second one, whose bounds and values are tried, too. */
#ifndef WEIR_TESTS_COMPAT_DOCUMENTS_H
#define WEIR_TESTS_COMPAT_DOCUMENTS_H

#include "compat/schemas.h"

/* root: where references of the schema begin. */
void make_document(maker *m, const tree *root, const tree *other, weir_buf *to);

#endif
