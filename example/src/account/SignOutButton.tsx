import { useAuthActions } from "@convex-dev/auth/react";
import { go } from "../route";
import { Icon } from "../ui/Icon";

export function SignOutButton() {
  const { signOut } = useAuthActions();
  return (
    <button className="icon" aria-label="Sign out" title="Sign out" onClick={() => void signOut().then(() => go("/"))}><Icon name="leave" /></button>
  );
}
