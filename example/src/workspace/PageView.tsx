// A document or a diagram: its title, the truth about its room, and the editor.
import { useMutation } from "convex/react";
import { useEffect } from "react";
import { api } from "../../convex/_generated/api";
import { people, usePresence, type Presence } from "../presence/awareness";
import { Refused } from "../rooms/Refused";
import type { Room } from "../rooms/room";
import { Status } from "../rooms/Status";
import { useRoom, useRoomState } from "../rooms/useRoom";
import { go, linkTo, pathOf } from "../route";
import type { Me, Page, WorkspaceRow } from "../types";
import { Avatars } from "../ui/Avatar";
import { Icon } from "../ui/Icon";
import { Splash } from "../ui/Splash";
import { Editor, fetchEditor } from "./Editor";
import { Title } from "./Title";

export type EditorProps = { me: Me; room: Room; page: Page; editable: boolean; presences: Presence[]; presenceRoom: Room | null };

type Props = { me: Me; workspace: WorkspaceRow; page: Page; presences: Presence[]; presenceRoom: Room | null };

export function PageView(props: Props) {
  const room = useRoom(props.page.room, props.me);
  useEffect(() => fetchEditor(props.page.type), [props.page.type]);
  return room === null ? <Splash /> : <Opened {...props} room={room} />;
}

function Opened({ me, workspace, page, presences, presenceRoom, room }: Props & { room: Room }) {
  const state = useRoomState(room);
  const here = usePresence(room.provider.awareness);
  useEffect(() => {
    const before = document.title;
    document.title = `${page.title} – ${before}`;
    return () => { document.title = before; };
  }, [page.title]);
  const remove = useMutation(api.documents.remove);
  // The role is what Convex says now; what counts is what the server lets in, and that it said itself.
  const writes = workspace.role !== "viewer";
  const editable = writes && state.permission === "write" && state.connection !== "refused";
  const deletePage = () => {
    if (!window.confirm(`Delete “${page.title}” for everybody?`)) return;
    go(pathOf(workspace._id));
    void remove({ id: page.id as never });
  };
  return (
    <div className="page">
      <header className="bar">
        <a className="icon back" aria-label="Back to the list" {...linkTo(pathOf(workspace._id))}><Icon name="back" /></a>
        <Title page={page} editable={writes} />
        {!writes && <span className="badge" title="Your role in this workspace is viewer"><Icon name="eye" /><span>View only</span></span>}
        <Status state={state} />
        <span className="grow" />
        <Avatars label="Here now" people={people(here)} />
        {writes && <button className="icon" aria-label="Delete this page" title="Delete this page" onClick={deletePage}><Icon name="trash" /></button>}
      </header>
      {state.reason !== null && <Refused room={room} reason={state.reason} />}
      {state.loaded
        ? <Editor {...{ me, room, page, editable, presences, presenceRoom }} />
        : state.reason === null && <Splash />}
    </div>
  );
}
