// A BlockNote document in a room.
import "@blocknote/mantine/style.css";
import { withCollaboration } from "@blocknote/core/yjs";
import { BlockNoteViewRaw, useCreateBlockNote } from "@blocknote/react";
import { useConvex } from "convex/react";
import { lazy, Suspense, useRef, useState } from "react";
import { Cursors, useMyCursor } from "../presence/Cursors";
import type { EditorProps } from "../workspace/PageView";
import { nameOf } from "../types";
import { useTheme } from "../ui/theme";
import { documentImages } from "./images";

/** All clients must agree on it. */
const FRAGMENT = "document-store";
const Menus = lazy(() => import("./Menus"));

export default function DocumentEditor({ me, room, page, editable, presences, presenceRoom }: EditorProps) {
  const convex = useConvex();
  const theme = useTheme();
  const paper = useRef<HTMLDivElement>(null);
  useMyCursor(presenceRoom, paper);
  const [problem, setProblem] = useState<string | null>(null);
  const user = { id: me.id, name: nameOf(me), color: me.color };
  const editor = useCreateBlockNote(withCollaboration({
    ...documentImages(convex, room, setProblem),
    collaboration: { provider: room.provider as never, fragment: room.doc.getXmlFragment(FRAGMENT), user },
  }), [room]);
  return (<>
    {problem !== null && (
      <p className="notice row" role="alert"><span className="grow">{problem}</span><button onClick={() => setProblem(null)}>Close</button></p>
    )}
    <div className="scroll">
      <div className="paper" ref={paper}>
        <BlockNoteViewRaw editor={editor} editable={editable} theme={theme} className="bn-mantine" data-mantine-color-scheme={theme}
          applyThemedRoot={(element) => element.setAttribute("data-mantine-color-scheme", theme)}>
          <Suspense><Menus /></Suspense>
        </BlockNoteViewRaw>
        <Cursors presences={presences} page={page.room} />
      </div>
    </div>
  </>);
}
