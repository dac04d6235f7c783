import { expect, it } from "vitest";
import { firstAlone } from "./firstAlone";

/** A call that is answered when it is told to. */
function held() {
  const sent: string[] = [];
  const answers = new Map<string, { yes: () => void; no: () => void }>();
  const call = (name: string) => () =>
    new Promise<string>((yes, no) => {
      sent.push(name);
      answers.set(name, { yes: () => yes(name), no: () => no(new Error(name)) });
    });
  return { sent, answers, call };
}
const settle = () => new Promise((done) => setTimeout(done));

it("sends the others when the first has been answered, and from then on all at once", async () => {
  const { sent, answers, call } = held();
  const turn = firstAlone();
  const all = [turn(call("a")), turn(call("b")), turn(call("c"))];
  await settle();
  expect(sent).toEqual(["a"]);
  answers.get("a")?.yes();
  await settle();
  expect(sent).toEqual(["a", "b", "c"]);
  for (const name of ["c", "b"]) answers.get(name)?.yes();
  expect(await Promise.all(all)).toEqual(["a", "b", "c"]);
});

it("lets the next be the first when the first was not answered", async () => {
  const { sent, answers, call } = held();
  const turn = firstAlone();
  const [one, two, three] = [turn(call("a")), turn(call("b")), turn(call("c"))];
  await settle();
  answers.get("a")?.no();
  await expect(one).rejects.toThrow("a");
  await settle();
  expect(sent).toEqual(["a", "b"]);
  answers.get("b")?.yes();
  expect(await two).toBe("b");
  await settle();
  answers.get("c")?.yes();
  expect(await three).toBe("c");
});
