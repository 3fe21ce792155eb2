// Tells ThreadSanitizer of synchronization inside Swift's own, uninstrumented libraries. Preloaded (LD_PRELOAD) by
// tools/sanitize.sh only. Without it there are false reports of contended Mutexes, and of continuations resumed before
// they are awaited.
//
// It adds exactly what the libraries guarantee: a Mutex's owner sees what the previous owner did, and the awaiting task
// sees what happened before the continuation was resumed. Being uninstrumented itself, it adds nothing else.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sched.h>
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

// Programs without the sanitizer need no annotation.
static void tell(const char *name, void *place) {
    void (*word)(void *) = (void (*)(void *))dlsym(RTLD_DEFAULT, name);
    if (word) word(place);
}

// Synchronization.Mutex: the uncontended path is in instrumented code.

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

// Continuations. If awaited before they are resumed they become jobs, which Swift's runtime annotates itself. If
// resumed first, the awaiting task continues at once, which is annotated here. The locks separate both cases; the
// sanitizer does not see them either.

// The runtime's layout (ContinuationAsyncContext): what is awaited, and its state.
struct context {
    void *parent, *resume;
    size_t flags;
    _Atomic size_t status;
};
enum { resumed = 2 };

static atomic_flag locks[1024];

static atomic_flag *locked(void *task) {
    atomic_flag *lock = &locks[(uintptr_t)task >> 6 & 1023];
    while (atomic_flag_test_and_set(lock)) sched_yield();
    return lock;
}

SWIFT void *swift_task_getCurrent(void);

ASYNC void swift_continuation_await(struct context *context) {
    ASYNC void (*await)(struct context *) = (ASYNC void (*)(struct context *))next("swift_continuation_await");
    void *task = swift_task_getCurrent();
    atomic_flag *lock = locked(task);
    if (atomic_load(&context->status) == resumed) {
        atomic_flag_clear(lock);
        tell("__tsan_acquire", task);
        __attribute__((musttail)) return await(context);
    }
    await(context);
    atomic_flag_clear(lock);
}

static void resume(const char *name, void *task) {
    tell("__tsan_release", task);
    atomic_flag *lock = locked(task);
    ((SWIFT void (*)(void *))next(name))(task);
    atomic_flag_clear(lock);
}

SWIFT void swift_continuation_resume(void *task) { resume("swift_continuation_resume", task); }
SWIFT void swift_continuation_throwingResume(void *task) { resume("swift_continuation_throwingResume", task); }
