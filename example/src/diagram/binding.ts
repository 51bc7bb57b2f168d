// Between Excalidraw and the room, in both directions. Undo is Excalidraw's own: it takes back what was
// done here and leaves the others' work alone, because their changes come in with CaptureUpdateAction.NEVER.
import { CaptureUpdateAction, isInvisiblySmallElement } from "@excalidraw/excalidraw";
import type { AppState, ExcalidrawImperativeAPI } from "@excalidraw/excalidraw/types";
import type * as Y from "yjs";
import { throttle } from "../presence/throttle";
import { merge } from "./merge";
import { inOrder, readElement, signature, type Element, type Shared } from "./scene";

const WRITE_MS = 50;
/** A stroke is written whole each time it grows. */
const DRAWING_WRITE_MS = 100;
/** Several updates that arrive together are drawn once. */
const DRAW_MS = 16;

export class DiagramBinding {
  /** Of each element in the room: the signature it had when it was last read or written here. */
  private readonly known = new Map<string, string>();
  private readonly stale = new Set<string>();
  private latest: readonly Element[] = [];
  private writing: ReturnType<typeof setTimeout> | undefined;
  private readonly draw = throttle(DRAW_MS, () => this.drawNow());

  /** @param drawn the elements that the editor began with */
  constructor(
    private readonly shared: Shared,
    private readonly api: ExcalidrawImperativeAPI,
    drawn: readonly Element[],
    private readonly mayWrite: () => boolean,
  ) {
    for (const element of drawn) this.known.set(element.id, signature(element));
    shared.observe(this.onRoom);
    // What changed between the first read and now.
    for (const id of [...shared.keys(), ...this.known.keys()]) this.stale.add(id);
    this.draw(undefined);
  }

  /** For Excalidraw's onChange. */
  onChange(elements: readonly Element[], { newElement }: AppState): void {
    this.latest = elements;
    const stroke = newElement?.type === "freedraw" || newElement?.type === "line" || newElement?.type === "arrow";
    this.writeSoon(stroke ? DRAWING_WRITE_MS : WRITE_MS);
  }

  private writeSoon(ms: number): void {
    this.writing ??= setTimeout(() => this.write(), ms);
  }

  /** Writes what changed here to the room, now. */
  write(): void {
    clearTimeout(this.writing);
    this.writing = undefined;
    if (!this.mayWrite()) return;
    const changed = this.latest.filter((element) => this.isUnwritten(element));
    if (changed.length === 0) return;
    this.shared.doc!.transact(() => changed.forEach((element) => this.writeElement(element)), this);
  }

  destroy(): void {
    this.write();
    this.draw.cancel();
    this.shared.unobserve(this.onRoom);
  }

  private writeElement(element: Element): void {
    if (element.isDeleted) {
      this.shared.delete(element.id);
      this.known.delete(element.id);
    } else {
      // A copy: Excalidraw goes on changing the element in place.
      this.shared.set(element.id, JSON.parse(JSON.stringify(element)));
      this.known.set(element.id, signature(element));
    }
  }

  private isUnwritten(element: Element): boolean {
    const known = this.known.get(element.id);
    if (element.isDeleted) return known !== undefined;
    // A click that drew nothing: Excalidraw forgets it without a word, so the room never hears of it.
    if (known === undefined && isInvisiblySmallElement(element)) return false;
    return known !== signature(element);
  }

  private readonly onRoom = (event: Y.YMapEvent<unknown>): void => {
    if (event.transaction.origin === this) return;
    for (const id of event.keysChanged) this.stale.add(id);
    this.draw(undefined);
  };

  private drawNow(): void {
    const ids = [...this.stale];
    this.stale.clear();
    const scene = new Map(this.api.getSceneElementsIncludingDeleted().map((element) => [element.id, element as Element]));
    const busy = busyElements(this.api.getAppState());
    const writes = this.mayWrite();
    let changed = false;
    for (const id of ids) {
      const element = scene.get(id);
      const theirs = readElement(this.shared, id);
      // A reader's copy is never right against the room.
      const unwritten = writes && element !== undefined && this.isUnwritten(element);
      const merged = merge({ element, busy: busy.has(id), unwritten }, theirs);
      if (theirs === null) this.known.delete(id);
      else this.known.set(id, signature(theirs));
      if (merged === undefined || (element && signature(element) === signature(merged) && element.isDeleted === merged.isDeleted)) continue;
      scene.set(id, merged);
      changed = true;
    }
    // Before Excalidraw's onChange, which comes when React has drawn: what was there before would by then look like
    // somebody's change here, and be written over what has just come.
    this.latest = inOrder([...scene.values()]);
    this.writeSoon(WRITE_MS); // what was kept here against the room
    if (changed) this.api.updateScene({ elements: this.latest, captureUpdate: CaptureUpdateAction.NEVER });
  }
}

function busyElements(state: AppState): Set<string> {
  const ids = [state.newElement?.id, state.editingTextElement?.id, state.resizingElement?.id, state.multiElement?.id]
    .filter((id) => id !== undefined);
  if (state.selectedElementsAreBeingDragged) ids.push(...Object.keys(state.selectedElementIds));
  return new Set(ids);
}
