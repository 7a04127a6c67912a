/* How the blocks of Avro's object container files are compressed: null, deflate, snappy, zstandard,
 * xz. Thread: plain functions. */
#ifndef WEIR_FILE_AVRO_CODEC_H
#define WEIR_FILE_AVRO_CODEC_H

#include "base/buf.h"
#include "base/err.h"

/* What a block may unpack to. */
enum { WEIR_AVRO_BLOCK_BYTES = 256 << 20 };

bool weir_avro_codec_known(weir_view codec);
/* Appends the block's bytes. Errors: AVRO_DATA (damaged, or no codec that is known), AVRO_LIMIT
 * (more than WEIR_AVRO_BLOCK_BYTES), OUT_OF_MEMORY. */
WEIR_MUST_USE weir_status weir_avro_unpack(
    weir_view codec, weir_view block, weir_buf *to, weir_error *err);

#endif
