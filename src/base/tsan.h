/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What crosses threads through GLib, for the thread sanitizer: GLib's own locks and queues are
 * futexes that it cannot see. Release before handing over, acquire after taking. Nothing in
 * other builds.
 *
 * Run with TSAN_OPTIONS=ignore_noninstrumented_modules=1.
 */
#ifdef __SANITIZE_THREAD__
void __tsan_acquire(void *place);
void __tsan_release(void *place);
#define SK_TSAN_ACQUIRE(place) __tsan_acquire(place)
#define SK_TSAN_RELEASE(place) __tsan_release(place)
#else
#define SK_TSAN_ACQUIRE(place) ((void) (place))
#define SK_TSAN_RELEASE(place) ((void) (place))
#endif
