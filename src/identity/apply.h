/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "identity/order.h"

/*
 * Does what an order says, with system calls alone: no program is started, since each costs a guest without KVM a second. Below a root
 * ("" but in tests), what is of the kernel (links, clock, random numbers, host name) only where it is "".
 */

/* 0, or an errno value; *out_what (static) is the call that failed. */
int sk_identity_apply(const SkIdentityStep *step, const char *root, const char **out_what);
