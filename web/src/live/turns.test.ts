import { describe, expect, it } from "vitest";
import { answered, changed, givenUp, type Move, nobody } from "./turns";

/** The moves that a story makes, and what is shown at its end. */
function play(story: readonly ((turns: Move["turns"]) => Move)[]) {
  let turns = nobody;
  const sent: number[] = [];
  const shown: number[] = [];
  let ended = 0;
  for (const step of story) {
    const move = step(turns);
    turns = move.turns;
    if (move.send) sent.push(move.send);
    if (move.end) ended += 1;
    if (move.show) shown.push(turns.shown);
  }
  return { turns, sent, shown, ended };
}
const part = (turns: Move["turns"]) => changed(turns, false);
const whole = (turns: Move["turns"]) => changed(turns, true);
const picture = (number: number) => (turns: Move["turns"]) => answered(turns, number, true);
const problem = (number: number) => (turns: Move["turns"]) => answered(turns, number, false);

describe("turns of live drawings", () => {
  it("sends the first at once and shows its picture", () => {
    expect(play([part, picture(1)])).toMatchObject({ sent: [1], shown: [1], ended: 0 });
  });

  it("keeps one under way while a line is drawn, and only the newest waits", () => {
    const { sent, turns } = play([part, part, part, part]);
    expect(sent).toEqual([1]);
    expect(turns).toMatchObject({ flying: 1, waiting: true });
    expect(play([part, part, part, picture(1)])).toMatchObject({ sent: [1, 2], shown: [1] });
  });

  it("ends the one under way when a line is finished", () => {
    expect(play([part, whole, picture(2)])).toMatchObject({ sent: [1, 2], ended: 1, shown: [2] });
  });

  it("does not end two in a row, so that hands faster than the model see pictures", () => {
    const { sent, ended, shown } = play([
      whole,
      whole,
      whole,
      whole,
      picture(2),
      whole,
      picture(4),
    ]);
    expect(sent).toEqual([1, 2, 3, 4]);
    expect(ended).toBe(2);
    expect(shown).toEqual([2, 4]);
  });

  it("never shows an older picture after a newer one", () => {
    expect(play([part, whole, picture(2), picture(1)]).shown).toEqual([2]);
    expect(play([part, whole, picture(1), picture(2)]).shown).toEqual([1, 2]);
  });

  it("goes on after a problem, and an answer to one given up frees nothing", () => {
    expect(play([part, problem(1), part, picture(2)])).toMatchObject({ sent: [1, 2], shown: [2] });
    expect(play([part, whole, problem(1)]).turns.flying).toBe(2);
  });

  it("shows nothing that comes after everything was given up", () => {
    expect(play([part, givenUp, picture(1)])).toMatchObject({ shown: [], ended: 1 });
    expect(play([part, givenUp, part, picture(2)])).toMatchObject({ sent: [1, 2], shown: [2] });
    expect(play([givenUp]).ended).toBe(0);
  });
});
