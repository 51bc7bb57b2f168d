import { useEffect, useState } from "react";
import type { Page } from "../types";
import { useLeftUnsent } from "./RoomsProvider";

/** With a server that answers it takes no longer, and then there is nothing to tell. */
const PATIENCE_MS = 1000;

/** What is not on the server yet and is not on the screen either. */
export function LeftUnsent({ pages }: { pages: Page[] }) {
  const left = useLeftUnsent();
  const waiting = left.length > 0;
  const [told, setTold] = useState(false);
  useEffect(() => {
    if (!waiting) return;
    const timer = setTimeout(setTold, PATIENCE_MS, true);
    return () => { clearTimeout(timer); setTold(false); };
  }, [waiting]);
  if (!waiting || !told) return null;
  const titles = left.map((name) => `“${pages.find(({ room }) => room === name)?.title ?? "A page"}”`).join(", ");
  return (
    <p className="notice unsent" aria-live="polite">
      {titles} {left.length === 1 ? "has" : "have"} changes that are not on the server yet. Keep this window open: they are sent when the connection is back.
    </p>
  );
}
