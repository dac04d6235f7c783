import { expect, test } from "vitest";
import { begin, change, redo, undo } from "./history";

test("undo restores, redo repeats", () => {
  const first = change(change(begin("a"), "b"), "c");
  expect(undo(first).now).toBe("b");
  expect(redo(undo(first))).toEqual(first);
  expect(undo(undo(undo(undo(first)))).now).toBe("a");
});

test("a new change forgets what was undone", () => {
  const branched = change(undo(change(begin(1), 2)), 3);
  expect(redo(branched)).toBe(branched);
  expect(undo(branched).now).toBe(1);
});

test("the past is bounded", () => {
  let history = begin(0);
  for (let i = 1; i < 1000; i++) history = change(history, i);
  expect(history.past.length).toBe(200);
});
