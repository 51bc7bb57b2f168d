// Sign-in: without an account, or with e-mail address and password.
import { Anonymous } from "@convex-dev/auth/providers/Anonymous";
import { Password } from "@convex-dev/auth/providers/Password";
import { convexAuth } from "@convex-dev/auth/server";
import type { DataModel } from "./_generated/dataModel";

export const { auth, signIn, signOut, store, isAuthenticated } = convexAuth({
  providers: [
    Anonymous<DataModel>({
      profile: (params) => ({ isAnonymous: true, ...nameOf(params.name) }),
    }),
    Password<DataModel>({
      profile: (params) => ({ email: String(params.email).toLowerCase(), ...nameOf(params.name) }),
    }),
  ],
});

function nameOf(value: unknown): { name?: string } {
  const name = typeof value === "string" ? value.trim().slice(0, 64) : "";
  return name === "" ? {} : { name };
}
