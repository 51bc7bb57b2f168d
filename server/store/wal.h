/* wal.h - looks at the bytes of a SQLite write-ahead log. Pure; private to server/store.
 *
 * SQLite ends reading at the first frame whose checksum does not fit, because that is what a crash
 * leaves. It cannot see that what follows had been synced, so a damaged frame silently takes all
 * commits behind it along. But only one transaction can be unsynced (synchronous=FULL): a whole
 * commit behind the end, and anything of this log behind that, is a proof of damage.
 *
 * Source: sqlite.org/fileformat2.html, section 4 */
#ifndef STORE_WAL_H
#define STORE_WAL_H

#include "ydoc/base.h"

/* True: commits that were synced stand behind a frame that cannot be read. A damaged last commit
 * looks like one that was under way and is not found here; the mark finds that (files.h). */
bool wal_is_damaged(yd_slice wal);

#endif
