/* disk.h - what disk.c writes down, for whoever reads it. */
#ifndef PRELOAD_DISK_H
#define PRELOAD_DISK_H

#include <stdint.h>

enum disk_op {
    DISK_CREATE, /* path */
    DISK_MKDIR,  /* path */
    DISK_UNLINK, /* path */
    DISK_WRITE,  /* offset, bytes */
    DISK_TRUNCATE,
    DISK_SYNC,        /* of a file or a directory */
    DISK_SYNC_FAILED, /* what was not synced before may never be */
    DISK_ACK          /* bytes that the program wrote to its list of acknowledged updates */
};

struct __attribute__((packed)) disk_record {
    uint32_t op;
    uint32_t len; /* of the bytes that follow */
    uint64_t inode;
    uint64_t offset;
};

#endif
