/** Calls `send` at most every `ms`, and always with the latest value. */
export function throttle<T>(ms: number, send: (value: T) => void) {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let last = 0;
  let latest: T;
  const fire = () => {
    timer = undefined;
    last = performance.now();
    send(latest);
  };
  const throttled = (value: T) => {
    latest = value;
    timer ??= setTimeout(fire, Math.max(0, ms - (performance.now() - last)));
  };
  return Object.assign(throttled, { cancel: () => { clearTimeout(timer); timer = undefined; } });
}
