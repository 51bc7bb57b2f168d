import { Icon } from "./Icon";
import { toggleTheme, useTheme } from "./theme";

export function ThemeButton() {
  const theme = useTheme();
  const label = theme === "dark" ? "Light colors" : "Dark colors";
  return <button className="icon" aria-label={label} title={label} onClick={toggleTheme}><Icon name={theme === "dark" ? "sun" : "moon"} /></button>;
}
