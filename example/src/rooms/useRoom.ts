import { useConvex } from "convex/react";
import { useEffect, useState, useSyncExternalStore } from "react";
import { api } from "../../convex/_generated/api";
import type { Me } from "../types";
import type { Room, RoomState } from "./room";
import { useRooms } from "./RoomsProvider";

/** The room, open for as long as the component is there. Null for the first moment. */
export function useRoom(name: string, me: Me): Room | null {
  const convex = useConvex();
  const rooms = useRooms();
  const [room, setRoom] = useState<Room | null>(null);
  const { id, name: called, email, color } = me;
  useEffect(() => {
    if (rooms === null) return;
    // In an effect, as React may begin a render that never comes to the screen.
    const entered = rooms.enter(name, () => convex.mutation(api.collab.ticket, { room: name }),
      { id, name: called, email, color });
    setRoom(entered);
    return () => {
      setRoom(null);
      rooms.leave(entered);
    };
  }, [convex, rooms, name, id, called, email, color]);
  return room;
}

export function useRoomState(room: Room): RoomState {
  return useSyncExternalStore(room.subscribe, room.getState);
}
