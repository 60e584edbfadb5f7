/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Netlink attributes by table, and one question or change at a time over a socket of its own. */
#include "network/netlink/attr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <stdarg.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

/* Bytes the kernel may answer at once: it fills up to 32 KiB of a dump. */
#define ANSWER_SIZE (32 * 1024)
#define DUMP_TRIES 8

typedef struct mnl_socket SkNlSocket;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkNlSocket, mnl_socket_close)

/* -- tables -------------------------------------------------------------------------------------------- */

static gboolean encode_table(struct nlmsghdr *message, const SkNlAttr *table, gconstpointer value);

/* FALSE if there was nothing to add. */
static gboolean
encode_nest(struct nlmsghdr *message, const SkNlAttr *attr, gconstpointer value)
{
    struct nlattr *nest = mnl_attr_nest_start(message, attr->type);
    gboolean any = encode_table(message, attr->nest, value);
    if (any)
        mnl_attr_nest_end(message, nest);
    else
        mnl_attr_nest_cancel(message, nest);
    return any;
}

static gboolean
encode_attr(struct nlmsghdr *message, const SkNlAttr *attr, gconstpointer value)
{
    const guint8 *at = (const guint8 *) value + attr->offset;
    const SkNlBytes *bytes = (const SkNlBytes *) at;
    switch ((SkNlKind) attr->kind) {
    case SK_NL_STRING:
        if (*at != '\0')
            mnl_attr_put_strz(message, attr->type, (const char *) at);
        return *at != '\0';
    case SK_NL_U8:
        if (*at != 0)
            mnl_attr_put_u8(message, attr->type, *at);
        return *at != 0;
    case SK_NL_U32: {
        guint32 number = *(const guint32 *) (gconstpointer) at;
        if (number != 0)
            mnl_attr_put_u32(message, attr->type, number);
        return number != 0;
    }
    case SK_NL_BYTES:
        if (bytes->length > 0)
            mnl_attr_put(message, attr->type, bytes->length, bytes->data);
        return bytes->length > 0;
    case SK_NL_NEST:
        return encode_nest(message, attr, value);
    case SK_NL_RAW:
        break;
    }
    return FALSE;
}

static gboolean
encode_table(struct nlmsghdr *message, const SkNlAttr *table, gconstpointer value)
{
    gboolean any = FALSE;
    for (const SkNlAttr *attr = table; attr->type != 0; attr++)
        any |= encode_attr(message, attr, value);
    return any;
}

void
sk_nl_encode(struct nlmsghdr *message, const SkNlAttr *table, gconstpointer value)
{
    encode_table(message, table, value);
}

static void
decode_one(const struct nlattr *from, const SkNlAttr *attr, gpointer value)
{
    guint8 *at = (guint8 *) value + attr->offset;
    gsize length = mnl_attr_get_payload_len(from);
    const struct nlattr *inner;
    SkNlBytes *bytes = (SkNlBytes *) at;

    switch ((SkNlKind) attr->kind) {
    case SK_NL_STRING:
        memset(at, 0, attr->size);
        memcpy(at, mnl_attr_get_payload(from), MIN(length, attr->size - 1));
        break;
    case SK_NL_U8:
    case SK_NL_U32:
    case SK_NL_RAW:
        memcpy(at, mnl_attr_get_payload(from), MIN(length, attr->size));
        break;
    case SK_NL_BYTES:
        bytes->length = (guint8) MIN(length, sizeof bytes->data);
        memcpy(bytes->data, mnl_attr_get_payload(from), bytes->length);
        break;
    case SK_NL_NEST:
        mnl_attr_for_each_nested(inner, from) {
            for (const SkNlAttr *row = attr->nest; row->type != 0; row++) {
                if (row->type == mnl_attr_get_type(inner))
                    decode_one(inner, row, value);
            }
        }
        break;
    }
}

void
sk_nl_decode(const struct nlmsghdr *message, gsize header_size, const SkNlAttr *table, gpointer value)
{
    const struct nlattr *from;
    mnl_attr_for_each(from, message, (guint) header_size) {
        for (const SkNlAttr *attr = table; attr->type != 0; attr++) {
            if (attr->type == mnl_attr_get_type(from))
                decode_one(from, attr, value);
        }
    }
}

SkNlBytes
sk_nl_mac(const char *text)
{
    SkNlBytes bytes = { 0 };
    if (text == NULL || !sk_check_mac(text, "MAC address", NULL))
        return bytes;
    bytes.length = 6;
    for (guint i = 0; i < 6; i++)
        bytes.data[i] = (guint8) (g_ascii_xdigit_value(text[i * 3]) << 4 | g_ascii_xdigit_value(text[i * 3 + 1]));
    return bytes;
}

SkNlBytes
sk_nl_address(const char *text)
{
    SkNlBytes bytes = { 0 };
    if (text != NULL && inet_pton(AF_INET, text, bytes.data) == 1)
        bytes.length = 4;
    else if (text != NULL && inet_pton(AF_INET6, text, bytes.data) == 1)
        bytes.length = 16;
    return bytes;
}

/* -- talking --------------------------------------------------------------------------------------------- */

struct nlmsghdr *
sk_nl_message(SkNlBuffer *buffer, guint16 type, guint16 flags, gsize header_size)
{
    struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
    message->nlmsg_type = type;
    message->nlmsg_flags = (guint16) (NLM_F_REQUEST | flags);
    mnl_nlmsg_put_extra_header(message, header_size);
    return message;
}

/* The sentence that a newer kernel adds to an error. */
static int
take_error(const struct nlmsghdr *message, void *data)
{
    char **out_said = data;
    const struct nlmsgerr *answer = mnl_nlmsg_get_payload(message);
    if (answer->error == 0)
        return MNL_CB_STOP;
    errno = -answer->error;
    gsize skip = sizeof *answer;
    if (!(message->nlmsg_flags & NLM_F_CAPPED))
        skip += mnl_nlmsg_get_payload_len(message) > skip ? answer->msg.nlmsg_len - sizeof answer->msg : 0;
    struct {
        char said[160];
    } value = { "" };
    static const SkNlAttr table[] = { { NLMSGERR_ATTR_MSG, SK_NL_STRING, 0, sizeof value.said, NULL }, { 0 } };
    if (message->nlmsg_flags & NLM_F_ACK_TLVS)
        sk_nl_decode(message, skip, table, &value);
    if (out_said != NULL && value.said[0] != '\0')
        *out_said = g_strdup(value.said);
    return MNL_CB_ERROR;
}

static int
end_dump(const struct nlmsghdr *message, void *data)
{
    (void) message, (void) data;
    return MNL_CB_STOP;
}

static int
ignore_message(const struct nlmsghdr *message, void *data)
{
    return MNL_CB_OK;
}

/* mnl has one datum for all callbacks: this carries ours to each. */
typedef struct {
    mnl_cb_t on_message;
    gpointer data;
    char **out_said;
} Talk;

static int
pass_message(const struct nlmsghdr *message, void *data)
{
    const Talk *talk = data;
    return talk->on_message(message, talk->data);
}

static int
pass_error(const struct nlmsghdr *message, void *data)
{
    const Talk *talk = data;
    return take_error(message, talk->out_said);
}

/* Takes answers until the last; 0 or an errno. */
static gint
take_answers(SkNlSocket *socket, guint seq, Talk *talk)
{
    mnl_cb_t control[NLMSG_MIN_TYPE] = { [NLMSG_NOOP] = ignore_message, [NLMSG_ERROR] = pass_error, [NLMSG_DONE] = end_dump };
    g_autofree guint8 *answer = g_malloc(ANSWER_SIZE);
    gint more = MNL_CB_OK;
    while (more > MNL_CB_STOP) {
        gssize n = mnl_socket_recvfrom(socket, answer, ANSWER_SIZE);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        more = mnl_cb_run2(answer, (gsize) n, seq, mnl_socket_get_portid(socket), pass_message, talk, control,
                           G_N_ELEMENTS(control));
    }
    return more < 0 ? errno : 0;
}

gint
sk_nl_talk(struct nlmsghdr *message, mnl_cb_t on_message, gpointer data, char **out_said)
{
    static gint sequence;
    Talk talk = { on_message != NULL ? on_message : ignore_message, data, out_said };
    gint on = 1;
    g_autoptr(SkNlSocket) socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    if (socket == NULL || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
        return errno;
    /* Older kernels have no such option; they say less then. */
    (void) mnl_socket_setsockopt(socket, NETLINK_EXT_ACK, &on, sizeof on);

    message->nlmsg_seq = (guint32) g_atomic_int_add(&sequence, 1) + 1;
    /* The bits of a dump are those of REPLACE and EXCL in a request for something new. */
    if ((message->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
        message->nlmsg_flags |= NLM_F_ACK;
    if (mnl_socket_sendto(socket, message, message->nlmsg_len) < 0)
        return errno;
    return take_answers(socket, message->nlmsg_seq, &talk);
}

gint
sk_nl_dump(SkNlBuffer *ask, mnl_cb_t on_message, gpointer data, GPtrArray *found)
{
    gint errnum = EINTR;
    for (guint try = 0; errnum == EINTR && try < DUMP_TRIES; try++) {
        g_ptr_array_set_size(found, 0);
        errnum = sk_nl_talk(&ask->header, on_message, data, NULL);
    }
    return errnum;
}

gboolean
sk_nl_change(struct nlmsghdr *message, GError **error, const char *what, ...)
{
    g_autofree char *said = NULL;
    gint errnum = sk_nl_talk(message, NULL, NULL, &said);
    if (errnum == 0)
        return TRUE;
    va_list args;
    va_start(args, what);
    g_autofree char *text = g_strdup_vprintf(what, args);
    va_end(args);
    return sk_fail(error, errnum == EEXIST ? SK_ERROR_EXISTS : SK_ERROR_HOST, "cannot %s: %s%s%s", text,
                   g_strerror(errnum), said != NULL ? ": " : "", said != NULL ? said : "");
}
