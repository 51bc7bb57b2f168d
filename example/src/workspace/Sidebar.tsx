import { linkTo, pathOf } from "../route";
import { SignOutButton } from "../account/SignOutButton";
import { people, type Presence } from "../presence/awareness";
import type { Me, Page, WorkspaceRow } from "../types";
import { nameOf } from "../types";
import { Avatar, Avatars } from "../ui/Avatar";
import { Icon } from "../ui/Icon";
import { Logo } from "../ui/Logo";
import { ThemeButton } from "../ui/ThemeButton";
import { NewPage } from "./NewPage";

type Props = { me: Me; workspace: WorkspaceRow; pages: Page[] | undefined; presences: Presence[]; current: string | null };

export function Sidebar({ me, workspace, pages, presences, current }: Props) {
  const list = { workspace, pages, presences, current };
  return (
    <aside className="sidebar">
      <a className="logo-link" {...linkTo("/")} aria-label="All workspaces"><Logo /></a>
      <nav aria-label="Pages">
        <a {...linkTo(pathOf(workspace._id))} aria-current={current === null ? "page" : undefined}>
          <Icon name="home" /><span className="grow">{workspace.name}</span>
        </a>
        <Section title="Documents" type="doc" {...list} />
        <Section title="Diagrams" type="diagram" {...list} />
      </nav>
      <footer className="me">
        <Avatar user={{ id: me.id, name: nameOf(me), color: me.color }} />
        <span className="grow"><strong>{nameOf(me)}</strong><small className="muted">{workspace.role}</small></span>
        <ThemeButton /><SignOutButton />
      </footer>
    </aside>
  );
}

/** Not inside of the other: it would be another component at each render, and every cursor that moves would put new links
 * in the place of those that somebody is about to click. */
function Section({ title, type, workspace, pages, presences, current }: { title: string; type: Page["type"] } & Omit<Props, "me">) {
  const rows = pages?.filter((page) => page.type === type) ?? [];
  return (
    <section>
      <h2>{title}{workspace.role !== "viewer" && <NewPage workspaceId={workspace._id} type={type} />}</h2>
      {rows.map((page) => (
        <a key={page.room} {...linkTo(pathOf(workspace._id, page.room))} aria-current={page.room === current ? "page" : undefined}>
          <Icon name={type} /><span className="grow">{page.title}</span>
          <Avatars label="In here now" people={people(presences.filter((one) => one.page === page.room))} />
        </a>
      ))}
      {pages && rows.length === 0 && <p className="muted none">None yet</p>}
    </section>
  );
}
