/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * One error domain for the whole house.  Every code is a row of one table that
 * gives its stable name (REST, CLI), HTTP status, libvirt error number and exit
 * code, so the front doors never map errors by themselves.
 *
 * A message is one sentence that names the object and the value in quotes and
 * says what would be right.  It is set once, where the facts are.
 *
 * Any thread.
 */

#define SK_ERROR (sk_error_quark())

typedef enum {
    SK_ERROR_INTERNAL,      /* our fault: a state that must not be */
    SK_ERROR_INVALID,       /* the caller's value is wrong */
    SK_ERROR_UNSUPPORTED,   /* right in itself, but not done here */
    SK_ERROR_NO_DOMAIN,
    SK_ERROR_NO_NETWORK,
    SK_ERROR_NO_POOL,
    SK_ERROR_NO_VOLUME,
    SK_ERROR_NO_IMAGE,
    SK_ERROR_NO_DEVICE,     /* the domain has no such device */
    SK_ERROR_NO_JOB,
    SK_ERROR_NO_TOKEN,
    SK_ERROR_NO_SNAPSHOT,
    SK_ERROR_NO_CHECKPOINT,
    SK_ERROR_NO_BACKUP,     /* no backup runs, or there is none of that name */
    SK_ERROR_NO_REPOSITORY, /* of backups */
    SK_ERROR_NO_SECRET,
    SK_ERROR_NO_NODE_DEVICE, /* the host has no such device */
    SK_ERROR_NO_INTERFACE,  /* nor such a network interface */
    SK_ERROR_NO_NWFILTER,
    SK_ERROR_NO_METADATA,   /* title, description or an element that was not set */
    SK_ERROR_NOT_FOUND,     /* anything else that is not there */
    SK_ERROR_NO_PROCEDURE,  /* known, but not offered by this version */
    SK_ERROR_XML,           /* the document is malformed, or an element in it is wrong */
    SK_ERROR_XML_SCHEMA,    /* it breaks the schema that it was asked to be checked against */
    SK_ERROR_RISKY,         /* possible only by force */
    SK_ERROR_EXISTS,        /* the name, address or path is taken */
    SK_ERROR_STATE,         /* not possible in the object's present state */
    SK_ERROR_IN_USE,        /* somebody else holds it */
    SK_ERROR_CHANGED,       /* the ETag given is not the present one */
    SK_ERROR_UNAUTHENTICATED,
    SK_ERROR_DENIED,
    SK_ERROR_TOO_LARGE,
    SK_ERROR_TOO_MANY,      /* rate, connection or quota limit */
    SK_ERROR_NO_SPACE,
    SK_ERROR_TIMEOUT,
    SK_ERROR_CANCELLED,
    SK_ERROR_HOST,          /* the host lacks something or a system call failed */
    SK_ERROR_QEMU,          /* QEMU refused or died; the message is its own */
    SK_ERROR_AGENT,         /* the guest agent does not answer or refused */
    SK_ERROR_IO,            /* a peer or a file broke in the middle */
    SK_ERROR_UNREACHABLE,   /* no daemon at the other end (the CLI's) */
    SK_N_ERRORS
} SkError;

typedef struct {
    const char *name;       /* stable, lower case with dashes */
    guint http_status;
    gint libvirt_number;    /* virErrorNumber */
    gint exit_code;         /* of the skep command */
    const char *help;       /* for the reference pages */
} SkErrorInfo;

GQuark sk_error_quark(void);

/* The row of a code; any error of another domain is shown as the INTERNAL row. */
const SkErrorInfo *sk_error_info(SkError code);
const SkErrorInfo *sk_error_info_of(const GError *error);

/* Looks a row up by its stable name; FALSE if there is none. */
gboolean sk_error_from_name(const char *name, SkError *out_code);

/*
 * Sets *error and returns FALSE, so that `return sk_fail(error, ...)` reads well. The message is
 * cut at 4 KiB and made valid UTF-8 without control characters.
 */
gboolean sk_fail(GError **error, SkError code, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* The same with ": <strerror(errnum)>" added; ENOSPC and EDQUOT become NO_SPACE. */
gboolean sk_fail_errno(GError **error, int errnum, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* TRUE if error carries this code. */
gboolean sk_error_is(const GError *error, SkError code);

G_END_DECLS
