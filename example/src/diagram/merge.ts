// One element as this browser has it and as the room has it: which one is drawn.
import type { Element } from "./scene";

export type Mine = {
  element: Element | undefined;
  /** Under somebody's hands here: being drawn, moved, resized or typed into. */
  busy: boolean;
  /** Changed here, and not yet written to the room. */
  unwritten: boolean;
};

/** The element to draw; undefined: none, and there was none. */
export function merge({ element: mine, busy, unwritten }: Mine, theirs: Element | null): Element | undefined {
  if (mine === undefined) return theirs ?? undefined;
  // What is kept here is written to the room in a moment and holds for all: who edits wins over who deletes.
  if (busy) return mine;
  if (theirs === null) return mine.isDeleted || unwritten ? mine : tombstone(mine);
  if (unwritten && isNewer(mine, theirs)) return mine;
  // The room has decided between writers already. Whatever it says is drawn, or two browsers would differ.
  return theirs;
}

/** The rule of Excalidraw itself. */
const isNewer = (mine: Element, theirs: Element): boolean =>
  mine.version > theirs.version || (mine.version === theirs.version && mine.versionNonce < theirs.versionNonce);

/** Kept by Excalidraw for its undo. */
const tombstone = (element: Element): Element => ({
  ...element, isDeleted: true, version: element.version + 1, versionNonce: Math.floor(Math.random() * 2 ** 31),
});
