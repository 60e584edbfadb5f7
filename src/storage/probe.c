/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which format a file has, by its magic, and what of it can be told without another program. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "storage/bytes.h"
#include "storage/qcow2.h"

#define HEAD_BYTES (68 * 1024)  /* up to btrfs' magic at 64 KiB */
#define FIRST_BYTES 4096        /* almost every qcow2 header ends before */
#define TAIL_BYTES 512

static const SkEnumName format_names[] = {
    [SK_IMAGE_RAW] = { "raw" },   [SK_IMAGE_QCOW2] = { "qcow2" }, [SK_IMAGE_QCOW] = { "qcow" },
    [SK_IMAGE_QED] = { "qed" },   [SK_IMAGE_VMDK] = { "vmdk" },   [SK_IMAGE_VDI] = { "vdi" },
    [SK_IMAGE_VPC] = { "vpc" },   [SK_IMAGE_VHDX] = { "vhdx" },   [SK_IMAGE_DMG] = { "dmg" },
    [SK_IMAGE_ISO] = { "iso" },   [SK_IMAGE_GZIP] = { "gzip" },   [SK_IMAGE_XZ] = { "xz" },
    [SK_IMAGE_ZSTD] = { "zstd" },
};
SK_ENUM_TABLE(sk_image_format_enum, "image format", format_names, SK_N_IMAGE_FORMATS);

typedef struct {
    const guint8 *head;
    gsize length;
    const char *what;
} Input;

static gboolean
has(const Input *input, gsize offset, gsize length)
{
    return offset <= input->length && length <= input->length - offset;
}

/* A name inside the header; one that cannot be read still counts as being there. */
static char *
name_at(const Input *input, guint64 offset, guint64 length)
{
    if (length > 4096 || offset > input->length || !has(input, (gsize) offset, (gsize) length))
        return g_strdup("?");
    g_autofree char *text = g_strndup((const char *) input->head + offset, (gsize) length);
    return g_utf8_make_valid(text, -1);
}

/* -- one reader a format: fills info beyond the format, by its documentation ------------------------ */

static void
read_qcow(const Input *input, SkImageInfo *info)
{
    if (!has(input, 0, 48))
        return;
    info->size = sk_be64(input->head + 24);
    info->encrypted = sk_be32(input->head + 36) != 0;
    guint64 offset = sk_be64(input->head + 8);
    if (offset != 0)
        info->backing_file = name_at(input, offset, sk_be32(input->head + 16));
}

static void
read_qed(const Input *input, SkImageInfo *info)
{
    if (!has(input, 0, 64))
        return;
    guint64 features = sk_le64(input->head + 16);
    info->size = sk_le64(input->head + 48);
    info->dirty = (features & 2) != 0;
    if ((features & 1) != 0)
        info->backing_file = name_at(input, sk_le32(input->head + 56), sk_le32(input->head + 60));
}

/*
 * A sparse VMDK holds its own data unless its capacity is 0, which makes QEMU follow the descriptor
 * to other files; the descriptor, behind the header, may name a parent.
 */
static void
read_vmdk_sparse(const Input *input, SkImageInfo *info)
{
    static const char parent[] = "parentFileNameHint";
    guint64 sectors = has(input, 12, 8) ? sk_le64(input->head + 12) : 0;
    info->external_data = sectors == 0;
    if (sectors < G_GUINT64_CONSTANT(1) << 50)
        info->size = sectors * 512;
    const guint8 *hint = memmem(input->head, input->length, parent, sizeof parent - 1);
    if (hint == NULL)
        return;
    const guint8 *limit = input->head + input->length;
    const guint8 *open = memchr(hint, '"', (gsize) (limit - hint));
    const guint8 *close = open != NULL ? memchr(open + 1, '"', (gsize) (limit - open - 1)) : NULL;
    gsize length = close != NULL ? (gsize) (close - open - 1) : G_MAXSIZE;
    info->backing_file = name_at(input, open != NULL ? (gsize) (open + 1 - input->head) : 0, length);
}

static void
read_vmdk_descriptor(const Input *input, SkImageInfo *info)
{
    (void) input;
    info->external_data = TRUE;
}

static void
read_vdi(const Input *input, SkImageInfo *info)
{
    if (has(input, 0x170, 8))
        info->size = sk_le64(input->head + 0x170);
}

/* The footer is copied to the start of dynamic disks, and is all there is of fixed ones. */
static void
read_vpc(const Input *input, SkImageInfo *info)
{
    if (has(input, 48, 8))
        info->size = sk_be64(input->head + 48);
}

typedef struct {
    gint format;            /* SkImageFormat */
    gsize offset;
    const char *magic;
    gsize length;
    void (*read)(const Input *input, SkImageInfo *info);
} Magic;

#define MAGIC(text) (text), sizeof(text) - 1

static const Magic magics[] = {
    { SK_IMAGE_QCOW, 0, MAGIC("QFI\xfb\0\0\0\1"), read_qcow },
    { SK_IMAGE_QCOW2, 0, MAGIC("QFI\xfb"), NULL },
    { SK_IMAGE_QED, 0, MAGIC("QED\0"), read_qed },
    { SK_IMAGE_VMDK, 0, MAGIC("KDMV"), read_vmdk_sparse },
    { SK_IMAGE_VMDK, 0, MAGIC("COWD"), NULL },
    { SK_IMAGE_VMDK, 0, MAGIC("# Disk DescriptorFile"), read_vmdk_descriptor },
    { SK_IMAGE_VHDX, 0, MAGIC("vhdxfile"), NULL },
    { SK_IMAGE_VPC, 0, MAGIC("conectix"), read_vpc },
    { SK_IMAGE_GZIP, 0, MAGIC("\x1f\x8b\x08"), NULL },
    { SK_IMAGE_XZ, 0, MAGIC("\xfd" "7zXZ\0"), NULL },
    { SK_IMAGE_ZSTD, 0, MAGIC("\x28\xb5\x2f\xfd"), NULL },
    { SK_IMAGE_VDI, 0x40, MAGIC("\x7f\x10\xda\xbe"), read_vdi },
    { SK_IMAGE_ISO, 0x8001, MAGIC("CD001"), NULL },
};

/* These are known by the last 512 bytes. */
static const Magic tail_magics[] = {
    { SK_IMAGE_VPC, 0, MAGIC("conectix"), read_vpc },
    { SK_IMAGE_DMG, 0, MAGIC("koly"), NULL },
};

/* What a disk that somebody means to boot or to mount begins with. */
static const Magic disk_magics[] = {
    { SK_IMAGE_RAW, 510, MAGIC("\x55\xaa"), NULL },         /* MBR or boot sector */
    { SK_IMAGE_RAW, 512, MAGIC("EFI PART"), NULL },         /* GPT */
    { SK_IMAGE_RAW, 4096, MAGIC("EFI PART"), NULL },
    { SK_IMAGE_RAW, 0x438, MAGIC("\x53\xef"), NULL },       /* ext2, 3, 4 */
    { SK_IMAGE_RAW, 0, MAGIC("XFSB"), NULL },
    { SK_IMAGE_RAW, 0, MAGIC("hsqs"), NULL },               /* squashfs */
    { SK_IMAGE_RAW, 0, MAGIC("LUKS\xba\xbe"), NULL },
    { SK_IMAGE_RAW, 512, MAGIC("LABELONE"), NULL },         /* LVM */
    { SK_IMAGE_RAW, 0x10040, MAGIC("_BHRfS_M"), NULL },     /* btrfs */
};

static const Magic *
find_magic(const Magic *table, gsize count, const Input *input)
{
    for (gsize i = 0; i < count; i++) {
        const Magic *row = &table[i];
        if (has(input, row->offset, row->length) && memcmp(input->head + row->offset, row->magic, row->length) == 0)
            return row;
    }
    return NULL;
}

gboolean
sk_image_parse(const guint8 *head, gsize length, const guint8 *tail, guint64 file_size, const char *what,
               SkImageInfo *out_info, GError **error)
{
    Input input = { head, length, what };
    const Magic *row = find_magic(magics, G_N_ELEMENTS(magics), &input);
    if (row != NULL && row->format == SK_IMAGE_QCOW2)
        return sk_qcow2_parse(head, length, file_size, what, out_info, error);
    if (row == NULL && tail != NULL) {
        Input end = { tail, TAIL_BYTES, what };
        row = find_magic(tail_magics, G_N_ELEMENTS(tail_magics), &end);
        if (row != NULL)
            input = end;
    }
    SkImageInfo info = { .format = row != NULL ? row->format : SK_IMAGE_RAW, .size = file_size };
    if (row == NULL)
        info.disk = find_magic(disk_magics, G_N_ELEMENTS(disk_magics), &input) != NULL;
    else if (row->read != NULL)
        row->read(&input, &info);
    *out_info = info;
    return TRUE;
}

/* -- files -------------------------------------------------------------------------------------------- */

/* Reads what is there of length bytes; -1 with *error set. */
static gssize
read_at(gint fd, guint8 *buffer, gsize length, guint64 offset, const char *what, GError **error)
{
    gsize done = 0;
    while (done < length) {
        gssize n = pread(fd, buffer + done, length - done, (off_t) (offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            sk_fail_errno(error, errno, "cannot read \"%s\"", what);
            return -1;
        }
        if (n == 0)
            break;
        done += (gsize) n;
    }
    return (gssize) done;
}

/* Length of a file or block device. */
static gboolean
length_of(gint fd, const char *what, guint64 *out_length, GError **error)
{
    struct stat info;
    if (fstat(fd, &info) < 0)
        return sk_fail_errno(error, errno, "cannot look at \"%s\"", what);
    if (!S_ISREG(info.st_mode) && !S_ISBLK(info.st_mode))
        return sk_fail(error, SK_ERROR_INVALID, "\"%s\" is neither a file nor a block device", what);
    off_t end = S_ISREG(info.st_mode) ? info.st_size : lseek(fd, 0, SEEK_END);
    if (end < 0)
        return sk_fail_errno(error, errno, "cannot find the size of \"%s\"", what);
    *out_length = (guint64) end;
    return TRUE;
}

/* TRUE if it is qcow2 by the first bytes alone: long lists should not read more of each. */
static gboolean
quick_qcow2(gint fd, guint64 length, const char *what, SkImageInfo *out_info)
{
    guint8 head[FIRST_BYTES];
    gssize n = read_at(fd, head, sizeof head, 0, what, NULL);
    return n >= 0 && sk_qcow2_parse(head, (gsize) n, length, what, out_info, NULL);
}

gboolean
sk_image_probe(gint fd, const char *what, SkImageInfo *out_info, GError **error)
{
    guint8 tail[TAIL_BYTES];
    guint64 length;

    if (!length_of(fd, what, &length, error))
        return FALSE;
    if (quick_qcow2(fd, length, what, out_info))
        return TRUE;
    g_autofree guint8 *head = g_malloc(HEAD_BYTES);
    gssize n = read_at(fd, head, HEAD_BYTES, 0, what, error);
    if (n < 0)
        return FALSE;
    gssize at_end = length >= TAIL_BYTES ? read_at(fd, tail, TAIL_BYTES, length - TAIL_BYTES, what, error) : 0;
    if (at_end < 0)
        return FALSE;
    return sk_image_parse(head, (gsize) n, at_end == TAIL_BYTES ? tail : NULL, length, what, out_info, error);
}

gboolean
sk_image_read(gint fd, gint format, const char *what, SkImageInfo *out_info, GError **error)
{
    guint64 length;
    if (!length_of(fd, what, &length, error))
        return FALSE;
    if (format == SK_FORMAT_RAW) {
        *out_info = (SkImageInfo){ .format = SK_IMAGE_RAW, .size = length };
        return TRUE;
    }
    if (quick_qcow2(fd, length, what, out_info))
        return TRUE;
    g_autofree guint8 *head = g_malloc(HEAD_BYTES);
    gssize n = read_at(fd, head, HEAD_BYTES, 0, what, error);
    return n >= 0 && sk_qcow2_parse(head, (gsize) n, length, what, out_info, error);
}
