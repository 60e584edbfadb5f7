/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/error.h"
#include "base/fields.h"

G_BEGIN_DECLS

/*
 * XML as a tree: read safely, written stably.  Private to codec/xml/.
 *
 * Reading: what the caller looks at is marked, and sk_xml_check_read() refuses what
 * nobody looked at, so that nothing a client wrote is dropped in silence.  No DTD, no
 * entities but the predefined ones, no network; text, depth, elements and attributes are limited.
 *
 * A *path* names what is below a node: "target/@dev" an attribute, "on_reboot" an element
 * (its text where a text is asked for), "@type" an attribute of the node itself, "." the node.
 * Of several elements of a name a path means the first.
 *
 * Any thread, as long as a tree has one user.
 */

#define SK_XML_MAX_BYTES    (4 * 1024 * 1024)
#define SK_XML_MAX_DEPTH    64
#define SK_XML_MAX_ELEMENTS 100000

typedef struct SkXmlNode SkXmlNode;

/* -- trees ----------------------------------------------------------------------------------------------- */

/*
 * The root element of a document; it is marked. what starts messages ("domain XML"); root: the name it must have, or NULL.
 * length -1: text ends with NUL. XML, or TOO_LARGE for what is over a limit. Free with sk_xml_free().
 */
SkXmlNode *sk_xml_parse(const char *text, gssize length, const char *what, const char *root, GError **error);
/* A tree of its own to write into. */
SkXmlNode *sk_xml_new(const char *name);
/* Frees the whole tree, whichever of its nodes is given. */
void sk_xml_free(SkXmlNode *node);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkXmlNode, sk_xml_free)

/* -- reading; texts belong to the tree -------------------------------------------------------------------------- */

const char *sk_xml_name(const SkXmlNode *node);
/* The namespace of an element, or NULL. */
const char *sk_xml_namespace(const SkXmlNode *node);

/* The first child element of that name without a namespace, marked; NULL: there is none. */
SkXmlNode *sk_xml_child(SkXmlNode *node, const char *name);
/* The next sibling of the same name, marked. */
SkXmlNode *sk_xml_next(SkXmlNode *node);
/* Child elements of any name, namespaces too; none is marked. */
SkXmlNode *sk_xml_first_any(SkXmlNode *node);
SkXmlNode *sk_xml_next_any(SkXmlNode *node);
/* The element at an element path, marked with those above it; NULL: there is none. */
SkXmlNode *sk_xml_at(SkXmlNode *node, const char *path);

/* The text at a path, marked; NULL: there is none. */
const char *sk_xml_get(SkXmlNode *node, const char *path);
gboolean sk_xml_has(SkXmlNode *node, const char *path);
/* TRUE if there is that very text. Marks nothing if it is another, so that it is refused. */
gboolean sk_xml_is(SkXmlNode *node, const char *path, const char *text);
/* Marks what is at the path and everything below it: for what is known to mean nothing here. */
void sk_xml_ignore(SkXmlNode *node, const char *path);

/*
 * Each leaves *out alone and is TRUE if there is nothing at the path. Numbers may be decimal or 0x...; what is wrong
 * is an XML error that names the place.
 */
gboolean sk_xml_get_uint64(SkXmlNode *node, const char *path, guint64 max, guint64 *out, GError **error);
gboolean sk_xml_get_uint(SkXmlNode *node, const char *path, guint max, guint *out, GError **error);
gboolean sk_xml_get_int64(SkXmlNode *node, const char *path, gint64 *out, GError **error);
/* yes/no, on/off */
gboolean sk_xml_get_bool(SkXmlNode *node, const char *path, gboolean *out, GError **error);
gboolean sk_xml_get_enum(SkXmlNode *node, const char *path, const SkEnum *names, gint *out, GError **error);
/* An element with an amount and a unit attribute ("KiB", "b", "GB", ...); unit: what an amount without one is in. Bytes out. */
gboolean sk_xml_get_size(SkXmlNode *node, const char *path, const char *unit, guint64 *out, GError **error);
/* A copy of the text at the path in place of *out. */
void sk_xml_get_string(SkXmlNode *node, const char *path, char **out);

/* Fails if anything of the tree was not marked; the message names the first such element or attribute. UNSUPPORTED. */
gboolean sk_xml_check_read(SkXmlNode *root, GError **error);
/* sk_value_check() of what was read: what it finds is an XML error. */
gboolean sk_xml_check_value(const SkType *type, gconstpointer value, const char *what, GError **error);
/* "domain/devices/disk[2]"; free with g_free(). */
char *sk_xml_where(const SkXmlNode *node);
/* Fails with "<where>: message". */
gboolean sk_xml_fail(const SkXmlNode *node, GError **error, SkError code, const char *format, ...) G_GNUC_PRINTF(4, 5);

/* What is known and cannot be done here: an element path, and the sentence that says so. */
typedef struct {
    const char *path, *why;
} SkXmlRefusal;
/* Fails if the node has one of them. UNSUPPORTED. */
gboolean sk_xml_refuse(SkXmlNode *node, const SkXmlRefusal *rows, guint n_rows, GError **error);

/* -- writing ------------------------------------------------------------------------------------------------------- */

/* A new last child. */
SkXmlNode *sk_xml_add(SkXmlNode *node, const char *name);
/* The same, in the namespace of the node. */
SkXmlNode *sk_xml_add_beside(SkXmlNode *node, const char *name);
/* The element at an element path; what is missing of it is added. */
SkXmlNode *sk_xml_need(SkXmlNode *node, const char *path);
/* Sets the text at a path; NULL: nothing is done. Elements of the path that are missing are added. */
void sk_xml_set(SkXmlNode *node, const char *path, const char *text);
void sk_xml_setf(SkXmlNode *node, const char *path, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* A number other than 0. */
void sk_xml_set_uint(SkXmlNode *node, const char *path, guint64 number);
/* libvirt's spelling of an enum. */
void sk_xml_set_enum(SkXmlNode *node, const char *path, const SkEnum *names, gint value);
/* An element with KiB, or bytes where they are not whole KiB, and the unit. */
void sk_xml_set_size(SkXmlNode *node, const char *path, guint64 bytes);
/* Nothing was written into it. */
gboolean sk_xml_is_empty(const SkXmlNode *node);
/* Takes a child element, with all below it, out of its tree; it must not be used any more. */
void sk_xml_remove(SkXmlNode *child);

/* The node with all below it as text, two spaces a level, a newline at the end. Free with g_free(). */
char *sk_xml_text(const SkXmlNode *node);

/* -- foreign XML, kept as it came -------------------------------------------------------------------------------------- */

/* An element with all below it as text of its own, namespaces declared (on the element, from then on); marks it. Free with g_free(). */
char *sk_xml_take_raw(SkXmlNode *node);
/* Adds such a text as the last child; what is not XML is left out. */
void sk_xml_add_raw(SkXmlNode *node, const char *text);
/* <metadata> with children of any namespace, to and from a map of namespace to text (NULL: none). */
gboolean sk_xml_read_metadata(SkXmlNode *node, GHashTable **out, GError **error);
void sk_xml_write_metadata(SkXmlNode *node, GHashTable *metadata);

/* -- fields ----------------------------------------------------------------------------------------------------------------- */

/*
 * The regular part of an element, by the .xml paths of a field table. A path may be followed by "|" and a form:
 *   BOOL   an element path: present or not; an attribute: on/off, with "|yes": yes/no
 *   SIZE   bytes; "|KiB": a number of KiB; "|unit": an element with a unit attribute, KiB if there is none
 *   INT64, UINT, ...  decimal; "|hex": written as 0x...
 *   STRV   elements or attributes of elements that repeat
 * Left out are fields without a path and with a path that begins with "~" (a hand-written place) or "..".
 * Not written: strings that are NULL, what is 0 in a SPARSE field, enum names "default".
 */
gboolean sk_xml_read_fields(SkXmlNode *node, const SkType *type, gpointer value, GError **error);
void sk_xml_write_fields(SkXmlNode *node, const SkType *type, gconstpointer value);

/* A libvirt name of an enum: its spelling there, or ours. */
const char *sk_xml_enum_name(const SkEnum *names, gint value);
/* Accepts libvirt's spelling only. what names the place in the error. */
gboolean sk_xml_enum_parse(const SkEnum *names, const char *text, const char *what, gint *out, GError **error);

G_END_DECLS
