import { useAuthActions } from "@convex-dev/auth/react";
import { go } from "../route";
import { useRooms } from "../rooms/RoomsProvider";
import { Icon } from "../ui/Icon";

export function SignOutButton() {
  const { signOut } = useAuthActions();
  const rooms = useRooms();
  const leave = () => {
    if (rooms?.hasUnsent() && !window.confirm("The server does not have all of your changes yet. Sign out and lose them?")) return;
    void signOut().then(() => go("/"));
  };
  return (
    <button className="icon" aria-label="Sign out" title="Sign out" onClick={leave}><Icon name="leave" /></button>
  );
}
