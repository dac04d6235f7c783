/** Follows the drawing: asks for pictures of it, and tells what is to be seen. Knows nothing of React. */

import { Problem } from "../api/client";
import { drawLive, type Wish } from "./calls";
import { answered, changed, givenUp, type Move, nobody } from "./turns";

/** What is told: the newest picture, and why there is none or no newer one. */
export interface Seen {
  /** Address of the picture, decoded already. */
  picture: string | null;
  number: number;
  /** From the newest movement that is in the picture until it could be seen. */
  ms: number | null;
  /** "behind": a newer picture is on its way, but late. */
  state: "idle" | "drawing" | "behind" | "off" | "refused";
  /** The server's sentence when it refused. */
  detail: string;
}

export const nothingSeen: Seen = { picture: null, number: 0, ms: null, state: "idle", detail: "" };

/** Not more often, so that a quick model is not asked beyond the service's rate. */
const GAP_MS = 110;
const LATE_MS = 1000;
const AGAIN_MS = 1000;

export interface Source {
  /** What is to be drawn now; null when there is nothing to follow. */
  now: () => { sketch: () => Promise<Blob>; prompt: string; seed: number; moved: number } | null;
}

export class Follower {
  private turns = nobody;
  private seen = nothingSeen;
  private abort = new AbortController();
  private timer: number | undefined;
  private due = 0;
  private whole = false;
  private sentAt = 0;
  private late: number | undefined;

  constructor(
    private readonly source: Source,
    private readonly tell: (seen: Seen) => void,
  ) {}

  /** The drawing is another: ask for its picture within `ms`; `anew` starts the wait again (for words). */
  change(ms: number, whole: boolean, anew = false): void {
    this.whole ||= whole;
    const due = Math.max(performance.now() + ms, this.sentAt + GAP_MS);
    if (this.timer !== undefined && !anew && this.due <= due) return;
    window.clearTimeout(this.timer);
    this.due = due;
    this.timer = window.setTimeout(() => this.fire(), due - performance.now());
  }

  /** Stop; what is shown goes. */
  stop(): void {
    window.clearTimeout(this.timer);
    this.timer = undefined;
    this.forget();
  }

  private fire(): void {
    this.timer = undefined;
    const whole = this.whole;
    this.whole = false;
    if (this.source.now() === null) this.forget();
    else this.move(changed(this.turns, whole));
  }

  private forget(): void {
    this.move(givenUp(this.turns));
    if (this.seen.picture) URL.revokeObjectURL(this.seen.picture);
    this.show(nothingSeen);
  }

  private move(move: Move): void {
    this.turns = move.turns;
    if (move.end) this.abort.abort();
    if (move.send) void this.send(move.send);
    if (this.turns.flying === 0) window.clearTimeout(this.late);
  }

  private async send(number: number): Promise<void> {
    const wanted = this.source.now();
    if (!wanted) return this.forget();
    const abort = new AbortController();
    this.abort = abort;
    this.sentAt = performance.now();
    if (this.seen.state === "idle" || this.seen.state === "refused")
      this.show({ ...this.seen, state: "drawing", detail: "" });
    window.clearTimeout(this.late);
    this.late = window.setTimeout(() => this.show({ ...this.seen, state: "behind" }), LATE_MS);
    try {
      const { prompt, seed } = wanted;
      const wish: Wish = { sketch: await wanted.sketch(), prompt, seed, number };
      const image = await decoded(await drawLive(wish, abort.signal));
      this.pictured(number, image, performance.now() - wanted.moved);
    } catch (error) {
      if (!abort.signal.aborted) this.failed(number, error);
    }
  }

  private pictured(number: number, address: string, ms: number): void {
    const move = answered(this.turns, number, true);
    if (!move.show) URL.revokeObjectURL(address);
    else {
      const old = this.seen.picture;
      const state = move.send ? "drawing" : "idle";
      this.show({ picture: address, number, ms: Math.round(ms), state, detail: "" });
      if (old) window.setTimeout(() => URL.revokeObjectURL(old), 1000);
    }
    this.move(move);
  }

  private failed(number: number, error: unknown): void {
    const problem = error instanceof Problem ? error : new Problem(0, "offline", "");
    const { status, code } = problem;
    const flying = this.turns.flying === number;
    const newer = this.turns.waiting;
    if (flying) window.clearTimeout(this.late);
    if (code === "live_off") this.show({ ...this.seen, state: "off" });
    else if (status === 0 || status === 429 || status >= 500) {
      // the newest drawing is sent again by itself, and nothing else until then
      this.turns = { ...this.turns, flying: flying ? 0 : this.turns.flying, waiting: false };
      this.show({ ...this.seen, state: "behind" });
      this.sentAt = performance.now() + (problem.retryAfter ?? AGAIN_MS / 1000) * 1000 - GAP_MS;
      this.change(0, false, true);
      return;
    } else if (status !== 409 && flying && !newer)
      this.show({ ...this.seen, state: "refused", detail: problem.message });
    this.move(answered(this.turns, number, false));
  }

  private show(seen: Seen): void {
    this.seen = seen;
    this.tell(seen);
  }
}

/** The address of a picture that can be painted at once, so that nothing flickers. */
async function decoded(picture: Blob): Promise<string> {
  const address = URL.createObjectURL(picture);
  const image = new Image();
  image.src = address;
  await image.decode();
  return address;
}
