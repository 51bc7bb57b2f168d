import { useMutation } from "convex/react";
import { useEffect, useState } from "react";
import { api } from "../../convex/_generated/api";
import type { Page } from "../types";

export function Title({ page, editable }: { page: Page; editable: boolean }) {
  const rename = useMutation(api.documents.rename);
  const [title, setTitle] = useState(page.title);
  useEffect(() => setTitle(page.title), [page.title]);
  if (!editable) return <h1 className="title">{page.title}</h1>;
  const commit = () => {
    const wanted = title.trim();
    if (wanted === "") setTitle(page.title);
    else if (wanted !== page.title) void rename({ id: page.id as never, title: wanted });
  };
  return (
    <input className="title" aria-label="Title" value={title} maxLength={120}
      onChange={(event) => setTitle(event.target.value)} onBlur={commit}
      onKeyDown={(event) => { if (event.key === "Enter") event.currentTarget.blur(); }} />
  );
}
