/* assert.c - where a broken invariant ends the program.
 *
 * In a file of its own, so that a host that wants to say more before it ends can link its own. */
#include "ydoc/base.h"

YD_NORETURN void yd_assert_failed(const char *what, const char *file, int line)
{
    (void)what;
    (void)file;
    (void)line;
    __builtin_trap();
}
