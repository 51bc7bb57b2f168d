import type { User } from "../presence/awareness";

export function Avatar({ user, active = true }: { user: User; active?: boolean }) {
  return (
    <span className="avatar" style={{ background: user.color, opacity: active ? 1 : 0.45 }}
      title={active ? user.name : `${user.name} (away)`}>
      {[...user.name.trim()][0]?.toUpperCase() ?? "?"}
    </span>
  );
}

const SHOWN = 4;

export function Avatars({ people, label }: { people: { user: User; active: boolean }[]; label: string }) {
  if (people.length === 0) return null;
  return (
    <span className="avatars" role="img" aria-label={`${label}: ${people.map(({ user }) => user.name).join(", ")}`}>
      {people.slice(0, SHOWN).map(({ user, active }) => <Avatar key={user.id} user={user} active={active} />)}
      {people.length > SHOWN && <span className="avatar more">+{people.length - SHOWN}</span>}
    </span>
  );
}
