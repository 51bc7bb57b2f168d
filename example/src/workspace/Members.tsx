import { useMutation, useQuery } from "convex/react";
import { useState, type FormEvent } from "react";
import { api } from "../../convex/_generated/api";
import { go } from "../route";
import type { Me, Member, Role, WorkspaceRow } from "../types";
import { nameOf } from "../types";
import { Icon } from "../ui/Icon";
import { messageOf } from "../ui/messageOf";

const ROLES: Role[] = ["owner", "editor", "viewer"];

export function Members({ me, workspace }: { me: Me; workspace: WorkspaceRow }) {
  const workspaceId = workspace._id;
  const members = useQuery(api.workspaces.members, { workspaceId });
  const setMember = useMutation(api.workspaces.setMember);
  const removeMember = useMutation(api.workspaces.removeMember);
  const [problem, setProblem] = useState<string | null>(null);
  const owns = workspace.role === "owner";

  async function change(work: Promise<unknown>): Promise<void> {
    setProblem(null);
    await work.catch((error: unknown) => setProblem(messageOf(error)));
  }
  // endSessions: what is taken away ends now, and not when the page is opened next.
  const give = (id: Member["userId"], role: Role) =>
    void change(setMember({ workspaceId, user: { id }, role, endSessions: true }));
  const remove = (userId: Member["userId"]) => {
    const leaves = userId === me.id;
    if (leaves && !window.confirm(`Leave “${workspace.name}”? Only an owner can let you in again.`)) return;
    void change(removeMember({ workspaceId, userId, endSessions: true }).then(() => { if (leaves) go("/"); }));
  };
  async function invite(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const { email, role } = Object.fromEntries(new FormData(form)) as { email: string; role: Role };
    await change(setMember({ workspaceId, user: { email }, role, endSessions: true }).then(() => form.reset()));
  }

  return (
    <section className="card members" aria-label="Members">
      <h2><Icon name="people" />Members</h2>
      <ul>
        {members?.map((member) => {
          const name = nameOf(member);
          return (
            <li key={member.userId}>
              <span className="grow"><strong>{name}</strong>{member.userId === me.id && " (you)"}<small className="muted">{member.email}</small></span>
              {owns
                ? <select aria-label={`Role of ${name}`} value={member.role} onChange={(event) => give(member.userId, event.target.value as Role)}>
                    {ROLES.map((role) => <option key={role}>{role}</option>)}
                  </select>
                : <span className="badge">{member.role}</span>}
              {(owns || member.userId === me.id) && (
                <button className="icon small" onClick={() => remove(member.userId)}
                  aria-label={member.userId === me.id ? "Leave the workspace" : `Remove ${name}`}
                  title={member.userId === me.id ? "Leave the workspace" : `Remove ${name}`}><Icon name="close" /></button>
              )}
            </li>
          );
        })}
      </ul>
      {owns && (
        <form className="row" onSubmit={(event) => void invite(event)}>
          <input name="email" type="email" required placeholder="E-mail of somebody with an account" aria-label="E-mail" className="grow" />
          <select name="role" aria-label="Role" defaultValue="editor">{ROLES.map((role) => <option key={role}>{role}</option>)}</select>
          <button>Add</button>
        </form>
      )}
      {problem && <p className="problem" role="alert">{problem}</p>}
    </section>
  );
}
