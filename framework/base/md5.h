/* MD5 (RFC 1321), because Debezium names a placeholder by it (cdc/column_placeholder.c). Not for
 * anything that an adversary may choose. Thread: any. */
#ifndef WEIR_BASE_MD5_H
#define WEIR_BASE_MD5_H

#include <weir/view.h>

void weir_md5(weir_view text, unsigned char out[16]);

#endif
