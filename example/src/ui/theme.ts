// Light or dark: as the system has it, until somebody chooses.
import { useSyncExternalStore } from "react";

export type Theme = "light" | "dark";
const KEY = "theme";
const system = window.matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set<() => void>();

export function currentTheme(): Theme {
  const chosen = localStorage.getItem(KEY);
  return chosen === "light" || chosen === "dark" ? chosen : system.matches ? "dark" : "light";
}
export function applyTheme(): void {
  document.documentElement.dataset.theme = currentTheme();
  listeners.forEach((listener) => listener());
}
export function toggleTheme(): void {
  localStorage.setItem(KEY, currentTheme() === "dark" ? "light" : "dark");
  applyTheme();
}
system.addEventListener("change", applyTheme);

export const useTheme = (): Theme => useSyncExternalStore(
  (listener) => { listeners.add(listener); return () => listeners.delete(listener); }, currentTheme);
