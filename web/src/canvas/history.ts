/** Undo and redo over values that are never changed in place. */

export interface History<T> {
  past: readonly T[];
  now: T;
  future: readonly T[];
}

const MOST = 200;

export const begin = <T>(now: T): History<T> => ({ past: [], now, future: [] });

export function change<T>(history: History<T>, now: T): History<T> {
  return now === history.now
    ? history
    : { past: [...history.past, history.now].slice(-MOST), now, future: [] };
}

export function undo<T>(history: History<T>): History<T> {
  const before = history.past.at(-1);
  return before === undefined
    ? history
    : { past: history.past.slice(0, -1), now: before, future: [history.now, ...history.future] };
}

export function redo<T>(history: History<T>): History<T> {
  const [after, ...future] = history.future;
  return after === undefined
    ? history
    : { past: [...history.past, history.now], now: after, future };
}
