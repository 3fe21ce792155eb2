// Tells ThreadSanitizer of hand-overs between threads that it cannot see, since they are made in Swift's own libraries,
// which are not instrumented. Loaded before them (LD_PRELOAD) by tools/sanitize.sh, and part of nothing else. Without it
// there are reports of every contended Mutex and of every continuation that is resumed before it is awaited.
//
// It adds just what the libraries guarantee: whoever gets a Mutex sees what its last owner did, and what is done before
// a continuation is resumed is seen by whoever awaited it. Being uninstrumented itself, it adds nothing else.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#define SWIFT __attribute__((swiftcall))
#define ASYNC __attribute__((swiftasynccall))
#define SELF __attribute__((swift_context))
#define CONTEXT __attribute__((swift_async_context))

static void *next(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (!found) abort();
    return found;
}

// The sanitizer is part of the program, where there is one: a program without it has nothing to be told.
static void tell(const char *name, void *place) {
    void (*word)(void *) = (void (*)(void *))dlsym(RTLD_DEFAULT, name);
    if (word) word(place);
}

// Synchronization.Mutex: what is not contended is done by instrumented code.

#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

SWIFT void lock_slow(uint32_t owner, SELF void *mutex) __asm__(LOCK);
SWIFT void lock_slow(uint32_t owner, SELF void *mutex) {
    ((SWIFT void (*)(uint32_t, SELF void *))next(LOCK))(owner, mutex);
    tell("__tsan_acquire", mutex);
}

SWIFT void unlock_slow(SELF void *mutex) __asm__(UNLOCK);
SWIFT void unlock_slow(SELF void *mutex) {
    tell("__tsan_release", mutex);
    ((SWIFT void (*)(SELF void *))next(UNLOCK))(mutex);
}

// Continuations. What goes on after `await` is kept here, and something else goes on in its place: it takes over what
// was handed on, and then lets the other go on.

typedef ASYNC void resume_function(CONTEXT void *);
struct context {
    void *parent;
    resume_function *resume;
};

enum { places = 1 << 16 };
static struct {
    _Atomic(struct context *) context;
    resume_function *resume;
} waiting[places];

SWIFT void *swift_task_getCurrent(void);

static ASYNC void go_on(CONTEXT void *context) {
    uintptr_t i = (uintptr_t)context >> 4;
    while (atomic_load(&waiting[i % places].context) != context) i++;
    resume_function *resume = waiting[i % places].resume;
    atomic_store(&waiting[i % places].context, NULL);
    tell("__tsan_acquire", swift_task_getCurrent());
    __attribute__((musttail)) return resume(context);
}

ASYNC void swift_continuation_await(struct context *context) {
    uintptr_t i = (uintptr_t)context >> 4;
    for (;; i++) {
        struct context *none = NULL;
        if (atomic_compare_exchange_strong(&waiting[i % places].context, &none, context)) break;
    }
    waiting[i % places].resume = context->resume;
    context->resume = go_on;
    ASYNC void (*real)(struct context *) = (ASYNC void (*)(struct context *))next("swift_continuation_await");
    __attribute__((musttail)) return real(context);
}

SWIFT void swift_continuation_resume(void *task) {
    tell("__tsan_release", task);
    ((SWIFT void (*)(void *))next("swift_continuation_resume"))(task);
}

SWIFT void swift_continuation_throwingResume(void *task) {
    tell("__tsan_release", task);
    ((SWIFT void (*)(void *))next("swift_continuation_throwingResume"))(task);
}
