// Signals of the environment: the network goes or returns, the page becomes visible again.

/** The callbacks for signals of the environment. */
export interface Signals {
  /** The page or app becomes visible. The connection may have broken in the meantime. */
  wake(): void;
  online(): void;
  offline(): void;
}

/** Starts the signals, and returns a function that ends them. */
export type Lifecycle = (signals: Signals) => () => void;

/** The signals of a browser page; elsewhere there are none. */
export const pageLifecycle: Lifecycle = ({ wake, online, offline }) => {
  const target: any = globalThis;
  if (typeof target.addEventListener !== "function" || typeof document === "undefined") return () => {};
  const shown = () => { if (document.visibilityState === "visible") wake(); };
  const each: [any, string, () => void][] = [
    [target, "online", online], [target, "offline", offline],
    // A page restored from the back/forward cache; a frozen page that resumes.
    [target, "pageshow", shown], [document, "resume", shown], [document, "visibilitychange", shown],
  ];
  for (const [on, name, run] of each) on.addEventListener(name, run);
  return () => { for (const [on, name, run] of each) on.removeEventListener(name, run); };
};

/** Returns false only if the environment reports that there is no network. */
export const hasNetwork = (): boolean => typeof navigator === "undefined" || navigator.onLine !== false;
