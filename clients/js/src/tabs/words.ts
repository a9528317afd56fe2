// What the tabs of one user say to each other.
import type { Frame } from "../frame.js";
import type { Status } from "../status.js";

export type Word =
  /** Whoever leads: here is another tab, which is at these cursors. */
  | { word: "hello"; from: string; cursors: Record<string, string> }
  /** I lead from now on. */
  | { word: "lead" }
  /** To one tab: how things are, and what it missed. */
  | { word: "joined"; to: string; status: Status; frames: Frame[] }
  | { word: "some"; to: string; frames: Frame[] }
  /** To all: what has come from the node. */
  | { word: "frame"; frame: Frame }
  | { word: "status"; status: Status }
  /** To the node, by way of the leader. */
  | { word: "up"; from: string; frame: Frame }
  /** Somebody looks at this tab again: does the connection live? */
  | { word: "wake"; from: string }
  | { word: "alive"; to: string }
  | { word: "bye"; from: string };
