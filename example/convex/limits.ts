// What both sides ask: the functions, because they decide, and the page, so that a refusal is told before anything is sent.
const IMAGE_BYTES_MAX = 8 * 1024 * 1024;

/** Why a picture cannot be added, or null. */
export function imageProblem(mimeType: string, bytes: number): string | null {
  return !mimeType.startsWith("image/") ? "Only pictures can be added"
    : bytes > IMAGE_BYTES_MAX ? "A picture may have 8 MiB"
    : null;
}
