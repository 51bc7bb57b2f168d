// Light or dark: as the system has it, until somebody chooses.
import { useSyncExternalStore } from "react";

export type Theme = "light" | "dark";
const KEY = "theme";
const system = window.matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set<() => void>();
let theme = wanted();

// Not to be asked while rendering: Chromium tells no change of what somebody has already read.
function wanted(): Theme {
  const chosen = localStorage.getItem(KEY);
  return chosen === "light" || chosen === "dark" ? chosen : system.matches ? "dark" : "light";
}
export function applyTheme(): void {
  theme = wanted();
  document.documentElement.dataset.theme = theme;
  listeners.forEach((listener) => listener());
}
export function toggleTheme(): void {
  localStorage.setItem(KEY, theme === "dark" ? "light" : "dark");
  applyTheme();
}
system.addEventListener("change", applyTheme);

export const useTheme = (): Theme => useSyncExternalStore(
  (listener) => { listeners.add(listener); return () => listeners.delete(listener); }, () => theme);
