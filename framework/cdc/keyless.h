/* Rows of tables without a key: what they are told apart by. Both columns are of the table alone,
 * and of no row. */
#ifndef WEIR_CDC_KEYLESS_H
#define WEIR_CDC_KEYLESS_H

#define WEIR_OFFSET_COLUMN "_weir_offset"       /* bigint */
#define WEIR_PARTITION_COLUMN "_weir_partition" /* integer */

#endif
