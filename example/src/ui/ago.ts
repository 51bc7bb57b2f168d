const STEPS = [[60, "second"], [60, "minute"], [24, "hour"], [365, "day"]] as const;
const words = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

/** "5 minutes ago". @param at milliseconds since 1970 */
export function ago(at: number, now = Date.now()): string {
  let amount = (at - now) / 1000;
  for (const [many, unit] of STEPS) {
    if (Math.abs(amount) < many) return words.format(Math.round(amount), unit);
    amount /= many;
  }
  return words.format(Math.round(amount), "year");
}
