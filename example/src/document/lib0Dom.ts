// In place of lib0/dom, by vite.config.ts: y-prosemirror needs this one name of it, and the rest is 5 kB.
export const doc = document;
