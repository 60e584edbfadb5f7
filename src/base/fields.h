/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "base/enum.h"

G_BEGIN_DECLS

/*
 * Field tables: what a plain struct ("value") consists of.  JSON, the regular
 * part of libvirt XML, CLI options, validation messages, schemas, copy, compare
 * and free are all read off these tables.
 *
 * Values own everything they point to.  Zeroed memory is a valid value; a new
 * value has its defaults.  Any thread, as long as the value has one owner.
 */

typedef enum {
    SK_KIND_BOOL,       /* gboolean */
    SK_KIND_INT,        /* gint */
    SK_KIND_UINT,       /* guint */
    SK_KIND_INT64,      /* gint64 */
    SK_KIND_UINT64,     /* guint64 */
    SK_KIND_SIZE,       /* guint64 bytes; as text "512M", "20G" are accepted too */
    SK_KIND_DOUBLE,     /* gdouble */
    SK_KIND_STRING,     /* char *, UTF-8 without control characters */
    SK_KIND_TEXT,       /* char *, UTF-8, may have newlines */
    SK_KIND_JSON,       /* char *, one JSON value as text */
    SK_KIND_ENUM,       /* gint, named by .names */
    SK_KIND_STRV,       /* GStrv, NULL when empty */
    SK_KIND_MAP,        /* GHashTable *, char * to char *, NULL when empty */
    SK_KIND_STRUCT,     /* embedded struct of .type */
    SK_KIND_OPTIONAL,   /* pointer to a struct of .type, or NULL */
    SK_KIND_LIST,       /* GPtrArray * of structs of .type, NULL when empty */
} SkKind;

typedef enum {
    SK_FIELD_REQUIRED = 1 << 0,  /* must be given in a request */
    SK_FIELD_READONLY = 1 << 1,  /* shown; refused in a request unless unchanged */
    SK_FIELD_SECRET = 1 << 2,    /* stored and accepted, never shown */
    SK_FIELD_LIVE = 1 << 3,      /* a running guest can take a change at once */
    SK_FIELD_SPARSE = 1 << 4,    /* not shown while zero, FALSE or empty */
    SK_FIELD_STICKY = 1 << 6,    /* kept as it was when a changed list entry leaves it out */
    SK_FIELD_KEY = 1 << 5,       /* names the entry in a list: "disks[vda]" in messages */
} SkFieldFlags;

typedef struct SkType SkType;
typedef struct SkField SkField;

/* Checks one field's text beyond its limits; what is the path to name in the message. */
typedef gboolean (*SkFieldCheck)(const char *text, const char *what, GError **error);

struct SkField {
    const char *key;        /* JSON key and member name */
    SkKind kind;
    gsize offset;
    guint flags;            /* SkFieldFlags */
    const char *help;       /* one line: reference, schema, CLI help */
    const char *xml;        /* libvirt XML path from the owner's element ("vcpu/@current"), or NULL */
    const char *def;        /* default as text, or NULL for zero */
    gint64 min, max;        /* numbers: range; strings: length; lists: count; 0,0 = kind's own limit */
    const SkEnum *names;    /* ENUM */
    const SkType *type;     /* STRUCT, OPTIONAL, LIST */
    SkFieldCheck check;     /* STRING, and each element of STRV */
    const char *given;      /* READONLY strings: texts that begin so may be given all the same */
};

struct SkType {
    const char *name;       /* CamelCase without the prefix: the schema's name ("Disk") */
    const char *what;       /* for messages ("disk") */
    const char *xml;        /* libvirt element name, or NULL */
    gsize size;
    const SkField *fields;
    guint n_fields;
    const char *help;       /* one line */
    /* Rules across fields, after each field is right by itself; may be NULL. */
    gboolean (*check)(gconstpointer value, GError **error);
};

/* A row: SK_FIELD(SkDisk, serial, STRING, "serial number", .xml = "serial", .max = 36) */
#define SK_FIELD(S, member, KIND, help_, ...)                                                      \
    {                                                                                              \
        .key = #member, .kind = SK_KIND_##KIND, .offset = G_STRUCT_OFFSET(S, member),              \
        .help = (help_), __VA_ARGS__                                                               \
    }

/* A type without rules across fields: SK_TYPE(sk_disk_type, SkDisk, "Disk", "disk", rows, ...) */
#define SK_TYPE(symbol, S, name_, what_, rows, help_, ...)                                         \
    const SkType symbol = { .name = (name_), .what = (what_), .size = sizeof(S),                   \
                            .fields = (rows), .n_fields = G_N_ELEMENTS(rows),                      \
                            .help = (help_), __VA_ARGS__ }

/* The place of a field inside a value. */
#define sk_field_ptr(field, value) ((gpointer) ((guint8 *) (value) + (field)->offset))
#define sk_field_const_ptr(field, value) ((gconstpointer) ((const guint8 *) (value) + (field)->offset))

/* -- create, copy, free ------------------------------------------------------------------------ */

/* A new value with its defaults; free with sk_value_free(). */
gpointer sk_value_new(const SkType *type);
void sk_value_init(const SkType *type, gpointer value);
/* Frees what the value owns and zeroes it. */
void sk_value_clear(const SkType *type, gpointer value);
void sk_value_free(const SkType *type, gpointer value);
gpointer sk_value_copy(const SkType *type, gconstpointer value);

/*
 * A list for a LIST field. Its elements are freed by the value that holds the list, so what is
 * taken out of it, and a list that never gets into a value, are the caller's to free.
 */
GPtrArray *sk_value_list_new(const SkType *type);

/* -- query -------------------------------------------------------------------------------------- */

const SkField *sk_type_find(const SkType *type, const char *key);
/* "name, uuid, title": what there is, for messages. Free with g_free(). */
char *sk_type_keys(const SkType *type);
gboolean sk_value_equal(const SkType *type, gconstpointer a, gconstpointer b);
/* Entries that a STRV, MAP or LIST field may have. */
guint sk_field_max_count(const SkField *field);
/* TRUE if the field is zero, FALSE, NULL or empty. */
gboolean sk_field_is_empty(const SkField *field, gconstpointer value);
gboolean sk_field_equal(const SkField *field, gconstpointer a, gconstpointer b);

/*
 * Dotted paths of the fields that differ ("vcpus", "disks[vda].cache"), as a
 * GPtrArray of strings; list entries are matched by their KEY field. If out_live is
 * not NULL it tells whether all of them are LIVE fields. READONLY fields do not count.
 */
GPtrArray *sk_value_diff(const SkType *type, gconstpointer a, gconstpointer b, gboolean *out_live);

/*
 * Checks limits, REQUIRED fields, field checks and the types' own rules, depth first.
 * where is the path to start messages with, or NULL.
 */
gboolean sk_value_check(const SkType *type, gconstpointer value, const char *where, GError **error);

/*
 * Checks that a request leaves the READONLY fields alone: value may have in them only what old
 * has. old NULL: nothing may be given. List entries are matched by their KEY field. where as above.
 */
gboolean sk_value_check_readonly(const SkType *type, gconstpointer old, gconstpointer value, const char *where,
                                 GError **error);

/*
 * Fills in what a request that replaces lists cannot know or need not repeat: READONLY, SECRET and STICKY
 * fields that are empty in value and not in old. List entries are matched by their KEY field.
 */
void sk_value_inherit(const SkType *type, gconstpointer old, gpointer value);

/* -- text --------------------------------------------------------------------------------------- */

/* Sets a scalar, STRV ("a,b") or MAP ("k=v,k=v") field from text; where as above. */
gboolean sk_field_set_text(const SkField *field, gpointer value, const char *text,
                           const char *where, GError **error);
/* A scalar field as text, NULL if empty string or not a scalar; free with g_free(). */
char *sk_field_get_text(const SkField *field, gconstpointer value);

G_END_DECLS
