// One WebSocket for all rooms that this page has open.
import { HocuspocusProviderWebsocket } from "@hocuspocus/provider";
import { createContext, useContext, useEffect, useState, type ReactNode } from "react";
import { ROOMS_URL } from "../env";

const Socket = createContext<HocuspocusProviderWebsocket | null>(null);

export function SocketProvider({ children }: { children: ReactNode }) {
  const [socket, setSocket] = useState<HocuspocusProviderWebsocket | null>(null);
  useEffect(() => {
    // minDelay below delay: many clients that lost one server come back spread.
    const opened = new HocuspocusProviderWebsocket({ url: ROOMS_URL, delay: 400, minDelay: 100, maxDelay: 4000, factor: 1.6, autoConnect: false });
    setSocket(opened);
    // Not at once: in development React takes everything down again after its first effects.
    const first = setTimeout(() => void opened.connect());
    // A browser that has lost its network may take minutes to tell the socket.
    const leave = () => opened.disconnect();
    const comeBack = () => void opened.connect();
    window.addEventListener("offline", leave);
    window.addEventListener("online", comeBack);
    return () => {
      clearTimeout(first);
      window.removeEventListener("offline", leave);
      window.removeEventListener("online", comeBack);
      opened.destroy();
    };
  }, []);
  return <Socket value={socket}>{children}</Socket>;
}

/** Null for the moment before it is made. */
export const useSocket = () => useContext(Socket);
