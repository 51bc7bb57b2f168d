// One workspace: the list of its pages at the side, one page or the overview beside it, and the room
// in which everybody sees where the others are.
import { useQuery } from "convex/react";
import { api } from "../../convex/_generated/api";
import { useMyPresence } from "../presence/useMyPresence";
import { usePresence } from "../presence/awareness";
import { useRoom } from "../rooms/useRoom";
import type { Me, WorkspaceRow } from "../types";
import { LeftUnsent } from "../rooms/LeftUnsent";
import { Overview } from "./Overview";
import { PageView } from "./PageView";
import { Sidebar } from "./Sidebar";

/** What presence calls the overview; pages are called by their room. */
export const HOME = "home";

type Props = { me: Me; workspace: WorkspaceRow; room: string | null };

export function Workspace({ me, workspace, room: name }: Props) {
  const pages = useQuery(api.documents.list, { workspaceId: workspace._id });
  const presenceRoom = useRoom(`workspace-${workspace._id}`, me);
  const presences = usePresence(presenceRoom?.provider.awareness ?? null);
  const page = pages?.find(({ room }) => room === name);
  useMyPresence(presenceRoom, page ? page.room : HOME);

  const shared = { me, workspace, presences, presenceRoom };
  return (
    <div className={name === null ? "workspace at-home" : "workspace"}>
      <Sidebar {...shared} pages={pages} current={name} />
      <main className="main">
        <LeftUnsent pages={pages ?? []} />
        {name === null || (pages !== undefined && page === undefined)
          ? <Overview {...shared} pages={pages} missing={name !== null} />
          : page && <PageView key={page.room} {...shared} page={page} />}
      </main>
    </div>
  );
}
