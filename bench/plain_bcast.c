// Broadcasts a file from rank 0 by plain MPI_Bcast, block by block, like mpiFileUtils' dbcast: the reference for daft
// on unshaped links. Nothing is verified. Without arguments it only starts and ends MPI, to measure mpirun's start.
//
//   mpirun … plain_bcast [SOURCE TARGET]     rank r writes TARGET.r; prints the seconds without MPI's start

#include <fcntl.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { blockBytes = 1 << 20 };

static void endAll(const char *what) {
    perror(what);
    MPI_Abort(MPI_COMM_WORLD, 1);
}

static void transfer(int file, int isSource, void *block, long long size) {
    for (long long offset = 0; offset < size; offset += blockBytes) {
        int length = size - offset < blockBytes ? (int)(size - offset) : blockBytes;
        if (isSource && read(file, block, length) != length) endAll("read");
        MPI_Bcast(block, length, MPI_BYTE, 0, MPI_COMM_WORLD);
        if (!isSource && write(file, block, length) != length) endAll("write");
    }
}

static void broadcast(const char *source, const char *target, int rank) {
    char path[4096];
    snprintf(path, sizeof path, "%s.%d", target, rank);
    int isSource = rank == 0;
    int file = isSource ? open(source, O_RDONLY) : open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    struct stat found = {0};
    if (file < 0 || fstat(file, &found) != 0) endAll(isSource ? source : path);
    void *block = malloc(blockBytes);
    if (!block) endAll("malloc");
    MPI_Barrier(MPI_COMM_WORLD);
    double begin = MPI_Wtime();
    long long size = found.st_size;
    MPI_Bcast(&size, 1, MPI_LONG_LONG, 0, MPI_COMM_WORLD);
    transfer(file, isSource, block, size);
    if (close(file) != 0) endAll("close");
    MPI_Barrier(MPI_COMM_WORLD);
    if (isSource) printf("%.4f\n", MPI_Wtime() - begin);
    free(block);
}

int main(int count, char **words) {
    int rank;
    MPI_Init(&count, &words);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (count == 3) broadcast(words[1], words[2], rank);
    MPI_Finalize();
    return 0;
}
