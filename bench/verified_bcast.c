// Broadcasts a file from rank 0 and verifies it as daft does, with nothing between MPI and the disk: the limit that
// daft is measured against. A window of MPI_Ibcast on the main thread; two workers of each rank read or write, and
// hash, the chunks of 1 MiB, of which rank 0 tells the digests before the bytes.
//
//   mpirun … verified_bcast SOURCE TARGET     rank r writes TARGET.r; prints the seconds without MPI's start, and the
//                                             greatest processor time of a rank

#include <fcntl.h>
#include <mpi.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { chunkBytes = 1 << 20, digestBytes = 32, window = 8, slots = 2 * window, workers = 2 };

// A slot goes round: empty, filled by a worker (rank 0) or by MPI, taken by MPI or a worker, empty.
enum Stage { empty, loaded, taken };

struct Slot {
    unsigned char bytes[chunkBytes + digestBytes];
    int length;
    enum Stage stage;
    // The chunk whose round this is: a worker that is late must not meet the next one.
    long long chunk;
};

static struct Slot *slot;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int file, isSource;
static long long size, chunks, nextChunk;

static void endAll(const char *what) {
    perror(what);
    MPI_Abort(MPI_COMM_WORLD, 1);
}

static int lengthOf(long long chunk) {
    long long rest = size - chunk * chunkBytes;
    return rest < chunkBytes ? (int)rest : chunkBytes;
}

static void digest(const unsigned char *bytes, int length, unsigned char *into) {
    if (!EVP_Digest(bytes, length, into, NULL, EVP_sha256(), NULL)) endAll("SHA-256");
}

static void load(struct Slot *one, long long chunk) {
    if (pread(file, one->bytes + digestBytes, one->length, chunk * chunkBytes) != one->length) endAll("read");
    digest(one->bytes + digestBytes, one->length, one->bytes);
}

static void keep(struct Slot *one, long long chunk) {
    unsigned char found[digestBytes];
    digest(one->bytes + digestBytes, one->length, found);
    if (memcmp(found, one->bytes, digestBytes) != 0) endAll("wrong bytes");
    if (pwrite(file, one->bytes + digestBytes, one->length, chunk * chunkBytes) != one->length) endAll("write");
}

static void pass(struct Slot *one, enum Stage stage) {
    pthread_mutex_lock(&mutex);
    one->stage = stage;
    if (stage == empty) one->chunk += slots;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

// Takes the next chunk as soon as its slot has the stage that a worker waits for.
static void *work(void *unused) {
    (void)unused;
    enum Stage before = isSource ? empty : loaded, after = isSource ? loaded : empty;
    while (1) {
        pthread_mutex_lock(&mutex);
        long long chunk = nextChunk < chunks ? nextChunk++ : -1;
        struct Slot *one = &slot[chunk < 0 ? 0 : chunk % slots];
        while (chunk >= 0 && !(one->stage == before && one->chunk == chunk)) pthread_cond_wait(&changed, &mutex);
        if (chunk >= 0) one->stage = taken;
        pthread_mutex_unlock(&mutex);
        if (chunk < 0) return NULL;
        one->length = lengthOf(chunk);
        if (isSource) load(one, chunk);
        else keep(one, chunk);
        pass(one, after);
    }
}

static int isReady(long long chunk, enum Stage stage) {
    pthread_mutex_lock(&mutex);
    int is = slot[chunk % slots].stage == stage && slot[chunk % slots].chunk == chunk;
    pthread_mutex_unlock(&mutex);
    return is;
}

static void transfer(void) {
    MPI_Request request[window];
    enum Stage before = isSource ? loaded : empty, after = isSource ? empty : loaded;
    long long begun = 0, done = 0;
    while (done < chunks) {
        int hasBegun = 0;
        while (begun < chunks && begun < done + window && isReady(begun, before)) {
            MPI_Ibcast(
                slot[begun % slots].bytes, lengthOf(begun) + digestBytes, MPI_BYTE, 0, MPI_COMM_WORLD,
                &request[begun % window]);
            begun++;
            hasBegun = 1;
        }
        int isOver = 0;
        if (done < begun) MPI_Test(&request[done % window], &isOver, MPI_STATUS_IGNORE);
        if (isOver) pass(&slot[done++ % slots], after);
        // The workers need the processor more than a look at nothing.
        else if (!hasBegun) usleep(50);
    }
}

static double processorSeconds(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void broadcast(const char *source, const char *target, int rank) {
    char path[4096];
    snprintf(path, sizeof path, "%s.%d", target, rank);
    isSource = rank == 0;
    file = isSource ? open(source, O_RDONLY) : open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    struct stat found = {0};
    if (file < 0 || fstat(file, &found) != 0) endAll(isSource ? source : path);
    slot = calloc(slots, sizeof *slot);
    if (!slot) endAll("calloc");
    for (int i = 0; i < slots; i++) slot[i].chunk = i;
    MPI_Barrier(MPI_COMM_WORLD);
    double begin = MPI_Wtime(), processor = processorSeconds(), greatest = 0;
    size = found.st_size;
    MPI_Bcast(&size, 1, MPI_LONG_LONG, 0, MPI_COMM_WORLD);
    chunks = (size + chunkBytes - 1) / chunkBytes;
    pthread_t worker[workers];
    for (int i = 0; i < workers; i++)
        if (pthread_create(&worker[i], NULL, work, NULL) != 0) endAll("pthread_create");
    transfer();
    for (int i = 0; i < workers; i++) pthread_join(worker[i], NULL);
    if (close(file) != 0) endAll("close");
    MPI_Barrier(MPI_COMM_WORLD);
    double seconds = MPI_Wtime() - begin;
    processor = processorSeconds() - processor;
    MPI_Reduce(&processor, &greatest, 1, MPI_DOUBLE, MPI_MAX, 0, MPI_COMM_WORLD);
    if (isSource) printf("%.4f %.4f\n", seconds, greatest);
    free(slot);
}

int main(int count, char **words) {
    int rank, provided;
    MPI_Init_thread(&count, &words, MPI_THREAD_FUNNELED, &provided);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (count == 3) broadcast(words[1], words[2], rank);
    MPI_Finalize();
    return 0;
}
