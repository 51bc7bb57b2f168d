// An Excalidraw diagram in a room.
import "@excalidraw/excalidraw/index.css";
import { Excalidraw, MainMenu } from "@excalidraw/excalidraw";
import type { ExcalidrawImperativeAPI } from "@excalidraw/excalidraw/types";
import { useEffect, useRef, useState } from "react";
import { useTheme } from "../ui/theme";
import type { EditorProps } from "../workspace/PageView";
import { DiagramBinding } from "./binding";
import { useDiagramImages } from "./images";
import { sharePointers } from "./pointers";
import { readScene, sharedElements, type Element } from "./scene";

/** Left out is what belongs to a drawing on somebody's own disk. */
const UI = { canvasActions: { loadScene: false, saveToActiveFile: false, toggleTheme: false, changeViewBackgroundColor: false } } as const;

export default function DiagramEditor({ room, page, editable }: EditorProps) {
  const theme = useTheme();
  const shared = sharedElements(room.doc);
  const [first] = useState(() => readScene(shared));
  const [made, setMade] = useState<ExcalidrawImperativeAPI | null>(null);
  const [ready, setReady] = useState(false);
  // Before it has drawn what it begins with, Excalidraw forgets whatever else it is given.
  const api = ready ? made : null;
  const binding = useRef<DiagramBinding | null>(null);
  const pointers = useRef<ReturnType<typeof sharePointers> | null>(null);
  const mayWrite = useRef(editable);
  mayWrite.current = editable;
  const onImages = useDiagramImages(room, api, editable);

  useEffect(() => {
    // Smaller if it does not fit, never larger.
    if (api !== null && first.length > 0) api.scrollToContent(api.getSceneElements(), { fitToContent: true });
  }, [api, first]);

  useEffect(() => {
    if (api === null) return;
    const bound = binding.current = new DiagramBinding(shared, api, first, () => mayWrite.current);
    const shown = pointers.current = sharePointers(room.provider.awareness!, api);
    const leave = () => { bound.write(); shown.leave(); };
    window.addEventListener("pagehide", leave);
    window.addEventListener("blur", leave);
    return () => {
      window.removeEventListener("pagehide", leave);
      window.removeEventListener("blur", leave);
      bound.destroy();
      shown.destroy();
      binding.current = pointers.current = null;
    };
  }, [api, shared, room, first]);

  return (
    <div className="diagram" onPointerLeave={() => pointers.current?.leave()}>
      <Excalidraw
        excalidrawAPI={setMade}
        initialData={{ elements: first }}
        name={page.title}
        theme={theme}
        viewModeEnabled={!editable}
        isCollaborating
        autoFocus
        aiEnabled={false}
        UIOptions={UI}
        onPointerUpdate={(update) => pointers.current?.pointer(update)}
        onChange={(elements, state, files) => {
          if (!state.isLoading) setReady(true);
          binding.current?.onChange(elements as readonly Element[], state);
          pointers.current?.selection(state.selectedElementIds);
          onImages(elements as readonly Element[], files);
        }}
      >
        <MainMenu>
          <MainMenu.DefaultItems.SaveAsImage />
          <MainMenu.DefaultItems.Export />
          {editable && <MainMenu.DefaultItems.ClearCanvas />}
          <MainMenu.DefaultItems.SearchMenu />
          <MainMenu.DefaultItems.Help />
        </MainMenu>
      </Excalidraw>
    </div>
  );
}
