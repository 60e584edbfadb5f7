/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib-object.h>
#include <jansson.h>

G_BEGIN_DECLS

/*
 * What a QEMU binary can do: asked once of the binary itself (one process with
 * no machine, one QMP session), kept in memory and in cache_dir by path, size and
 * time of change.  Immutable and reference counted once made; any thread.
 */

typedef struct {
    char *name;             /* "pc-q35-7.2" */
    char *alias;            /* "q35", or NULL */
    guint max_cpus;
    gboolean hotplug_cpus, is_default, deprecated;
} SkQemuMachine;

/* A CPU model, and what of it this host lacks. */
typedef struct {
    char *name;             /* "Haswell-noTSX" */
    char **missing;         /* features; NULL: none */
    gboolean deprecated;
} SkQemuCpu;

typedef struct SkQemuCaps SkQemuCaps;

/*
 * The capabilities of a binary (a path, or a name to look up in PATH). cache_dir may be NULL: nothing is
 * kept on disk. HOST error if it is not there or is not a QEMU that works. Workers. New reference.
 */
SkQemuCaps *sk_qemu_caps_get(const char *binary, const char *cache_dir, GError **error);

/* Drops what is kept in memory; for tests. */
void sk_qemu_caps_forget(void);

/* From what sk_qemu_caps_to_json() gave; for the cache and for tests. */
SkQemuCaps *sk_qemu_caps_from_json(json_t *object, GError **error);
json_t *sk_qemu_caps_to_json(const SkQemuCaps *self);

SkQemuCaps *sk_qemu_caps_ref(SkQemuCaps *self);
void sk_qemu_caps_unref(SkQemuCaps *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkQemuCaps, sk_qemu_caps_unref)
#define SK_TYPE_QEMU_CAPS (sk_qemu_caps_get_type())
GType sk_qemu_caps_get_type(void);

/* -- query ------------------------------------------------------------------------------------------ */

/* Full path of the binary. */
const char *sk_qemu_caps_binary(const SkQemuCaps *self);
/* "7.2.22" */
const char *sk_qemu_caps_version(const SkQemuCaps *self);
/* major * 10000 + minor * 100 + micro: 70222 */
guint sk_qemu_caps_version_number(const SkQemuCaps *self);
/* "x86_64" */
const char *sk_qemu_caps_arch(const SkQemuCaps *self);

/*
 * A device, CPU ("Haswell-x86_64-cpu"), object ("memory-backend-memfd", "secret") or accelerator
 * ("kvm-accel", "tcg-accel") type that can be made.
 */
gboolean sk_qemu_caps_has(const SkQemuCaps *self, const char *type);
/* A group of command line options: "sandbox", "spice". */
gboolean sk_qemu_caps_has_option(const SkQemuCaps *self, const char *group);

/* By name or alias; NULL if there is none. */
const SkQemuMachine *sk_qemu_caps_machine(const SkQemuCaps *self, const char *name);
/* All of them, SkQemuMachine; belongs to self. */
const GPtrArray *sk_qemu_caps_machines(const SkQemuCaps *self);
/* CPU models, SkQemuCpu, in QEMU's order; belongs to self. */
const GPtrArray *sk_qemu_caps_cpus(const SkQemuCaps *self);

G_END_DECLS
