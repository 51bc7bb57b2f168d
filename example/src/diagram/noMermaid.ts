// In place of @excalidraw/mermaid-to-excalidraw, by vite.config.ts: its parsers are larger than the rest
// of the application. Take the alias away to have "Mermaid to Excalidraw".
export async function parseMermaidToExcalidraw(): Promise<never> {
  throw new Error("Mermaid is not part of this application.");
}
