/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <libmnl/libmnl.h>

G_BEGIN_DECLS

/*
 * Netlink messages as data: a table says which attribute of a message is which member
 * of a struct, and is used both ways.  Inside the trade only; any thread.
 */

typedef enum {
    SK_NL_STRING,       /* char [size] */
    SK_NL_U8,           /* guint8 */
    SK_NL_U32,          /* guint32 */
    SK_NL_BYTES,        /* SkNlBytes: an address of 4, 6 or 16 bytes */
    SK_NL_RAW,          /* a struct of the kernel's, size bytes; read only */
    SK_NL_NEST,         /* attributes inside, by the table .nest */
} SkNlKind;

typedef struct {
    guint8 length;
    guint8 data[16];
} SkNlBytes;

/* A table ends with a row of type 0. */
typedef struct SkNlAttr SkNlAttr;
struct SkNlAttr {
    guint16 type;
    guint16 kind;           /* SkNlKind */
    gsize offset, size;
    const SkNlAttr *nest;
};

#define SK_NL_ATTR(type_, kind_, S, member)                                                        \
    { .type = (type_), .kind = SK_NL_##kind_, .offset = G_STRUCT_OFFSET(S, member),                \
      .size = sizeof(((S *) 0)->member) }
#define SK_NL_INSIDE(type_, table) { .type = (type_), .kind = SK_NL_NEST, .nest = (table) }

/* Adds what is not zero or empty in value to the message; empty nests are left out. */
void sk_nl_encode(struct nlmsghdr *message, const SkNlAttr *table, gconstpointer value);

/* Reads the attributes behind the message's header of header_size into value; unknown ones are skipped. */
void sk_nl_decode(const struct nlmsghdr *message, gsize header_size, const SkNlAttr *table, gpointer value);

/* "aa:bb:cc:dd:ee:ff" or an IP address as bytes; length 0 if it is neither, or NULL. */
SkNlBytes sk_nl_mac(const char *text);
SkNlBytes sk_nl_address(const char *text);

/* -- talking to the kernel -------------------------------------------------------------------------- */

/* Room for any message of ours. */
typedef union {
    struct nlmsghdr header;
    guint8 bytes[1024];
} SkNlBuffer;

/* Starts a message of the type in buffer with room for its header of header_size. */
struct nlmsghdr *sk_nl_message(SkNlBuffer *buffer, guint16 type, guint16 flags, gsize header_size);

/*
 * Sends the message and takes the answers; on_message (may be NULL) sees each. 0, or an errno with what
 * the kernel had to say about it in *out_said (free with g_free(), NULL if nothing).
 */
gint sk_nl_talk(struct nlmsghdr *message, mnl_cb_t on_message, gpointer data, char **out_said);

/*
 * Asks for all objects of a kind by the message in ask; on_message puts them into found, which is emptied and filled anew where the
 * kernel's list changed while it was read. 0 or an errno.
 */
gint sk_nl_dump(SkNlBuffer *ask, mnl_cb_t on_message, gpointer data, GPtrArray *found);

/* As sk_nl_talk() for a change: TRUE, or an error "cannot <what>: <reason>". */
gboolean sk_nl_change(struct nlmsghdr *message, GError **error, const char *what, ...) G_GNUC_PRINTF(3, 4);

G_END_DECLS
