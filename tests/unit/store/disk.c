/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SQLite's file access with faults laid over it. */
#include "disk.h"

#include <sqlite3.h>

typedef struct {
    sqlite3_file base;
    sqlite3_file *real;     /* behind this struct in memory */
} File;

static sqlite3_vfs *real_vfs;
static sqlite3_vfs faulty_vfs;
static gint fault, syncs;   /* atomic */

static GMutex gate_lock;
static GCond gate_changed;
static gint gate_closed, gate_reached; /* atomic, for the thread sanitizer does not see the lock */

static sqlite3_file *
real(sqlite3_file *file)
{
    return ((File *) file)->real;
}

/* -- methods with faults ------------------------------------------------------------------------------------ */

static gint
write_fault(void)
{
    switch (g_atomic_int_get(&fault)) {
    case DISK_FULL:
        return SQLITE_FULL;
    case DISK_READ_ONLY:
        return SQLITE_READONLY;
    case DISK_FAILS:
        return SQLITE_IOERR_WRITE;
    default:
        return SQLITE_OK;
    }
}

static int
file_write(sqlite3_file *file, const void *data, int length, sqlite3_int64 at)
{
    gint result = write_fault();
    return result != SQLITE_OK ? result : real(file)->pMethods->xWrite(real(file), data, length, at);
}

static int
file_sync(sqlite3_file *file, int flags)
{
    g_atomic_int_inc(&syncs);
    g_mutex_lock(&gate_lock);
    while (g_atomic_int_get(&gate_closed)) {
        g_atomic_int_set(&gate_reached, TRUE);
        g_cond_broadcast(&gate_changed);
        g_cond_wait(&gate_changed, &gate_lock);
    }
    g_mutex_unlock(&gate_lock);
    if (g_atomic_int_get(&fault) == DISK_SYNC_FAILS)
        return SQLITE_IOERR_FSYNC;
    return real(file)->pMethods->xSync(real(file), flags);
}

/* -- methods passed on ------------------------------------------------------------------------------------------ */

static int
file_close(sqlite3_file *file)
{
    return real(file)->pMethods->xClose(real(file));
}

static int
file_read(sqlite3_file *file, void *data, int length, sqlite3_int64 at)
{
    return real(file)->pMethods->xRead(real(file), data, length, at);
}

static int
file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    return real(file)->pMethods->xTruncate(real(file), size);
}

static int
file_size(sqlite3_file *file, sqlite3_int64 *out)
{
    return real(file)->pMethods->xFileSize(real(file), out);
}

static int
file_lock(sqlite3_file *file, int level)
{
    return real(file)->pMethods->xLock(real(file), level);
}

static int
file_unlock(sqlite3_file *file, int level)
{
    return real(file)->pMethods->xUnlock(real(file), level);
}

static int
file_reserved(sqlite3_file *file, int *out)
{
    return real(file)->pMethods->xCheckReservedLock(real(file), out);
}

static int
file_control(sqlite3_file *file, int op, void *data)
{
    return real(file)->pMethods->xFileControl(real(file), op, data);
}

static int
file_sector(sqlite3_file *file)
{
    return real(file)->pMethods->xSectorSize(real(file));
}

static int
file_traits(sqlite3_file *file)
{
    return real(file)->pMethods->xDeviceCharacteristics(real(file));
}

static int
file_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
    return real(file)->pMethods->xShmMap(real(file), page, size, extend, out);
}

static int
file_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    return real(file)->pMethods->xShmLock(real(file), offset, n, flags);
}

static void
file_shm_barrier(sqlite3_file *file)
{
    real(file)->pMethods->xShmBarrier(real(file));
}

static int
file_shm_unmap(sqlite3_file *file, int remove)
{
    return real(file)->pMethods->xShmUnmap(real(file), remove);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_traits,
    .xShmMap = file_shm_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_shm_barrier,
    .xShmUnmap = file_shm_unmap,
};

static int
open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
    File *self = (File *) file;
    (void) vfs;
    self->real = (sqlite3_file *) (self + 1);
    gint result = real_vfs->xOpen(real_vfs, name, self->real, flags, out_flags);
    self->base.pMethods = result == SQLITE_OK ? &methods : NULL;
    return result;
}

/* -- for tests --------------------------------------------------------------------------------------------------- */

void
disk_install(void)
{
    real_vfs = sqlite3_vfs_find(NULL);
    faulty_vfs = *real_vfs;
    faulty_vfs.zName = "faulty";
    faulty_vfs.szOsFile = (int) sizeof(File) + real_vfs->szOsFile;
    faulty_vfs.xOpen = open_file;
    g_assert_cmpint(sqlite3_vfs_register(&faulty_vfs, 1), ==, SQLITE_OK);
}

void
disk_set_fault(DiskFault is)
{
    g_atomic_int_set(&fault, (gint) is);
}

void
disk_close_gate(void)
{
    g_mutex_lock(&gate_lock);
    g_atomic_int_set(&gate_closed, TRUE);
    g_atomic_int_set(&gate_reached, FALSE);
    g_mutex_unlock(&gate_lock);
}

void
disk_wait_at_gate(void)
{
    g_mutex_lock(&gate_lock);
    while (!g_atomic_int_get(&gate_reached))
        g_cond_wait(&gate_changed, &gate_lock);
    g_mutex_unlock(&gate_lock);
}

void
disk_open_gate(void)
{
    g_mutex_lock(&gate_lock);
    g_atomic_int_set(&gate_closed, FALSE);
    g_cond_broadcast(&gate_changed);
    g_mutex_unlock(&gate_lock);
}

guint
disk_syncs(void)
{
    return (guint) g_atomic_int_get(&syncs);
}
