/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/fields.h"

/* Every table that the model's headers export; the arrays are made by list-tables.py. */

typedef struct {
    const char *symbol;
    const SkEnum *table;
} NamedEnum;

typedef struct {
    const char *symbol;
    const SkType *type;
} NamedType;

extern const NamedEnum all_enums[];
extern const guint n_all_enums;
extern const NamedType all_types[];
extern const guint n_all_types;
