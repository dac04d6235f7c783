import { expect, test } from "vitest";
import { en, forms } from "./en";
import { formsRu, ru } from "./ru";
import { speech } from "./text";

test("both languages say the same things", () => {
  expect(Object.keys(ru)).toEqual(Object.keys(en));
  expect(Object.keys(formsRu)).toEqual(Object.keys(forms));
  for (const key of Object.keys(en) as (keyof typeof en)[]) {
    const holes = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort();
    expect(holes(ru[key]), key).toEqual(holes(en[key]));
    expect(ru[key].trim(), key).not.toBe("");
  }
});

test("Russian has its three forms", () => {
  const say = speech("ru");
  expect([1, 2, 5, 11, 21, 104].map((n) => say.many("ahead", n))).toEqual([
    "1 задание перед вашим",
    "2 задания перед вашим",
    "5 заданий перед вашим",
    "11 заданий перед вашим",
    "21 задание перед вашим",
    "104 задания перед вашим",
  ]);
});

test("English has two", () => {
  const say = speech("en");
  expect(say.many("seconds", 1)).toBe("about 1 second");
  expect(say.duration(200)).toBe("about 3 minutes");
  expect(say("of", { i: 1, n: 4 })).toBe("Picture 1 of 4");
});
