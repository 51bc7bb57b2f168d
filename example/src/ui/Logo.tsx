export function Logo({ large = false }: { large?: boolean }) {
  return (
    <span className={large ? "logo large" : "logo"}>
      <img src="/icon.svg" alt="" />Together
    </span>
  );
}
