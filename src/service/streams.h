/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include "service/call.h"
#include "service/service.h"

/*
 * What a front door needs to take over a connection: events, consoles, transfers
 * of volumes.  Main thread; callbacks come on the main thread.
 */

/* -- events ------------------------------------------------------------------------------------------------ */

typedef void (*SkEventFunc)(const SkEvent *event, gpointer data);
typedef struct SkSubscription SkSubscription;

/*
 * Calls func for every event after revision since (0: from now on) whose type or object begins with
 * match (NULL: all); the kept ones come before this returns. *out_gap: some after since are no longer
 * kept, so the client must list anew.
 */
SkSubscription *sk_service_subscribe(SkService *self, guint64 since, const char *match, SkEventFunc func, gpointer data,
                                     gboolean *out_gap);
void sk_service_unsubscribe(SkService *self, SkSubscription *subscription);
guint64 sk_service_revision(SkService *self);

/* -- consoles ------------------------------------------------------------------------------------------------ */

typedef struct SkConsoleSession SkConsoleSession;
typedef struct {
    void (*output)(const void *bytes, gsize length, gpointer data);
    void (*notice)(const char *sentence, gpointer data); /* "root has taken over the keyboard" */
    void (*closed)(gpointer data);                       /* the domain was deleted, or the VNC peer ended */
} SkConsoleFuncs;

/*
 * Redeems the call's ticket (good once); the call rests from then on on the token of who asked for it. Serial: scrollback
 * comes first, then live output. VNC: raw RFB bytes.
 */
SkConsoleSession *sk_service_console_open(SkService *self, SkCall *call, const SkConsoleFuncs *funcs, gpointer data, GError **error);
/* Input; FALSE if this session is not the writer (nothing is sent). */
gboolean sk_console_session_write(SkConsoleSession *self, const void *bytes, gsize length);
/* Become the writer. */
void sk_console_session_take_over(SkConsoleSession *self);
/* TRUE: give no output until FALSE, because the client does not keep up. */
void sk_console_session_hold(SkConsoleSession *self, gboolean hold);
void sk_console_session_close(SkConsoleSession *self);

/* -- transfers ------------------------------------------------------------------------------------------------- */

typedef struct SkUpload SkUpload;
typedef void (*SkUploadReady)(const GError *error, gpointer data);

/* volume.upload and image.upload. total: bytes to come, or -1. The call stays the front door's; rights are judged by ops. */
SkUpload *sk_service_upload_begin(SkService *self, SkCall *call, gint64 total, GError **error);
/*
 * How much of a cut upload of this volume or image is kept, to go on from there with ?offset=; 0: nothing.
 * From memory or by one stat(); call: that of the upload's operation.
 */
gboolean sk_service_upload_offset(SkService *self, SkCall *call, guint64 *out_offset, GError **error);
/* Writes a piece; ready comes when the next can be given. One at a time. */
void sk_upload_write(SkUpload *self, GBytes *piece, SkUploadReady ready, gpointer data);
/* All has come: finishes; ready comes with the answer in the call. Frees the upload. */
void sk_upload_finish(SkUpload *self, SkUploadReady ready, gpointer data);
/* The client vanished: what came is kept for going on later. Frees the upload. */
void sk_upload_abort(SkUpload *self);

/* Writing into a volume that is there (rights are judged by ops). */
typedef struct SkPatch SkPatch;
typedef void (*SkPatchReady)(const GError *error, gpointer data);

/* call: its params name pool and volume; offset: where to begin. ready comes when it is open, or with why it is not. */
SkPatch *sk_service_patch_begin(SkService *self, const SkCall *call, guint64 offset, SkPatchReady ready, gpointer data, GError **error);
/* Writes a piece (taken), or, piece NULL, so many zeros; ready comes when the next can be given. One at a time. */
void sk_patch_write(SkPatch *self, GBytes *piece, guint64 zeros, SkPatchReady ready, gpointer data);
/* All has come: ready comes when it is on the disk. To be freed then. */
void sk_patch_finish(SkPatch *self, SkPatchReady ready, gpointer data);
/* ready does not come any more; what was written is written. */
void sk_patch_free(SkPatch *self);

typedef struct SkDownload SkDownload;
typedef void (*SkDownloadPiece)(GBytes *piece, const GError *error, gpointer data);

SkDownload *sk_service_download_begin(SkService *self, SkCall *call, guint64 *out_size, GError **error);
/* Reads at most length bytes at offset on a worker; an empty piece is the end. One at a time. */
void sk_download_read(SkDownload *self, guint64 offset, gsize length, SkDownloadPiece ready, gpointer data);
/* The same, but a hole is not read: then zeros is its length, up to the end of the file, and piece is empty. */
typedef void (*SkDownloadExtent)(GBytes *piece, guint64 zeros, const GError *error, gpointer data);
void sk_download_read_sparse(SkDownload *self, guint64 offset, gsize length, SkDownloadExtent ready, gpointer data);
void sk_download_free(SkDownload *self);
