/** Whose turn it is among a page's own drawings: one is under way, the newest waits, nothing older is shown. */

export interface Turns {
  /** The number given last; numbers only grow. */
  last: number;
  /** Of the drawing under way; 0 when there is none. */
  flying: number;
  /** Whether something newer than the one under way is to be drawn. */
  waiting: boolean;
  /** Of the newest picture shown. */
  shown: number;
  /** Whether the one under way may be ended. Not twice in a row: else fast hands never see a picture. */
  mayEnd: boolean;
}

export interface Move {
  turns: Turns;
  /** Send the newest drawing under this number. */
  send?: number;
  /** Give up the one under way. */
  end?: boolean;
  /** The picture that has come is the newest: show it. */
  show?: boolean;
}

export const nobody: Turns = { last: 0, flying: 0, waiting: false, shown: 0, mayEnd: true };

/** The drawing is another. A change that is `whole` (a line is finished, words are said) ends the one under way. */
export function changed(turns: Turns, whole: boolean): Move {
  if (turns.flying === 0) return send(turns, {});
  if (whole && turns.mayEnd) return send({ ...turns, mayEnd: false }, { end: true });
  return { turns: { ...turns, waiting: true } };
}

/** An answer has come: a picture, or none because something went wrong. */
export function answered(turns: Turns, number: number, pictured: boolean): Move {
  const show = pictured && number > turns.shown;
  const now = show ? { ...turns, shown: number, mayEnd: true } : turns;
  // an answer to one that was given up changes nothing about the one under way
  if (number !== turns.flying) return { turns: now, show };
  return turns.waiting ? send(now, { show }) : { turns: { ...now, flying: 0 }, show };
}

/** Nothing is wanted any more; what still comes is older than everything to come. */
export function givenUp(turns: Turns): Move {
  const end = turns.flying !== 0;
  return {
    turns: { ...turns, flying: 0, waiting: false, shown: turns.last, mayEnd: true },
    end,
  };
}

function send(turns: Turns, more: Partial<Move>): Move {
  const number = turns.last + 1;
  return {
    ...more,
    send: number,
    turns: { ...turns, last: number, flying: number, waiting: false },
  };
}
