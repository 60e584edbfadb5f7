/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs a fuzz target over every file of a corpus directory, and over mutations of each. */
#include <glib.h>
#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

#define MUTATIONS 200

/* A few bytes changed, the end cut or doubled; the seed is fixed so that a failure comes again. */
static void
mutate(GRand *random, const guint8 *data, gsize size)
{
    g_autofree guint8 *copy = g_malloc(size * 2 + 1);
    for (guint i = 0; i < MUTATIONS; i++) {
        gsize length = size;
        memcpy(copy, data, size);
        for (gint change = g_rand_int_range(random, 1, 8); size > 0 && change > 0; change--)
            copy[g_rand_int_range(random, 0, (gint32) size)] = (guint8) g_rand_int(random);
        if (size > 0 && i % 5 == 0)
            length = (gsize) g_rand_int_range(random, 0, (gint32) size);
        if (i % 7 == 0) {
            memcpy(copy + size, data, size);
            length = size * 2;
        }
        LLVMFuzzerTestOneInput(copy, length);
    }
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GDir) dir = argc > 1 ? g_dir_open(argv[1], 0, &error) : NULL;
    g_autoptr(GRand) random = g_rand_new_with_seed(1);
    const char *name;
    guint count = 0;

    if (dir == NULL) {
        fprintf(stderr, "no corpus: %s\n", error != NULL ? error->message : "give a directory");
        return 1;
    }
    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(argv[1], name, NULL);
        g_autofree char *data = NULL;
        gsize size;
        if (!g_file_get_contents(path, &data, &size, &error)) {
            fprintf(stderr, "%s\n", error->message);
            return 1;
        }
        /* A copy of the exact size, so that ASan sees a read past its end. */
        g_autofree guint8 *exact = g_memdup2(data, size);
        LLVMFuzzerTestOneInput(exact, size);
        mutate(random, (const guint8 *) data, size);
        count++;
    }
    printf("%u inputs and %u mutations\n", count, count * MUTATIONS);
    return count > 0 ? 0 : 1;
}
