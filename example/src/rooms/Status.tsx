// What is true about a room, in two words and in a sentence.
import type { RoomState } from "./room";

type Said = { word: string; tone: "good" | "busy" | "bad" | "quiet"; more: string };

export function say({ connection, saved, permission }: RoomState): Said {
  switch (connection) {
    case "refused":
      return { word: "No access", tone: "bad", more: "You are not connected to this page." };
    case "offline":
      return { word: "Offline", tone: "bad", more: "You can go on. What you change is kept in this window and sent when the connection is back." };
    case "connecting":
      return { word: "Connecting", tone: "busy", more: "Waiting for the server." };
    case "connected":
      if (permission === "read") return { word: "Live", tone: "quiet", more: "You see every change as it is made." };
      return saved
        ? { word: "Saved", tone: "good", more: "The server has every change on its disk." }
        : { word: "Saving", tone: "busy", more: "The server has not yet said that your last change is on its disk." };
  }
}

export function Status({ state }: { state: RoomState }) {
  const { word, tone, more } = say(state);
  return <span role="status" className={`status ${tone}`} title={more}><i aria-hidden />{word}</span>;
}
