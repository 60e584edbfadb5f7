/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * The service: owner of every live object.  Made once by the daemon.  Main thread.
 */
typedef struct SkService SkService;
