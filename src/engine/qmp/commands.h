/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/launch.h"
#include "engine/qmp/qmp-client.h"

G_BEGIN_DECLS

/*
 * QMP's commands with types.  What is not here needs no more than
 * sk_qmp_run(self, "blockdev-del", json_pack(...), error).  All block: workers
 * only.  FALSE/NULL with SK_ERROR_QEMU and QEMU's own words if it refuses, TIMEOUT
 * if it does not answer.
 */

/* -- the machine as a whole --------------------------------------------------------------------------- */

typedef enum {
    SK_QMP_CONT, SK_QMP_STOP, SK_QMP_QUIT, SK_QMP_POWERDOWN, SK_QMP_RESET, SK_QMP_WAKEUP, SK_QMP_NMI,
    SK_N_QMP_VERBS
} SkQmpVerb;

/* A command without arguments. */
gboolean sk_qmp_do(SkQmp *self, SkQmpVerb verb, GError **error);

typedef struct {
    gboolean running;
    char status[24];        /* QEMU's word: "running", "paused", "prelaunch", "shutdown", "io-error" ... */
} SkQmpStatus;
gboolean sk_qmp_query_status(SkQmp *self, SkQmpStatus *out_status, GError **error);

/* {"type": "qcode"} names: "ctrl", "alt", "delete"; pressed together. hold_ms 0: QEMU's own time. */
gboolean sk_qmp_send_key(SkQmp *self, const char *const *keys, guint hold_ms, GError **error);

/* -- memory and vCPUs -------------------------------------------------------------------------------------- */

/* Asks the guest to shrink or grow to bytes; returns before it has. */
gboolean sk_qmp_set_balloon(SkQmp *self, guint64 bytes, GError **error);
/* What the guest has at the moment. */
gboolean sk_qmp_query_balloon(SkQmp *self, guint64 *out_bytes, GError **error);

/*
 * Plugs vCPUs until wanted are there, or unplugs those plugged after the start (ids "vcpuN"); unplugging
 * waits for the guest at most timeout_ms each. out_now (may be NULL) is set on failure too.
 */
gboolean sk_qmp_set_vcpus(SkQmp *self, guint wanted, gint timeout_ms, guint *out_now, GError **error);
gboolean sk_qmp_query_vcpus(SkQmp *self, guint *out_now, guint *out_maximum, GError **error);

/* What the guest was built with and the DIMMs plugged since. */
gboolean sk_qmp_query_memory(SkQmp *self, guint64 *out_bytes, GError **error);
/* Plugs a DIMM: a memory-backend-ram "memID" and a pc-dimm "ID". */
gboolean sk_qmp_plug_memory(SkQmp *self, const char *id, guint64 bytes, GError **error);

/* -- devices and disks --------------------------------------------------------------------------------------- */

/* Does one step, without its undo. */
gboolean sk_qmp_step(SkQmp *self, const SkQmpStep *step, GError **error);

/*
 * Does steps in order; if one fails, those done are undone, last first. A tray that the guest has
 * locked is waited for (the guest is asked by QEMU), at most timeout_ms, 0: SK_QMP_TIMEOUT_MS.
 */
gboolean sk_qmp_run_steps(SkQmp *self, const GPtrArray *steps, gint timeout_ms, GError **error);

/* Plugs a device in. */
gboolean sk_qmp_attach(SkQmp *self, const SkPlug *plug, GError **error);
/*
 * Takes a device out: asks the guest, waits for it to let go, removes what was behind the device. A guest
 * that does not within timeout_ms is a TIMEOUT error and everything stays; call it again later.
 */
gboolean sk_qmp_detach(SkQmp *self, const SkPlug *plug, gint timeout_ms, GError **error);
/* device_del of a qdev id, and the wait for DEVICE_DELETED. Errors as sk_qmp_detach(). */
gboolean sk_qmp_device_del(SkQmp *self, const char *id, gint timeout_ms, GError **error);

/* Hands QEMU a descriptor of a new set, to be opened as "/dev/fdset/N"; fd stays the caller's. opaque tells what it is. */
gboolean sk_qmp_add_fd(SkQmp *self, gint fd, const char *opaque, gint *out_set, GError **error);
gboolean sk_qmp_remove_fdset(SkQmp *self, gint set, GError **error);

/* The ids of all devices that have one: a set of char *. */
GHashTable *sk_qmp_query_devices(SkQmp *self, GError **error);

/* The path of the medium in a drive as it was told at add-fd; NULL without an error: none. Free with g_free(). */
char *sk_qmp_query_medium(SkQmp *self, const char *drive, GError **error);

gboolean sk_qmp_block_resize(SkQmp *self, const char *node_name, guint64 bytes, GError **error);

typedef struct {
    char *device;           /* qdev id */
    guint64 read_bytes, write_bytes, reads, writes, flushes;
    guint64 read_ns, write_ns, flush_ns;
} SkBlockStats;
/* The answer to query-blockstats as SkBlockStats, one per device of the guest; free with g_ptr_array_unref(). Any thread. */
GPtrArray *sk_qmp_parse_block_stats(json_t *result);
/* Of the answer to query-block: what the guest sees of a drive (its qdev id), and what the image takes up. FALSE: it has no medium. Any thread. */
gboolean sk_qmp_parse_block_size(json_t *result, const char *device, guint64 *out_capacity, guint64 *out_allocation);
/* Of the same: what QEMU thinks of a drive, "ok", "failed" or "nospace"; NULL: nothing. Borrowed. Any thread. */
const char *sk_qmp_parse_disk_state(json_t *result, const char *device);
GPtrArray *sk_qmp_query_block_stats(SkQmp *self, GError **error);

/* -- display --------------------------------------------------------------------------------------------------------------- */

/* Sets the password of a screen, "vnc" or "spice" (NULL: nobody gets in); it must have been started with one. */
gboolean sk_qmp_set_password(SkQmp *self, const char *protocol, const char *password, GError **error);

typedef struct {
    gboolean enabled;
    char *host;             /* address, or path of the Unix socket */
    guint port;             /* 0 for a Unix socket */
    guint clients;
} SkVncInfo;
void sk_vnc_info_clear(SkVncInfo *self);
gboolean sk_qmp_query_vnc(SkQmp *self, SkVncInfo *out_info, GError **error);

/* A picture of a screen as PNG: of one head of a video card by its id, NULL: of the first there is. */
GBytes *sk_qmp_screendump(SkQmp *self, const char *card, guint head, GError **error);

G_END_DECLS
