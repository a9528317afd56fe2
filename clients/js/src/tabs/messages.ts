// The messages between the tabs of one user, over a BroadcastChannel. Tabs with an older version
// may be open, so the values and members stay.
import type { Frame } from "../frame.js";
import type { Status } from "../status.js";

/** A message to one tab, or to all. */
export type TabMessage =
  /** To the leader: a tab joins with these cursors. */
  | { word: "hello"; from: string; cursors: Record<string, string> }
  /** To all: the sender is the leader now. */
  | { word: "lead" }
  /** To one tab: the connection status, and the frames that it missed. */
  | { word: "joined"; to: string; status: Status; frames: Frame[] }
  /** To one tab: further frames, after a subscription. */
  | { word: "some"; to: string; frames: Frame[] }
  /** To all: a frame of the node. */
  | { word: "frame"; frame: Frame }
  /** To all: the connection status has changed. */
  | { word: "status"; status: Status }
  /** To the leader: a frame for the node. */
  | { word: "up"; from: string; frame: Frame }
  /** To the leader: this tab became visible; check the connection. */
  | { word: "wake"; from: string }
  /** To one tab: the connection is alive. */
  | { word: "alive"; to: string }
  /** To the leader: this tab is closed or hidden. */
  | { word: "bye"; from: string };
