import type { Room } from "./room";

const REASONS: Record<string, string> = {
  not_found: "This page does not exist any more.",
  forbidden: "You have no access to this page.",
  unauthenticated: "You are signed out.",
};

export function Refused({ room, reason }: { room: Room; reason: string }) {
  return (
    <div className="notice" role="alert">
      <h2>Closed</h2>
      <p>{REASONS[reason] ?? `You were disconnected: ${reason}.`}</p>
      <button onClick={() => room.retry()}>Try again</button>
    </div>
  );
}
