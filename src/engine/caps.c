/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a QEMU binary can do: the value, and its caches. */
#include "engine/caps.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/thread.h"
#include "codec/json/json.h"
#include "engine/caps-probe.h"

#define CACHE_FORMAT    2
#define CACHE_MAX_BYTES (1024 * 1024)

/* Sorted names in one block of memory. */
typedef struct {
    char *text;             /* names, each with its NUL */
    const char **names;
    guint count;
} Names;

struct SkQemuCaps {
    gint refs;              /* atomic */
    char *binary, *version, *arch;
    guint number;
    GPtrArray *machines;    /* SkQemuMachine */
    GPtrArray *cpus;        /* SkQemuCpu */
    Names types, options;
};

G_DEFINE_BOXED_TYPE(SkQemuCaps, sk_qemu_caps, sk_qemu_caps_ref, sk_qemu_caps_unref)

/* -- names ------------------------------------------------------------------------------------------------------ */

static int
compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static void
names_init(Names *self, json_t *list)
{
    gsize i, at = 0, length = 0;
    json_t *name;
    json_array_foreach (list, i, name)
        length += json_string_length(name) + 1;
    self->count = (guint) json_array_size(list);
    self->text = g_malloc(length + 1);
    self->names = g_new(const char *, self->count + 1);
    json_array_foreach (list, i, name) {
        const char *text = json_is_string(name) ? json_string_value(name) : "";
        self->names[i] = self->text + at;
        at += (gsize) (g_stpcpy(self->text + at, text) - (self->text + at)) + 1;
    }
    qsort(self->names, self->count, sizeof *self->names, compare_names);
}

static gboolean
names_have(const Names *self, const char *name)
{
    return bsearch(&name, self->names, self->count, sizeof *self->names, compare_names) != NULL;
}

static json_t *
names_to_json(const Names *self)
{
    json_t *list = json_array();
    for (guint i = 0; i < self->count; i++)
        json_array_append_new(list, json_string(self->names[i]));
    return list;
}

static void
names_clear(Names *self)
{
    g_free(self->text);
    g_free(self->names);
}

/* -- the value ---------------------------------------------------------------------------------------------------- */

static void
machine_free(gpointer data)
{
    SkQemuMachine *self = data;
    g_free(self->name);
    g_free(self->alias);
    g_free(self);
}

static GPtrArray *
read_machines(json_t *list)
{
    GPtrArray *machines = g_ptr_array_new_with_free_func(machine_free);
    gsize i;
    json_t *entry;
    json_array_foreach (list, i, entry) {
        const char *name = json_string_value(json_object_get(entry, "name"));
        if (name == NULL)
            continue;
        SkQemuMachine *machine = g_new0(SkQemuMachine, 1);
        machine->name = g_strdup(name);
        machine->alias = g_strdup(json_string_value(json_object_get(entry, "alias")));
        machine->max_cpus = (guint) CLAMP(json_integer_value(json_object_get(entry, "cpu-max")), 1, 65536);
        machine->hotplug_cpus = json_is_true(json_object_get(entry, "hotpluggable-cpus"));
        machine->is_default = json_is_true(json_object_get(entry, "is-default"));
        machine->deprecated = json_is_true(json_object_get(entry, "deprecated"));
        g_ptr_array_add(machines, machine);
    }
    return machines;
}

static void
cpu_free(gpointer data)
{
    SkQemuCpu *self = data;
    g_free(self->name);
    g_strfreev(self->missing);
    g_free(self);
}

static char **
read_words(json_t *list)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new();
    gsize i;
    json_t *word;
    json_array_foreach (list, i, word) {
        if (json_is_string(word))
            g_ptr_array_add(words, g_strdup(json_string_value(word)));
    }
    if (words->len == 0)
        return NULL;
    g_ptr_array_add(words, NULL);
    return (char **) g_ptr_array_steal(words, NULL);
}

static GPtrArray *
read_cpus(json_t *list)
{
    GPtrArray *cpus = g_ptr_array_new_with_free_func(cpu_free);
    gsize i;
    json_t *entry;
    json_array_foreach (list, i, entry) {
        const char *name = json_string_value(json_object_get(entry, "name"));
        if (name == NULL)
            continue;
        SkQemuCpu *cpu = g_new0(SkQemuCpu, 1);
        cpu->name = g_strdup(name);
        cpu->missing = read_words(json_object_get(entry, "unavailable-features"));
        cpu->deprecated = json_is_true(json_object_get(entry, "deprecated"));
        g_ptr_array_add(cpus, cpu);
    }
    return cpus;
}

SkQemuCaps *
sk_qemu_caps_from_json(json_t *object, GError **error)
{
    const char *binary, *arch;
    gint major, minor, micro;
    json_t *machines, *types, *options;
    json_error_t wrong;
    if (json_unpack_ex(object, &wrong, 0, "{s:s, s:i, s:i, s:i, s:s, s:o, s:o, s:o}", "binary", &binary, "major", &major,
                       "minor", &minor, "micro", &micro, "arch", &arch, "machines", &machines, "types", &types,
                       "options", &options) < 0) {
        sk_fail(error, SK_ERROR_INVALID, "these are no capabilities of a QEMU: %s", wrong.text);
        return NULL;
    }
    SkQemuCaps *self = g_new0(SkQemuCaps, 1);
    self->refs = 1;
    self->binary = g_strdup(binary);
    self->arch = g_strdup(arch);
    self->version = g_strdup_printf("%d.%d.%d", major, minor, micro);
    self->number = (guint) (major * 10000 + minor * 100 + micro);
    self->machines = read_machines(machines);
    self->cpus = read_cpus(json_object_get(object, "cpus"));
    names_init(&self->types, types);
    names_init(&self->options, options);
    return self;
}

static json_t *
machine_to_json(const SkQemuMachine *self)
{
    json_t *machine = json_pack("{s:s, s:s*, s:i}", "name", self->name, "alias", self->alias, "cpu-max", (gint) self->max_cpus);
    if (self->hotplug_cpus)
        json_object_set_new(machine, "hotpluggable-cpus", json_true());
    if (self->is_default)
        json_object_set_new(machine, "is-default", json_true());
    if (self->deprecated)
        json_object_set_new(machine, "deprecated", json_true());
    return machine;
}

static json_t *
cpus_to_json(const GPtrArray *cpus)
{
    json_t *list = json_array();
    for (guint i = 0; i < cpus->len; i++) {
        const SkQemuCpu *cpu = cpus->pdata[i];
        json_t *entry = json_pack("{s:s}", "name", cpu->name), *missing = json_array();
        for (char **word = cpu->missing; word != NULL && *word != NULL; word++)
            json_array_append_new(missing, json_string(*word));
        json_object_set_new(entry, "unavailable-features", missing);
        if (cpu->deprecated)
            json_object_set_new(entry, "deprecated", json_true());
        json_array_append_new(list, entry);
    }
    return list;
}

json_t *
sk_qemu_caps_to_json(const SkQemuCaps *self)
{
    json_t *machines = json_array();
    for (guint i = 0; i < self->machines->len; i++)
        json_array_append_new(machines, machine_to_json(self->machines->pdata[i]));
    return json_pack("{s:s, s:i, s:i, s:i, s:s, s:o, s:o, s:o, s:o}", "binary", self->binary,
                     "major", (gint) (self->number / 10000), "minor", (gint) (self->number / 100 % 100),
                     "micro", (gint) (self->number % 100), "arch", self->arch, "machines", machines,
                     "types", names_to_json(&self->types), "options", names_to_json(&self->options), "cpus", cpus_to_json(self->cpus));
}

SkQemuCaps *
sk_qemu_caps_ref(SkQemuCaps *self)
{
    g_atomic_int_inc(&self->refs);
    return self;
}

void
sk_qemu_caps_unref(SkQemuCaps *self)
{
    if (self == NULL || !g_atomic_int_dec_and_test(&self->refs))
        return;
    g_free(self->binary);
    g_free(self->version);
    g_free(self->arch);
    g_ptr_array_unref(self->machines);
    g_ptr_array_unref(self->cpus);
    names_clear(&self->types);
    names_clear(&self->options);
    g_free(self);
}

const char *
sk_qemu_caps_binary(const SkQemuCaps *self)
{
    return self->binary;
}

const char *
sk_qemu_caps_version(const SkQemuCaps *self)
{
    return self->version;
}

guint
sk_qemu_caps_version_number(const SkQemuCaps *self)
{
    return self->number;
}

const char *
sk_qemu_caps_arch(const SkQemuCaps *self)
{
    return self->arch;
}

gboolean
sk_qemu_caps_has(const SkQemuCaps *self, const char *type)
{
    return names_have(&self->types, type);
}

gboolean
sk_qemu_caps_has_option(const SkQemuCaps *self, const char *group)
{
    return names_have(&self->options, group);
}

const SkQemuMachine *
sk_qemu_caps_machine(const SkQemuCaps *self, const char *name)
{
    for (guint i = 0; i < self->machines->len; i++) {
        const SkQemuMachine *machine = self->machines->pdata[i];
        if (g_str_equal(machine->name, name) || g_strcmp0(machine->alias, name) == 0)
            return machine;
    }
    return NULL;
}

const GPtrArray *
sk_qemu_caps_machines(const SkQemuCaps *self)
{
    return self->machines;
}

const GPtrArray *
sk_qemu_caps_cpus(const SkQemuCaps *self)
{
    return self->cpus;
}

/* -- caches -------------------------------------------------------------------------------------------------------- */

/* Which file the capabilities are of; another size or time of change is another QEMU. */
typedef struct {
    char *path;
    gint64 size, mtime;     /* nanoseconds */
    gboolean kvm;           /* CPU models are as KVM shows them */
    SkQemuCaps *caps;
} Entry;

/* Held while a binary is asked too, so that it is asked once however many domains start at a time. */
static GMutex memory_lock;
static GHashTable *memory;  /* path to Entry */

static void
entry_free(gpointer data)
{
    Entry *entry = data;
    g_free(entry->path);
    sk_qemu_caps_unref(entry->caps);
    g_free(entry);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Entry, entry_free)

/* A device that opens is not enough: CPU models are then told of a KVM that runs nothing. */
static gboolean
kvm_works(void)
{
    g_autofree char *cpuinfo = sk_fs_read("/proc/cpuinfo", 4 * 1024 * 1024, NULL, NULL);
    gboolean other = cpuinfo != NULL && strstr(cpuinfo, "\nflags") == NULL;
    return access("/dev/kvm", R_OK | W_OK) == 0 &&
           (other || (cpuinfo != NULL && (strstr(cpuinfo, " vmx") != NULL || strstr(cpuinfo, " svm") != NULL)));
}

static Entry *
entry_of(const char *binary, GError **error)
{
    struct stat info;
    g_autofree char *path = g_find_program_in_path(binary);
    if (path == NULL || stat(path, &info) < 0 || !S_ISREG(info.st_mode)) {
        sk_fail(error, SK_ERROR_HOST, "there is no QEMU \"%s\" on this host: install the package qemu-system-x86", binary);
        return NULL;
    }
    Entry *entry = g_new0(Entry, 1);
    entry->path = g_steal_pointer(&path);
    entry->size = info.st_size;
    entry->kvm = kvm_works();
    entry->mtime = info.st_mtim.tv_sec * G_GINT64_CONSTANT(1000000000) + info.st_mtim.tv_nsec;
    return entry;
}

static char *
cache_file(const Entry *entry, const char *cache_dir)
{
    g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, entry->path, -1);
    g_autofree char *name = g_strdup_printf("qemu-%.16s.json", hash);
    return g_build_filename(cache_dir, name, NULL);
}

/* NULL if there is nothing that can be used: then the binary is asked. */
static SkQemuCaps *
load(const Entry *entry, const char *cache_dir)
{
    gsize length;
    gint format, kvm;
    json_int_t size, mtime;
    json_t *caps;
    g_autofree char *file = cache_file(entry, cache_dir);
    g_autofree char *text = sk_fs_read(file, CACHE_MAX_BYTES, &length, NULL);
    g_autoptr(json_t) root = text != NULL ? sk_json_parse(text, length, file, NULL) : NULL;
    if (root == NULL || json_unpack(root, "{s:i, s:I, s:I, s:b, s:o}", "format", &format, "size", &size, "mtime", &mtime,
                                    "kvm", &kvm, "caps", &caps) < 0)
        return NULL;
    if (format != CACHE_FORMAT || size != entry->size || mtime != entry->mtime ||
        kvm != entry->kvm)
        return NULL;
    g_autoptr(SkQemuCaps) loaded = sk_qemu_caps_from_json(caps, NULL);
    return loaded != NULL && g_str_equal(loaded->binary, entry->path) ? g_steal_pointer(&loaded) : NULL;
}

static void
save(const Entry *entry, const char *cache_dir, json_t *caps)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *file = cache_file(entry, cache_dir);
    g_autoptr(json_t) root = json_pack("{s:i, s:I, s:I, s:b, s:O}", "format", CACHE_FORMAT, "size", (json_int_t) entry->size,
                                       "mtime", (json_int_t) entry->mtime, "kvm", entry->kvm, "caps", caps);
    g_autofree char *text = json_dumps(root, JSON_COMPACT);
    if (!sk_fs_make_dir(cache_dir, 0755, &error) || !sk_fs_write(file, text, -1, 0644, &error))
        g_warning("%s, continuing without this cache", error->message);
}

static SkQemuCaps *
find_or_ask(const Entry *entry, const char *cache_dir, GError **error)
{
    SkQemuCaps *loaded = cache_dir != NULL ? load(entry, cache_dir) : NULL;
    if (loaded != NULL)
        return loaded;
    g_autoptr(json_t) answer = sk_qemu_probe(entry->path, entry->kvm, error);
    g_autoptr(SkQemuCaps) caps = answer != NULL ? sk_qemu_caps_from_json(answer, error) : NULL;
    if (caps != NULL && cache_dir != NULL)
        save(entry, cache_dir, answer);
    return g_steal_pointer(&caps);
}

SkQemuCaps *
sk_qemu_caps_get(const char *binary, const char *cache_dir, GError **error)
{
    sk_assert_worker();
    g_autoptr(Entry) entry = entry_of(binary, error);
    if (entry == NULL)
        return NULL;
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&memory_lock);
    if (memory == NULL)
        memory = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, entry_free);
    Entry *known = g_hash_table_lookup(memory, entry->path);
    if (known != NULL && known->size == entry->size && known->mtime == entry->mtime)
        return sk_qemu_caps_ref(known->caps);

    entry->caps = find_or_ask(entry, cache_dir, error);
    if (entry->caps == NULL)
        return NULL;
    SkQemuCaps *caps = sk_qemu_caps_ref(entry->caps);
    g_hash_table_replace(memory, entry->path, entry);
    entry = NULL;
    return caps;
}

void
sk_qemu_caps_forget(void)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&memory_lock);
    g_clear_pointer(&memory, g_hash_table_unref);
}
