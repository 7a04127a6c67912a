/* SPDX-License-Identifier: Apache-2.0
 * <weir/weir.h>: everything. */
#ifndef WEIR_WEIR_H
#define WEIR_WEIR_H

#include <weir/app.h>
#include <weir/batch.h>
#include <weir/cache.h>
#include <weir/defer.h>
#include <weir/emit.h>
#include <weir/message.h>
#include <weir/read.h>
#include <weir/schema.h>
#include <weir/sql.h>
#include <weir/status.h>
#include <weir/view.h>

#endif
