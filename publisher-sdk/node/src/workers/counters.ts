// Counters of a worker.

/** Counters of a worker since it was created. */
export interface WorkerCounters {
  /** Events handed out; every attempt counts. */
  handedOut: number;
  /** Finished events. */
  done: number;
  /** Failed attempts. */
  failed: number;
  /** Events that became dead letters. */
  dead: number;
  /** Events taken over from workers that were gone. */
  takenOver: number;
}
