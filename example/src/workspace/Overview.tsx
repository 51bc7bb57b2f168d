// The workspace's first page: what there is, who is where, and who belongs to it.
import { useRef } from "react";
import { Cursors, useMyCursor } from "../presence/Cursors";
import { people, type Presence } from "../presence/awareness";
import type { Room } from "../rooms/room";
import { linkTo, pathOf } from "../route";
import type { Me, Page, WorkspaceRow } from "../types";
import { Avatars } from "../ui/Avatar";
import { Icon } from "../ui/Icon";
import { ago } from "../ui/ago";
import { Members } from "./Members";
import { NewPage } from "./NewPage";
import { HOME } from "./Workspace";

type Props = {
  me: Me; workspace: WorkspaceRow; pages: Page[] | undefined; presences: Presence[]; presenceRoom: Room | null;
  /** The address names a page that is not there. */
  missing: boolean;
};

export function Overview({ me, workspace, pages, presences, presenceRoom, missing }: Props) {
  const area = useRef<HTMLDivElement>(null);
  useMyCursor(presenceRoom, area);
  return (
    <div className="scroll">
      <div className="overview" ref={area}>
        {missing && <p className="notice" role="alert">This page does not exist, or not any more.</p>}
        <header className="row">
          <h1 className="grow">{workspace.name}</h1>
          <Avatars label="Here now" people={people(presences)} />
        </header>
        <div className="cards">
          {pages?.map((page) => (
            <a key={page.room} className="card page-card" {...linkTo(pathOf(workspace._id, page.room))}>
              <span className={`page-icon ${page.type}`}><Icon name={page.type} /></span>
              <strong>{page.title}</strong>
              <span className="row">
                <small className="muted grow">{page.changedAt === null ? (page.type === "doc" ? "Document" : "Diagram") : `Changed ${ago(page.changedAt)}`}</small>
                <Avatars label="In here now" people={people(presences.filter((one) => one.page === page.room))} />
              </span>
            </a>
          ))}
        </div>
        {workspace.role !== "viewer" && (
          <p className="row">
            <NewPage large workspaceId={workspace._id} type="doc" />
            <NewPage large workspaceId={workspace._id} type="diagram" />
          </p>
        )}
        <Members me={me} workspace={workspace} />
        <Cursors presences={presences} page={HOME} />
      </div>
    </div>
  );
}
