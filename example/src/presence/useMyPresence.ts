// What the others see of me in the workspace: where I am, and whether I am there at all.
import { useEffect } from "react";
import type { Room } from "../rooms/room";

const IDLE_MS = 60_000;

export function useMyPresence(room: Room | null, page: string | null): void {
  useEffect(() => {
    room?.provider.setAwarenessField("page", page);
  }, [room, page]);

  useEffect(() => {
    if (room === null) return;
    let active: boolean | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const set = (value: boolean) => {
      if (active !== value) room.provider.setAwarenessField("active", active = value);
    };
    const onInput = () => {
      set(true);
      clearTimeout(timer);
      timer = setTimeout(set, IDLE_MS, false);
    };
    const onVisibility = () => (document.hidden ? set(false) : onInput());
    const events = ["pointermove", "keydown", "touchstart"] as const;
    for (const name of events) window.addEventListener(name, onInput, { passive: true });
    document.addEventListener("visibilitychange", onVisibility);
    onInput();
    return () => {
      clearTimeout(timer);
      for (const name of events) window.removeEventListener(name, onInput);
      document.removeEventListener("visibilitychange", onVisibility);
    };
  }, [room]);
}
