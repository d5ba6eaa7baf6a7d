/* The `bootstrap` of the zip: runs ./function with the dynamic loader and the libraries packed beside it.
 *
 * provided.al2023 has glibc 2.34 and hardly any library (L-1.100, L-1.102), so the zip brings all of them along, the loader
 * and libc included. This file is linked statically: it needs nothing of the image, not even a shell. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char loader[PATH_MAX], libraries[PATH_MAX], function[PATH_MAX];

static void join(char* to, const char* folder, const char* name) {
    if (snprintf(to, PATH_MAX, "%s/%s", folder, name) >= PATH_MAX) {
        fputs("bootstrap: the folder's path is too long\n", stderr);
        exit(126);
    }
}

int main(int argc, char** argv) {
    char folder[PATH_MAX];
    const ssize_t length = readlink("/proc/self/exe", folder, sizeof folder - 1);
    if (length > 0) {
        folder[length] = '\0';
        *strrchr(folder, '/') = '\0';
    } else { /* no /proc */
        const char* root = getenv("LAMBDA_TASK_ROOT");
        snprintf(folder, sizeof folder, "%s", root != NULL ? root : ".");
    }
    join(loader, folder, "lib/loader");
    join(libraries, folder, "lib");
    join(function, folder, "function");

    char** words = calloc((size_t)argc + 6, sizeof *words);
    if (words == NULL) return 126;
    char** next = words;
    *next++ = loader;
    *next++ = "--library-path";
    *next++ = libraries;
    *next++ = function;
    for (int i = 1; i < argc; ++i) *next++ = argv[i];
    execv(loader, words);
    perror(loader);
    return 126;
}
