/* What is written about the config from config.def: the reference page docs/config.md and the JSON
 * Schema schemas/weir/config.schema.json. Both are committed; tests/unit_app/test_config_doc.c
 * holds them equal to what is generated here, `make docs-config` writes them anew. Thread: any. */
#ifndef WEIR_APP_CONFIG_DOC_H
#define WEIR_APP_CONFIG_DOC_H

#include "base/buf.h"

/* Appends the reference page in Markdown. `example` is a whole config that the page opens with. */
void weir_config_doc_page(weir_view example, weir_buf *to);
/* Appends a JSON Schema (2020-12) of the file as it is written, so that ${…} may stand for any
 * value. */
void weir_config_doc_schema(weir_buf *to);

#endif
