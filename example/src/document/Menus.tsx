// BlockNote's toolbars and menus in Mantine's look. 40 kB that nobody needs before there is something to point at, so they
// come after the editor.
import { components } from "@blocknote/mantine";
import { BlockNoteDefaultUI, ComponentsContext } from "@blocknote/react";
import { MantineProvider } from "@mantine/core";

/** What BlockNote's view for Mantine does, below an editor that is there already: its variables are those of the view's class. */
export default function Menus() {
  return (
    <MantineProvider withCssVariables={false} getRootElement={() => undefined}>
      <ComponentsContext.Provider value={components}>
        <BlockNoteDefaultUI />
      </ComponentsContext.Provider>
    </MantineProvider>
  );
}
