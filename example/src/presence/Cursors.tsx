// The others' pointers over a part of the page. Positions are parts of 10,000 of that element, so they
// are at the same word on a wider screen.
import { useEffect, type RefObject } from "react";
import type { Room } from "../rooms/room";
import { CURSOR_MS, type Presence } from "./awareness";
import { throttle } from "./throttle";

const WHOLE = 10_000;

export function useMyCursor(room: Room | null, area: RefObject<HTMLElement | null>): void {
  useEffect(() => {
    const element = area.current;
    if (room === null || element === null) return;
    const send = throttle(CURSOR_MS, (cursor: [number, number] | null) => room.provider.setAwarenessField("cursor", cursor));
    const onMove = (event: PointerEvent) => {
      if (event.pointerType === "touch") return;
      const box = element.getBoundingClientRect();
      send([Math.round((event.clientX - box.left) / box.width * WHOLE), Math.round((event.clientY - box.top) / box.height * WHOLE)]);
    };
    const onLeave = () => send(null);
    const onVisibility = () => { if (document.hidden) send(null); };
    element.addEventListener("pointermove", onMove, { passive: true });
    element.addEventListener("pointerleave", onLeave);
    document.addEventListener("visibilitychange", onVisibility);
    return () => {
      element.removeEventListener("pointermove", onMove);
      element.removeEventListener("pointerleave", onLeave);
      document.removeEventListener("visibilitychange", onVisibility);
      send.cancel();
      if (room.provider.awareness?.getLocalState()) room.provider.setAwarenessField("cursor", null);
    };
  }, [room, area]);
}

export function Cursors({ presences, page }: { presences: Presence[]; page: string }) {
  return (
    <div className="cursors" aria-hidden>
      {presences.filter((one) => one.page === page && one.cursor !== null).map(({ clientId, user, cursor }) => (
        <div key={clientId} className="cursor" data-user={user.name}
          style={{ left: `${cursor![0] / WHOLE * 100}%`, top: `${cursor![1] / WHOLE * 100}%`, color: user.color }}>
          <svg width="16" height="20" viewBox="0 0 16 20"><path d="M1 1l13 11H8l-4 6z" fill="currentColor" stroke="#fff" strokeWidth="1.2" strokeLinejoin="round" /></svg>
          <span>{user.name}</span>
        </div>
      ))}
    </div>
  );
}
