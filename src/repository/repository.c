/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The directory of a repository. */
#include "repository/repository.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/text.h"
#include "base/undo.h"
#include "codec/json/json.h"

#define HEAD_FILE "skep-repository"
#define HEAD_MAX (64 * 1024)
#define FORMAT 1
/* What waits for its name at most before the disk is waited for. */
#define PENDING_BYTES (256u * 1024 * 1024)

/* The one file that is not sealed. */
typedef struct {
    guint format;
    char *id;
    char *check;        /* the id as it is named with the key: tells the right key */
} Head;

static const SkField head_fields[] = {
    SK_FIELD(Head, format, UINT, "form of the repository", .flags = SK_FIELD_REQUIRED),
    SK_FIELD(Head, id, STRING, "its UUID", .check = sk_check_uuid, .flags = SK_FIELD_REQUIRED),
    SK_FIELD(Head, check, STRING, "what tells its key", .check = sk_check_sha256, .flags = SK_FIELD_REQUIRED),
};
static SK_TYPE(head_type, Head, "Repository", "repository", head_fields, "head of a backup repository");

struct SkRepo {
    char *path;
    char *uuid;
    SkRepoKeys keys;
    gint dir;
    gint lock;
    GMutex mutex;               /* of the rest */
    GHashTable *pending;        /* SkRepoId, without names yet, to their files below tmp/ */
    guint64 pending_bytes, written;
};

/* -- open and close ---------------------------------------------------------------------------------------------------------- */

static void
name_check(const SkRepoKeys *keys, const char *uuid, char *out)
{
    SkRepoId id;
    sk_repo_object_name(keys, SK_REPO_BACKUP, uuid, strlen(uuid), &id);
    sk_repo_id_format(&id, out);
}

static gboolean
check_empty(const char *path, GError **error)
{
    g_autofree char *head = g_build_filename(path, HEAD_FILE, NULL);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;
    if (g_file_test(head, G_FILE_TEST_EXISTS))
        return sk_fail(error, SK_ERROR_EXISTS, "\"%s\" is a repository already", path);
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL)
        if (strcmp(name, "lost+found") != 0)
            return sk_fail(error, SK_ERROR_EXISTS, "\"%s\" has other files: a repository is made in a directory that is empty", path);
    return TRUE;
}

static gboolean
make_dirs(const char *path, GError **error)
{
    const char *const folders[] = { "objects", "backups", "tmp" };
    for (guint i = 0; i < G_N_ELEMENTS(folders); i++) {
        g_autofree char *folder = g_build_filename(path, folders[i], NULL);
        if (!sk_fs_make_dir(folder, 0700, error))
            return FALSE;
    }
    for (guint i = 0; i < 256; i++) {
        g_autofree char *folder = g_strdup_printf("%s/objects/%02x", path, i);
        if (!sk_fs_make_dir(folder, 0700, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
sk_repo_init(const char *path, const char *key, GError **error)
{
    g_auto(SkRepoKeys) keys = { 0 };
    char check[65];
    if (!sk_repo_key_parse(key, &keys, error) || !check_empty(path, error) || !make_dirs(path, error))
        return FALSE;
    g_autofree char *uuid = g_uuid_string_random();
    g_autofree char *lock = g_build_filename(path, "lock", NULL);
    g_autofree char *file = g_build_filename(path, HEAD_FILE, NULL);
    name_check(&keys, uuid, check);
    const Head head = { .format = FORMAT, .id = uuid, .check = check };
    g_autofree char *text = sk_json_encode(&head_type, &head, 0);
    return sk_fs_write(lock, "", 0, 0600, error) && !sk_fault("repository/init", error) && sk_fs_write(file, text, -1, 0600, error);
}

static gboolean
check_head(const Head *head, const char *path, const SkRepoKeys *keys, GError **error)
{
    char check[65];
    if (head->format != FORMAT)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "repository \"%s\" is of form %u, and only %u is known here", path, head->format, FORMAT);
    name_check(keys, head->id, check);
    return strcmp(check, head->check) == 0 || sk_fail(error, SK_ERROR_DENIED, "the key is not that of repository \"%s\"", path);
}

static Head *
read_head(const char *path, GError **error)
{
    gsize length;
    g_autofree char *file = g_build_filename(path, HEAD_FILE, NULL);
    if (!g_file_test(file, G_FILE_TEST_EXISTS)) {
        sk_fail(error, SK_ERROR_NOT_FOUND, "there is no repository at \"%s\"", path);
        return NULL;
    }
    g_autofree char *text = sk_fs_read(file, HEAD_MAX, &length, error);
    return text == NULL ? NULL : sk_json_decode_text(&head_type, text, length, "the repository's head", error);
}

SkRepo *
sk_repo_open(const char *path, const char *key, GError **error)
{
    g_auto(SkRepoKeys) keys = { 0 };
    Head *head = sk_repo_key_parse(key, &keys, error) ? read_head(path, error) : NULL;
    g_auto(SkFd) dir = head != NULL ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : SK_FD_NONE;
    SkRepo *self = NULL;
    if (head != NULL && dir < 0)
        sk_fail_errno(error, errno, "cannot open \"%s\"", path);
    if (dir >= 0 && check_head(head, path, &keys, error)) {
        self = g_new0(SkRepo, 1);
        *self = (SkRepo){ .path = g_strdup(path), .uuid = g_strdup(head->id), .keys = keys, .dir = sk_fd_steal(&dir), .lock = SK_FD_NONE,
                          .pending = g_hash_table_new_full(sk_repo_id_hash, sk_repo_id_equal, g_free, g_free) };
        g_mutex_init(&self->mutex);
    }
    if (head != NULL)
        sk_value_free(&head_type, head);
    return self;
}

void
sk_repo_free(SkRepo *self)
{
    if (self == NULL)
        return;
    GHashTableIter iter;
    gpointer file;
    g_hash_table_iter_init(&iter, self->pending);
    while (g_hash_table_iter_next(&iter, NULL, &file))
        unlinkat(self->dir, file, 0);
    g_hash_table_unref(self->pending);
    sk_fd_clear(&self->lock);
    sk_fd_clear(&self->dir);
    sk_repo_keys_clear(&self->keys);
    g_mutex_clear(&self->mutex);
    g_free(self->path);
    g_free(self->uuid);
    g_free(self);
}

gboolean
sk_repo_lock(SkRepo *self, gboolean alone, GError **error)
{
    g_autofree char *file = g_build_filename(self->path, "lock", NULL);
    g_auto(SkFd) fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    /* A medium that cannot be written to is read without. */
    if (fd < 0 && errno == EROFS && !alone)
        return TRUE;
    if (fd < 0)
        return sk_fail_errno(error, errno, "cannot open \"%s\"", file);
    if (flock(fd, (alone ? LOCK_EX : LOCK_SH) | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? sk_fail(error, SK_ERROR_IN_USE, alone ? "repository \"%s\" is being written or read: try again when that has ended"
                                                                            : "repository \"%s\" is being pruned: try again when that has ended", self->path)
                                    : sk_fail_errno(error, errno, "cannot lock \"%s\"", file);
    sk_fd_clear(&self->lock);
    self->lock = sk_fd_steal(&fd);
    return TRUE;
}

const char *
sk_repo_path(const SkRepo *self)
{
    return self->path;
}

const char *
sk_repo_uuid(const SkRepo *self)
{
    return self->uuid;
}

guint64
sk_repo_written(SkRepo *self)
{
    g_mutex_lock(&self->mutex);
    guint64 bytes = self->written;
    g_mutex_unlock(&self->mutex);
    return bytes;
}

/* -- objects -------------------------------------------------------------------------------------------------------------------- */

/* "objects/ab/cdef…" */
static char *
object_file(const SkRepoId *id)
{
    char hex[65];
    sk_repo_id_format(id, hex);
    return g_strdup_printf("objects/%.2s/%s", hex, hex + 2);
}

static char *
object_what(const SkRepo *self, const SkRepoId *id)
{
    char hex[65];
    sk_repo_id_format(id, hex);
    return g_strdup_printf("object \"%.12s\" of repository \"%s\"", hex, self->path);
}

/* All of a file; NULL with the reason. */
static GByteArray *
read_file(gint dir, const char *file, const char *what, GError **error)
{
    g_auto(SkFd) fd = openat(dir, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    g_autoptr(GByteArray) out = g_byte_array_new();
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0) {
        errno == ENOENT ? sk_fail(error, SK_ERROR_NOT_FOUND, "%s is not there", what) : sk_fail_errno(error, errno, "%s cannot be read", what);
        return NULL;
    }
    if (st.st_size > (off_t) SK_REPO_OBJECT_MAX + 4096) {
        sk_fail(error, SK_ERROR_IO, "%s is damaged: it is too large", what);
        return NULL;
    }
    g_byte_array_set_size(out, (guint) st.st_size);
    for (gsize done = 0; done < out->len;) {
        gssize n = pread(fd, out->data + done, out->len - done, (off_t) done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            n < 0 ? sk_fail_errno(error, errno, "%s cannot be read", what) : sk_fail(error, SK_ERROR_IO, "%s is cut short", what);
            return NULL;
        }
        done += (gsize) n;
    }
    return g_steal_pointer(&out);
}

/* One that was put has no name yet. */
static char *
find_file(SkRepo *self, const SkRepoId *id)
{
    g_mutex_lock(&self->mutex);
    char *file = g_strdup(g_hash_table_lookup(self->pending, id));
    g_mutex_unlock(&self->mutex);
    return file != NULL ? file : object_file(id);
}

GByteArray *
sk_repo_get(SkRepo *self, SkRepoKind kind, const SkRepoId *id, GError **error)
{
    g_autofree char *file = find_file(self, id);
    g_autofree char *what = object_what(self, id);
    g_autoptr(GByteArray) sealed = read_file(self->dir, file, what, error);
    return sealed == NULL ? NULL : sk_repo_object_open(&self->keys, kind, id, sealed->data, sealed->len, what, error);
}

static gboolean
each_in(SkRepo *self, guint folder, SkRepoEach func, gpointer data, GError **error)
{
    g_autofree char *path = g_strdup_printf("%s/objects/%02x", self->path, folder);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *hex = g_strdup_printf("%02x%s", folder, name);
        g_autofree char *file = g_build_filename(path, name, NULL);
        SkRepoId id;
        struct stat st;
        if (sk_repo_id_parse(hex, &id) && lstat(file, &st) == 0 && !func(&id, (guint64) st.st_size, data, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
sk_repo_each(SkRepo *self, SkRepoEach func, gpointer data, GError **error)
{
    for (guint folder = 0; folder < 256; folder++)
        if (!each_in(self, folder, func, data, error))
            return FALSE;
    return TRUE;
}

/* Whether the object has its name, or will have. A name stands for whole bytes; a file that was cut by others is written anew. */
static gboolean
is_there(SkRepo *self, const SkRepoId *id, const char *file)
{
    struct stat st;
    g_mutex_lock(&self->mutex);
    gboolean is_pending = g_hash_table_contains(self->pending, id);
    g_mutex_unlock(&self->mutex);
    return is_pending || (fstatat(self->dir, file, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size > 0);
}

static gboolean
write_new(SkRepo *self, const char *file, const GByteArray *sealed, GError **error)
{
    g_auto(SkFd) fd = openat(self->dir, file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return sk_fail_errno(error, errno, "cannot write to repository \"%s\"", self->path);
    if (!sk_fault("repository/put", error) && sk_fd_write_all(fd, sealed->data, sealed->len, error) && close(sk_fd_steal(&fd)) == 0)
        return TRUE;
    if (error != NULL && *error == NULL)
        sk_fail_errno(error, errno, "cannot write to repository \"%s\"", self->path);
    g_prefix_error(error, "repository \"%s\": ", self->path);
    unlinkat(self->dir, file, 0);
    return FALSE;
}

/* It waits for its name from now on; FALSE if another thread put the same meanwhile. */
static gboolean
note_pending(SkRepo *self, const SkRepoId *id, const char *file, gsize bytes, gboolean *out_is_much)
{
    g_mutex_lock(&self->mutex);
    gboolean is_new = !g_hash_table_contains(self->pending, id);
    if (is_new) {
        g_hash_table_insert(self->pending, g_memdup2(id, sizeof *id), g_strdup(file));
        self->pending_bytes += bytes;
        self->written += bytes;
    }
    *out_is_much = self->pending_bytes > PENDING_BYTES;
    g_mutex_unlock(&self->mutex);
    return is_new;
}

gboolean
sk_repo_put(SkRepo *self, SkRepoKind kind, const void *bytes, gsize length, SkRepoId *out, GError **error)
{
    gboolean is_much = FALSE;
    sk_repo_object_name(&self->keys, kind, bytes, length, out);
    g_autofree char *file = object_file(out);
    if (is_there(self, out, file))
        return TRUE;
    g_autofree char *unique = g_uuid_string_random();
    g_autofree char *temp = g_build_filename("tmp", unique, NULL);
    g_autoptr(GByteArray) sealed = sk_repo_object_seal(&self->keys, kind, out, bytes, length);
    if (!write_new(self, temp, sealed, error))
        return FALSE;
    if (!note_pending(self, out, temp, sealed->len, &is_much))
        unlinkat(self->dir, temp, 0);
    return !is_much || sk_repo_sync(self, error);
}

/* What waits gives way to what is put meanwhile. */
static GHashTable *
take_pending(SkRepo *self)
{
    g_mutex_lock(&self->mutex);
    GHashTable *taken = g_hash_table_new_full(sk_repo_id_hash, sk_repo_id_equal, g_free, g_free);
    GHashTableIter iter;
    gpointer id, file;
    g_hash_table_iter_init(&iter, self->pending);
    while (g_hash_table_iter_next(&iter, &id, &file))
        g_hash_table_insert(taken, g_memdup2(id, sizeof(SkRepoId)), g_strdup(file));
    self->pending_bytes = 0;
    g_mutex_unlock(&self->mutex);
    return taken;
}

/* Gives an object its name. Another thread may have done so: then its file is there. */
static gboolean
give_name(SkRepo *self, const SkRepoId *id, const char *temp, GError **error)
{
    g_autofree char *file = object_file(id);
    struct stat st;
    if (renameat(self->dir, temp, self->dir, file) < 0 && !(errno == ENOENT && fstatat(self->dir, file, &st, 0) == 0))
        return sk_fail_errno(error, errno, "cannot name an object of repository \"%s\"", self->path);
    g_mutex_lock(&self->mutex);
    g_hash_table_remove(self->pending, id);
    g_mutex_unlock(&self->mutex);
    return TRUE;
}

/* Also where nothing waits: names that a writer gave who died then may not be on the disk yet. */
gboolean
sk_repo_sync(SkRepo *self, GError **error)
{
    g_autoptr(GHashTable) taken = take_pending(self);
    GHashTableIter iter;
    gpointer id, temp;
    if (sk_fault("repository/sync", error))
        return FALSE;
    if (syncfs(self->dir) < 0)
        return sk_fail_errno(error, errno, "repository \"%s\" did not take what was written to it", self->path);
    g_hash_table_iter_init(&iter, taken);
    while (g_hash_table_iter_next(&iter, &id, &temp))
        if (!give_name(self, id, temp, error))
            return FALSE;
    if (sk_fault("repository/named", error))
        return FALSE;
    return syncfs(self->dir) == 0 || sk_fail_errno(error, errno, "repository \"%s\" did not take what was written to it", self->path);
}

gboolean
sk_repo_remove(SkRepo *self, const SkRepoId *id, GError **error)
{
    g_autofree char *file = object_file(id);
    return unlinkat(self->dir, file, 0) == 0 || errno == ENOENT ||
           sk_fail_errno(error, errno, "cannot remove an object of repository \"%s\"", self->path);
}

gboolean
sk_repo_sweep(SkRepo *self, GError **error)
{
    g_autofree char *path = g_build_filename(self->path, "tmp", NULL);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *file = g_build_filename(path, name, NULL);
        if (!sk_fs_remove(file, error))
            return FALSE;
    }
    return TRUE;
}

/* -- backups ------------------------------------------------------------------------------------------------------------------------ */

/* The path of a backup's file; NULL, with the error, if name is none: it comes from people. */
static char *
backup_file(const SkRepo *self, const char *name, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(name, "/", 3);
    if (g_strv_length(parts) == 2 && sk_check_uuid(parts[0], "domain", NULL) && sk_check_name(parts[1], "backup", NULL))
        return g_build_filename(self->path, "backups", name, NULL);
    sk_fail(error, SK_ERROR_NO_BACKUP, "there is no backup \"%s\" in repository \"%s\"", name, self->path);
    return NULL;
}

gboolean
sk_repo_write_backup(SkRepo *self, const char *name, const char *text, GError **error)
{
    SkRepoId id;
    g_autofree char *file = backup_file(self, name, error);
    if (file == NULL || !sk_repo_sync(self, error))
        return FALSE;
    sk_repo_object_name(&self->keys, SK_REPO_BACKUP, name, strlen(name), &id);
    g_autofree char *dir = g_path_get_dirname(file);
    g_autoptr(GByteArray) sealed = sk_repo_object_seal(&self->keys, SK_REPO_BACKUP, &id, text, strlen(text));
    return sk_fs_make_dir(dir, 0700, error) && sk_fs_sync_dir_of(dir, error) && !sk_fault("repository/backup", error) &&
           sk_fs_write(file, sealed->data, sealed->len, 0600, error);
}

char *
sk_repo_read_backup(SkRepo *self, const char *name, GError **error)
{
    SkRepoId id;
    g_autofree char *file = backup_file(self, name, error);
    if (file == NULL)
        return NULL;
    if (!g_file_test(file, G_FILE_TEST_EXISTS)) {
        sk_fail(error, SK_ERROR_NO_BACKUP, "there is no backup \"%s\" in repository \"%s\"", name, self->path);
        return NULL;
    }
    g_autofree char *what = g_strdup_printf("backup \"%s\" of repository \"%s\"", name, self->path);
    g_autoptr(GByteArray) sealed = read_file(AT_FDCWD, file, what, error);
    sk_repo_object_name(&self->keys, SK_REPO_BACKUP, name, strlen(name), &id);
    g_autoptr(GByteArray) plain = sealed != NULL ? sk_repo_object_open(&self->keys, SK_REPO_BACKUP, &id, sealed->data, sealed->len, what, error) : NULL;
    return plain == NULL ? NULL : g_strndup((const char *) plain->data, plain->len);
}

static gint
by_text(gconstpointer a, gconstpointer b)
{
    return g_strcmp0(*(const char *const *) a, *(const char *const *) b);
}

static void
add_names(const char *path, const char *domain, GPtrArray *names)
{
    g_autofree char *folder = g_build_filename(path, domain, NULL);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL)
        if (sk_check_name(name, "backup", NULL))
            g_ptr_array_add(names, g_build_filename(domain, name, NULL));
}

GPtrArray *
sk_repo_backup_names(SkRepo *self, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *path = g_build_filename(self->path, "backups", NULL);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *domain;
    if (dir == NULL) {
        sk_fail(error, SK_ERROR_IO, "repository \"%s\" is damaged: its folder \"backups\" cannot be read", self->path);
        return NULL;
    }
    while ((domain = g_dir_read_name(dir)) != NULL)
        if (sk_check_uuid(domain, "domain", NULL))
            add_names(path, domain, names);
    g_ptr_array_sort(names, by_text);
    return g_steal_pointer(&names);
}

char *
sk_repo_find_backup(SkRepo *self, const char *name, GError **error)
{
    g_autoptr(GPtrArray) names = sk_repo_backup_names(self, error);
    const char *found = NULL;
    for (guint i = 0; names != NULL && i < names->len; i++) {
        const char *slash = strchr(names->pdata[i], '/');
        if (strcmp(names->pdata[i], name) != 0 && strcmp(slash + 1, name) != 0)
            continue;
        if (found != NULL) {
            sk_fail(error, SK_ERROR_INVALID, "there are several backups \"%s\" in repository \"%s\": put the domain's UUID in front, as in \"%s\"", name,
                    self->path, found);
            return NULL;
        }
        found = names->pdata[i];
    }
    if (names != NULL && found == NULL)
        sk_fail(error, SK_ERROR_NO_BACKUP, "there is no backup \"%s\" in repository \"%s\"", name, self->path);
    return g_strdup(found);
}

gboolean
sk_repo_remove_backup(SkRepo *self, const char *name, GError **error)
{
    g_autofree char *file = backup_file(self, name, error);
    if (file == NULL)
        return FALSE;
    if (!g_file_test(file, G_FILE_TEST_EXISTS))
        return sk_fail(error, SK_ERROR_NO_BACKUP, "there is no backup \"%s\" in repository \"%s\"", name, self->path);
    g_autofree char *dir = g_path_get_dirname(file);
    if (!sk_fs_remove(file, error) || !sk_fs_sync_dir_of(file, error))
        return FALSE;
    rmdir(dir);     /* of its last backup */
    return TRUE;
}
