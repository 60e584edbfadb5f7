/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A definition's command line for people: files and sockets by their names, nothing opened. */
#include <string.h>

#include "base/error.h"
#include "engine/launch.h"

/* Stands for a descriptor that a start would open; far above any real one. */
#define PRETENDED (1 << 20)

/* -- a start that opens nothing -------------------------------------------------------------------------------------- */

static void
pretend_disks(SkLaunch *launch, const SkDomainSpec *spec)
{
    for (guint i = 0; spec->disks != NULL && i < spec->disks->len; i++) {
        const SkDisk *disk = spec->disks->pdata[i];
        gboolean writable = sk_disk_is_writable(disk);
        g_autofree char *volume = g_strdup_printf("%s/%s", disk->pool != NULL ? disk->pool : "default", disk->volume != NULL ? disk->volume : "");
        if (disk->source == SK_SOURCE_NONE)
            continue;
        SkBlockLayer *layer = sk_block_chain_add(sk_launch_add_chain(launch, disk->target), writable ? PRETENDED : SK_FD_NONE,
                                                 writable ? SK_FD_NONE : PRETENDED, (SkDiskFormat) disk->format,
                                                 disk->path != NULL ? disk->path : volume);
        layer->block = disk->source == SK_SOURCE_BLOCK;
        layer->encrypted = disk->encryption != NULL;
        layer->passphrase_fd = layer->encrypted ? PRETENDED : SK_FD_NONE;
    }
}

static void
pretend_links(SkLaunch *launch, const SkDomainSpec *spec)
{
    gint fd = PRETENDED;
    for (guint i = 0; spec->interfaces != NULL && i < spec->interfaces->len; i++) {
        const SkInterface *nic = spec->interfaces->pdata[i];
        if (nic->kind == SK_NIC_USER)
            continue;
        SkNicEnd *end = sk_launch_add_nic(launch, nic->mac);
        for (guint queue = 0; queue < MAX(nic->queues, 1); queue++)
            g_array_append_val(end->fds, fd);
    }
}

/* swtpm, virtiofsd, ports and passwords that a start would see to. */
static void
pretend_rest(SkLaunch *launch, SkDomainSpec *spec)
{
    launch->vnc_password_fd = launch->spice_password_fd = PRETENDED;
    if (spec->tpm != NULL)
        sk_launch_add_device(launch, spec->tpm->alias)->path = g_strdup("swtpm.sock");
    for (guint i = 0; spec->filesystems != NULL && i < spec->filesystems->len; i++) {
        const SkFilesystem *fs = spec->filesystems->pdata[i];
        if (fs->kind == SK_FS_VIRTIOFS)
            sk_launch_add_device(launch, fs->alias)->path = g_strdup_printf("%s.sock", fs->alias);
    }
    for (guint i = 0; spec->graphics != NULL && i < spec->graphics->len; i++) {
        SkGraphics *graphics = spec->graphics->pdata[i];
        if (graphics->listen == SK_LISTEN_ADDRESS && graphics->port == 0)
            graphics->bound = 5900 + i;
    }
    if (spec->vsock != NULL && spec->vsock->cid < 3)
        spec->vsock->cid = 3;
}

/* -- arguments ------------------------------------------------------------------------------------------------------------ */

/* "fd=5,set=257,opaque=rw:/images/a" into the map as "/dev/fdset/257" to "/images/a". */
static void
note_set(GHashTable *names, const char *value)
{
    const char *set = strstr(value, ",set="), *opaque = strstr(value, ",opaque=");
    if (set == NULL || opaque == NULL)
        return;
    const char *name = opaque + strlen(",opaque=");
    if (g_str_has_prefix(name, "rw:") || g_str_has_prefix(name, "ro:"))
        name += 3;
    guint64 number = g_ascii_strtoull(set + strlen(",set="), NULL, 10);
    g_hash_table_insert(names, g_strdup_printf("/dev/fdset/%" G_GUINT64_FORMAT, number), g_strdup(name));
}

static char *
with_names(const char *argument, GHashTable *names)
{
    GString *text = g_string_new(argument);
    GHashTableIter iter;
    gpointer set, name;
    g_hash_table_iter_init(&iter, names);
    while (g_hash_table_iter_next(&iter, &set, &name)) {
        g_autofree char *quoted = g_strdup_printf("\"%s\"", (char *) set), *replaced = g_strdup_printf("\"%s\"", (char *) name);
        g_string_replace(text, quoted, replaced, 0);
    }
    return g_string_free(text, FALSE);
}

static void
append_word(GString *out, const char *word)
{
    gboolean plain = *word != '\0' && strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=.,:/@%+") == strlen(word);
    g_autofree char *quoted = plain ? g_strdup(word) : g_shell_quote(word);
    g_string_append(out, quoted);
}

/* One option a line, as people read it. */
static char *
text_of(char **argv)
{
    g_autoptr(GHashTable) names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    GString *out = g_string_new(NULL);
    append_word(out, argv[0]);
    for (guint i = 1; argv[i] != NULL; i++) {
        gboolean option = *argv[i] == '-';
        if (g_str_equal(argv[i], "-add-fd") && argv[i + 1] != NULL) {
            note_set(names, argv[++i]);
            continue;
        }
        g_autofree char *word = with_names(argv[i], names);
        g_string_append(out, option ? " \\\n" : " ");
        append_word(out, word);
    }
    g_string_append_c(out, '\n');
    return g_string_free(out, FALSE);
}

char *
sk_engine_native(const SkDomainSpec *spec, SkAccel accel, const char *emulator, GError **error)
{
    SkDomainSpec *copy = sk_value_copy(&sk_domain_spec_type, spec);
    char *text = NULL;
    sk_domain_spec_complete(copy);
    if (sk_engine_assign(copy, error)) {
        g_autoptr(SkLaunch) launch = sk_launch_new(copy, accel);
        launch->emulator = g_strdup(copy->emulator != NULL ? copy->emulator : emulator);
        launch->loader = g_strdup(copy->firmware.loader != NULL ? copy->firmware.loader : "/usr/share/OVMF/OVMF_CODE_4M.fd");
        if (copy->firmware.kind == SK_FIRMWARE_UEFI) {
            launch->nvram = sk_block_chain_new("nvram");
            sk_block_chain_add(launch->nvram, PRETENDED, SK_FD_NONE, SK_FORMAT_QCOW2, copy->firmware.nvram != NULL ? copy->firmware.nvram : "nvram.qcow2");
        } else if (copy->firmware.loader == NULL) {
            g_clear_pointer(&launch->loader, g_free);
        }
        pretend_disks(launch, copy);
        pretend_links(launch, copy);
        pretend_rest(launch, copy);
        g_autoptr(SkCmdline) cmdline = sk_cmdline_build(launch, error);
        text = cmdline != NULL ? text_of(cmdline->argv) : NULL;
    }
    sk_value_free(&sk_domain_spec_type, copy);
    return text;
}
