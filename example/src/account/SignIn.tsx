import { useAuthActions } from "@convex-dev/auth/react";
import { useState, type FormEvent } from "react";
import { DEMO_USERS } from "../env";
import { Logo } from "../ui/Logo";
import { ThemeButton } from "../ui/ThemeButton";

type Flow = "signIn" | "signUp";
const PATIENCE_MS = 4000;

export function SignIn() {
  const { signIn } = useAuthActions();
  const [flow, setFlow] = useState<Flow>("signIn");
  const [problem, setProblem] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);

  async function enter(params: Record<string, string>) {
    setBusy(true);
    setProblem(null);
    // Without a connection it is not refused: it waits for one.
    const patience = setTimeout(setProblem, PATIENCE_MS, "The server does not answer yet. This goes on when it does.");
    try {
      await signIn("password", params);
    } catch {
      // The backend does not tell which of the two is wrong, so that nobody can ask for addresses.
      setProblem(params.flow === "signUp"
        ? "That did not work. Does the account exist already? A password has 8 characters or more."
        : "That did not work. Do e-mail address and password fit together?");
    } finally {
      clearTimeout(patience);
      setBusy(false);
    }
  }
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const fields = Object.fromEntries(new FormData(event.currentTarget)) as Record<string, string>;
    void enter({ ...fields, flow });
  }

  return (
    <main className="sign-in">
      <div className="corner"><ThemeButton /></div>
      <section className="card sign-in-card">
        <Logo large />
        <p className="muted center">Documents and diagrams that several people write at once.</p>
        <form onSubmit={submit} className="stack">
          {flow === "signUp" && (
            <label>Your name<input name="name" required maxLength={64} autoComplete="name" /></label>
          )}
          <label>E-mail<input name="email" type="email" required autoComplete="email" /></label>
          <label>Password
            <input name="password" type="password" required minLength={8}
              autoComplete={flow === "signUp" ? "new-password" : "current-password"} />
          </label>
          {problem && <p className="problem" role="alert">{problem}</p>}
          <button className="primary" disabled={busy}>{flow === "signUp" ? "Create account" : "Sign in"}</button>
        </form>
        <button className="link" onClick={() => { setFlow(flow === "signIn" ? "signUp" : "signIn"); setProblem(null); }}>
          {flow === "signIn" ? "No account yet? Create one" : "I have an account already"}
        </button>
        {DEMO_USERS.length > 0 && (
          <div className="demo-users">
            <p className="muted">Demo: continue as</p>
            <div className="row">
              {DEMO_USERS.map(({ name, email, password, role }) => (
                <button key={email} disabled={busy} onClick={() => void enter({ email, password, flow: "signIn" })}>
                  <strong>{name}</strong><span className="muted">{role}</span>
                </button>
              ))}
            </div>
          </div>
        )}
      </section>
    </main>
  );
}
