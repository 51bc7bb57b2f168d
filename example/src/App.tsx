// Who is signed in, and which workspace the address names.
import { useConvexAuth, useQuery } from "convex/react";
import { api } from "../convex/_generated/api";
import { SignIn } from "./account/SignIn";
import { RoomsProvider } from "./rooms/RoomsProvider";
import { useRoute } from "./route";
import type { Me, WorkspaceRow } from "./types";
import { Splash } from "./ui/Splash";
import { Workspace } from "./workspace/Workspace";
import { Workspaces } from "./workspace/Workspaces";

export function App() {
  const { isLoading, isAuthenticated } = useConvexAuth();
  const me = useQuery(api.users.me, isAuthenticated ? {} : "skip");
  const workspaces = useQuery(api.workspaces.list, isAuthenticated ? {} : "skip");
  // null: the session was ended elsewhere.
  if (me === null || (!isLoading && !isAuthenticated)) return <SignIn />;
  if (!me || workspaces === undefined) return <Splash />;
  return <RoomsProvider key={me.id}><Inside me={me} workspaces={workspaces} /></RoomsProvider>;
}

function Inside({ me, workspaces }: { me: Me; workspaces: WorkspaceRow[] }) {
  const route = useRoute();
  if (route.workspaceId === null) {
    return <Workspaces me={me} workspaces={workspaces} notice={route.unknown ? "There is no page at this address." : undefined} />;
  }
  const workspace = workspaces.find(({ _id }) => _id === route.workspaceId);
  // Who was removed a moment ago comes here as well: the list is a subscription.
  if (workspace === undefined) {
    return <Workspaces me={me} workspaces={workspaces} notice="You have no access to this workspace. If you had, you are no longer a member." />;
  }
  return <Workspace key={workspace._id} me={me} workspace={workspace} room={route.room} />;
}
