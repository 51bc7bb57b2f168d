// Where the two backends are. `npm run dev` sets these; for `npm run build` they are in .env.production.
export const CONVEX_URL: string = import.meta.env.VITE_CONVEX_URL ?? "http://127.0.0.1:3210";

/** Addresses of this machine and of home networks are reached without TLS, as PartyKit's clients do it. */
const LOCAL = /^(localhost|127\.|0\.0\.0\.0|192\.168\.|10\.|172\.(1[6-9]|2\d|3[01])\.|\[::1\])/;
const host: string = import.meta.env.VITE_PARTYKIT_HOST ?? "127.0.0.1:1999";
export const ROOMS_URL = `${LOCAL.test(host) ? "ws" : "wss"}://${host}`;

export type DemoUser = { name: string; email: string; password: string; role: string };
/** Of `npm run dev:offline` only. */
export const DEMO_USERS: DemoUser[] = JSON.parse(import.meta.env.VITE_DEMO_USERS || "[]");
