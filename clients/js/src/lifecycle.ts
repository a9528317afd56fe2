// What the surroundings tell of themselves: a network that comes and goes, a page that somebody looks at again.

export interface Signals {
  /** Somebody is back: the page is shown, the app is in front. A connection may have died meanwhile. */
  wake(): void;
  online(): void;
  offline(): void;
}

/** Begins to tell; what it returns ends that. */
export type Lifecycle = (signals: Signals) => () => void;

/** In a browser; elsewhere nothing is told. */
export const browser: Lifecycle = ({ wake, online, offline }) => {
  const target: any = globalThis;
  if (typeof target.addEventListener !== "function" || typeof document === "undefined") return () => {};
  const shown = () => { if (document.visibilityState === "visible") wake(); };
  const each: [any, string, () => void][] = [
    [target, "online", online], [target, "offline", offline],
    // Back out of the browser's store of pages; a frozen page that goes on.
    [target, "pageshow", shown], [document, "resume", shown], [document, "visibilitychange", shown],
  ];
  for (const [on, name, run] of each) on.addEventListener(name, run);
  return () => { for (const [on, name, run] of each) on.removeEventListener(name, run); };
};

/** False only where the surroundings say that there is no network. */
export const hasNetwork = (): boolean => typeof navigator === "undefined" || navigator.onLine !== false;
