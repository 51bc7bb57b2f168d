// The way in: which workspace.
import { useMutation } from "convex/react";
import type { FormEvent } from "react";
import { api } from "../../convex/_generated/api";
import { SignOutButton } from "../account/SignOutButton";
import { go, linkTo, pathOf } from "../route";
import type { Me, WorkspaceRow } from "../types";
import { nameOf } from "../types";
import { Icon } from "../ui/Icon";
import { Logo } from "../ui/Logo";
import { ThemeButton } from "../ui/ThemeButton";

export function Workspaces({ me, workspaces, notice }: { me: Me; workspaces: WorkspaceRow[]; notice?: string }) {
  const create = useMutation(api.workspaces.create);
  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const name = String(new FormData(event.currentTarget).get("name")).trim();
    if (name !== "") go(pathOf(await create({ name })));
  }
  return (
    <div className="plain">
      <header className="bar"><Logo /><span className="grow" /><ThemeButton /><SignOutButton /></header>
      <main className="narrow stack">
        {notice && <p className="notice" role="alert">{notice}</p>}
        <h1>Hello, {nameOf(me)}</h1>
        <ul className="list card" aria-label="Workspaces">
          {workspaces.length === 0 && <li className="empty muted">You are in no workspace yet: make one, or have yourself added.</li>}
          {workspaces.map(({ _id, name, role }) => (
            <li key={_id}><a {...linkTo(pathOf(_id))}><Icon name="people" /><span className="grow">{name}</span><span className="badge">{role}</span></a></li>
          ))}
        </ul>
        <form className="row" onSubmit={(event) => void submit(event)}>
          <input name="name" aria-label="Name of a new workspace" placeholder="New workspace" required maxLength={80} />
          <button className="primary">Create</button>
        </form>
      </main>
    </div>
  );
}
