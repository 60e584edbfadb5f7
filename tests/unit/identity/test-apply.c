/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Steps below a root of their own: files, and what is refused. */
#include <errno.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "identity/apply.h"

static char *root;

static gint
apply(const char *line)
{
    g_autofree char *text = g_strdup(line);
    char *rest = text;
    const char *what = NULL;
    SkIdentityStep step;
    g_assert_cmpint(sk_identity_next(&rest, &step, &what), ==, 1);
    gint why = sk_identity_apply(&step, root, &what);
    g_assert_true(why == 0 || what != NULL);
    return why;
}

static void
assert_file(const char *name, const char *content, guint mode)
{
    g_autofree char *path = g_build_filename(root, name, NULL), *text = NULL;
    struct stat st;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, content);
    g_assert_cmpint(stat(path, &st), ==, 0);
    g_assert_cmpuint(st.st_mode & 07777, ==, mode);
}

static void
test_files(void)
{
    g_assert_cmpint(apply("hostname dev1"), ==, 0);
    assert_file("etc/hostname", "dev1\n", 0644);
    g_assert_cmpint(apply("machine-id 00112233445566778899aabbccddeeff"), ==, 0);
    assert_file("etc/machine-id", "00112233445566778899aabbccddeeff\n", 0444);
    g_assert_cmpint(apply("file 0600 /etc/key 6b6579"), ==, 0);
    assert_file("etc/key", "key", 0600);
    /* What was there is replaced, whatever it was. */
    g_assert_cmpint(apply("file 0644 /etc/key 6b"), ==, 0);
    assert_file("etc/key", "k", 0644);
    g_assert_cmpint(apply("remove /etc/key"), ==, 0);
    g_assert_cmpint(apply("remove /etc/key"), ==, 0);
    g_assert_cmpint(apply("hup /run/none.pid"), ==, 0);
}

static void
test_refused(void)
{
    const char *const wrong[] = { "machine-id 0011", "machine-id zz112233445566778899aabbccddeeff", "file 0600 etc/key 00", "file 9 /etc/key 00",
                                  "file 0600 /etc/key 0", "file 77777 /etc/key 00", "seed 00", "time now" };
    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++)
        g_assert_cmpint(apply(wrong[i]), ==, EINVAL);
    g_assert_cmpint(apply("file 0600 /nowhere/key 00"), ==, ENOENT);
    g_autofree char *name = g_strnfill(300, 'x');
    g_autofree char *line = g_strdup_printf("hostname %s", name);
    g_assert_cmpint(apply(line), ==, EINVAL);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    root = g_dir_make_tmp("skep-identity-XXXXXX", NULL);
    g_autofree char *etc = g_build_filename(root, "etc", NULL);
    g_assert_true(sk_fs_make_dir(etc, 0755, NULL));
    g_test_add_func("/identity/apply/files", test_files);
    g_test_add_func("/identity/apply/refused", test_refused);
    gint result = g_test_run();
    sk_fs_remove_tree(root, NULL);
    g_free(root);
    return result;
}
