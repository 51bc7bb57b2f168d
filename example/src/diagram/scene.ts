// How a diagram is kept in a room: a map from an element's id to the whole element. Its place in the
// drawing is its own field `index`, so that moving one element changes one entry, and deleting several
// cannot hit others. A deleted element has no entry.
import { restoreElements } from "@excalidraw/excalidraw";
import type { OrderedExcalidrawElement } from "@excalidraw/excalidraw/element/types";
import type * as Y from "yjs";

export type Element = OrderedExcalidrawElement;
export type Shared = Y.Map<unknown>;

export const sharedElements = (doc: Y.Doc): Shared => doc.getMap("elements");

/** Two elements with the same id and signature are the same. */
export const signature = ({ version, versionNonce, index }: Element): string => `${version}:${versionNonce}:${index}`;

/** What the room says about one element. It was written by somebody's browser, so it may be anything. */
export function readElement(shared: Shared, id: string): Element | null {
  const value = shared.get(id);
  if (typeof value !== "object" || value === null) return null;
  try {
    const [element] = restoreElements([{ ...(value as Element), id }], null);
    return element === undefined || element.isDeleted ? null : element;
  } catch {
    return null;
  }
}

export function readScene(shared: Shared): Element[] {
  return inOrder([...shared.keys()].map((id) => readElement(shared, id)).filter((element) => element !== null));
}

/** Elements that came to the same place at the same time are in the order of their ids, for everybody. */
export function inOrder(elements: Element[]): Element[] {
  return elements.sort((a, b) => compare(a.index ?? "", b.index ?? "") || compare(a.id, b.id));
}
const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
