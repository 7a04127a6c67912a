/* Writes docs/config.md and schemas/weir/config.schema.json from app/config.def; `make
 * docs-config`. */
#include <stdio.h>
#include <stdlib.h>

#include "config_doc.h"
#include "config_file.h"

static int write_file(const char *path, weir_buf *content)
{
    FILE *f = content->failed ? NULL : fopen(path, "wb");
    bool ok = f && fwrite(content->ptr, 1, content->len, f) == content->len;
    ok = f && fclose(f) == 0 && ok;
    if (!ok) {
        fprintf(stderr, "config-docs: %s cannot be written\n", path);
    }
    weir_buf_fini(content);
    return ok ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: config-docs EXAMPLE PAGE SCHEMA\n");
        return 2;
    }
    weir_buf example = {0}, page = {0}, schema = {0};
    if (weir_config_read_file(argv[1], 1 << 20, &example) != 0) {
        fprintf(stderr, "config-docs: %s cannot be read\n", argv[1]);
        return 3;
    }
    weir_config_doc_page(weir_buf_view(&example), &page);
    weir_config_doc_schema(&schema);
    weir_buf_fini(&example);
    int page_failed = write_file(argv[2], &page);
    int schema_failed = write_file(argv[3], &schema);
    return page_failed || schema_failed;
}
