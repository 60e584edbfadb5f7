/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/fields.h"

/*
 * Bodies in libvirt's XML: what takes a definition as JSON takes it as "application/xml" too. Main thread.
 */

/* TRUE if values of this type have a form in libvirt's XML. */
gboolean sk_rest_has_xml(const SkType *type);

/* The value; free with sk_value_free(). For types that sk_rest_has_xml() only. */
gpointer sk_rest_decode_xml(const SkType *type, const char *text, gsize length, GError **error);
