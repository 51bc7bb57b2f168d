export function Splash() {
  return <main className="splash" aria-busy="true"><span className="spinner" role="progressbar" aria-label="Loading" /></main>;
}
