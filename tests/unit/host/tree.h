/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* A directory that stands for a host's root; each test fills in what it needs. */
typedef struct {
    char *root;
} Tree;

void tree_set_up(Tree *self, gconstpointer data);
void tree_tear_down(Tree *self, gconstpointer data);

/* Writes a file below the root, with its directories. */
void tree_file(Tree *self, const char *path, const char *text);
void tree_link(Tree *self, const char *path, const char *target);
void tree_dir(Tree *self, const char *path);

#define TREE_ADD(path, func) g_test_add(path, Tree, NULL, tree_set_up, func, tree_tear_down)
