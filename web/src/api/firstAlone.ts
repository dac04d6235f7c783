/** Calls wait until one of them has been answered. */

/**
 * For calls of which the first answer begins something that the others need. Sent beside it, each of them would
 * begin its own, and the one that stays would be whichever came last.
 */
export function firstAlone(): <T>(call: () => Promise<T>) => Promise<T> {
  let answered = false;
  let first: Promise<unknown> | null = null;
  return async (call) => {
    while (!answered && first !== null) await first.catch(() => {});
    if (answered) return call();
    const asked = call();
    first = asked;
    try {
      const answer = await asked;
      answered = true;
      return answer;
    } finally {
      first = null;
    }
  };
}
