// The rooms of whoever is signed in.
import { HocuspocusProviderWebsocket } from "@hocuspocus/provider";
import { createContext, useContext, useEffect, useState, useSyncExternalStore, type ReactNode } from "react";
import { ROOMS_URL } from "../env";
import { Rooms } from "./rooms";

const Context = createContext<Rooms | null>(null);

/** minDelay below delay: many clients that lost one server come back spread. */
const openSocket = () => new HocuspocusProviderWebsocket(
  { url: ROOMS_URL, delay: 400, minDelay: 100, maxDelay: 4000, factor: 1.6, autoConnect: false });

export function RoomsProvider({ children }: { children: ReactNode }) {
  const [rooms, setRooms] = useState<Rooms | null>(null);
  useEffect(() => {
    const opened = new Rooms(openSocket);
    setRooms(opened);
    return () => opened.destroy();
  }, []);
  return <Context value={rooms}>{children}</Context>;
}

/** Null for the moment before they are there. */
export const useRooms = () => useContext(Context);

const NOTHING: readonly string[] = [];
const never = () => () => {};
/** The names of rooms that were left before the server had everything that was changed in them. */
export function useLeftUnsent(): readonly string[] {
  const rooms = useRooms();
  return useSyncExternalStore(rooms?.subscribe ?? never, rooms?.getLeft ?? (() => NOTHING));
}
