// Back in time, by the bookmarks of the platform: rule E16.

/** What of the platform it takes. */
export type Time = Pick<DurableObjectStorage, "getCurrentBookmark" | "getBookmarkForTime" | "onNextSessionRestoreBookmark">;

/** bookmark, or else at: ms since 1970. */
export interface Moment { bookmark: string; at: number }

/** The platform cannot do that, here or for this moment. Nothing has happened. */
export class NoSuchMoment extends Error {}

async function ask(what: string, answer: () => Promise<string>): Promise<string> {
  try {
    return await answer();
  } catch (error) {
    throw new NoSuchMoment(`${what}: ${error instanceof Error ? error.message : String(error)}; Cloudflare keeps 30 days, the local runtime keeps none`);
  }
}

export const bookmarkOfNow = (time: Time): Promise<string> => ask("the platform gives no bookmark", () => time.getCurrentBookmark());

/** The platform is asked first, so that nobody is sent away for nothing. It goes back when the object begins anew, which
 * `again` is for; undo: the bookmark of the moment before that. */
export async function rewind(time: Time, { bookmark, at }: Moment, letGo: () => void, again: () => void): Promise<{ bookmark: string; undo: string }> {
  const to = bookmark !== "" ? bookmark : await ask("the platform has no bookmark for that time", () => time.getBookmarkForTime(at));
  const undo = await ask("the platform does not go back to that bookmark", () => time.onNextSessionRestoreBookmark(to));
  letGo();
  again();
  return { bookmark: to, undo };
}
