/** Texts of the page of a study. */

import type { Language } from "../api/types";

const en = {
  title: "Which edit is better?",
  intro:
    "You will see a photo, a wish in words, and two pictures that were made of the photo. Say which of them shows the wish better, and which one keeps more of the photo: where things are, their shapes, the background.",
  pace: "{pairs} pairs, about {minutes} min. Some are easy on purpose. There are no right answers to the others: what counts is how it looks to you.",
  privacy:
    "No name and no account. Only your choices and their time are kept, under a number that your browser's cookie stands for. You may stop at any time.",
  begin: "Begin",
  goOn: "Go on",
  wanted: "Wanted",
  before: "In the photo: {source}",
  photo: "The photo",
  left: "Left",
  right: "Right",
  equal: "About the same",
  leftAlt: "Left picture",
  rightAlt: "Right picture",
  edit: "Which shows the wanted edit better?",
  structure: "Which keeps the photo's structure better?",
  keys: "Keys: 1 or ← is left, 2 or → is right, Backspace takes back.",
  keysEqual:
    "Keys: 1 or ← is left, 2 or → is right, 3 or ↓ is about the same, Backspace takes back.",
  progress: "{done} of {total}",
  thanks: "Thank you!",
  thanksText: "All {total} pairs are answered. You may close this page.",
  closed: "This study is closed",
  closedText: "It takes no more answers. Thank you for coming.",
  login: "This study asks for a login",
  loginText: "Log in with your key, then open this link again.",
  loginLink: "To the login",
  retry: "Try again",
  offline: "The server does not answer. Nothing is lost: try again in a moment.",
  broken: "The pictures did not come.",
  loading: "Loading…",
};

export type Words = typeof en;

const ru: Words = {
  title: "Какая правка лучше?",
  intro:
    "Вы увидите снимок, пожелание словами и две картинки, сделанные из этого снимка. Скажите, какая из них лучше показывает желаемое и какая больше сохраняет от снимка: где что находится, очертания, фон.",
  pace: "Пар: {pairs}, это примерно {minutes} мин. Некоторые лёгкие нарочно. В остальных нет верных ответов: важно, как это видите вы.",
  privacy:
    "Ни имени, ни учётной записи. Хранятся только ваши ответы и их время, под номером, который знает cookie вашего браузера. Остановиться можно в любой момент.",
  begin: "Начать",
  goOn: "Продолжить",
  wanted: "Нужно",
  before: "На снимке: {source}",
  photo: "Снимок",
  left: "Левая",
  right: "Правая",
  equal: "Примерно одинаково",
  leftAlt: "Левая картинка",
  rightAlt: "Правая картинка",
  edit: "Какая лучше показывает желаемое?",
  structure: "Какая лучше сохраняет строение снимка?",
  keys: "Клавиши: 1 или ← — левая, 2 или → — правая, Backspace — взять ответ назад.",
  keysEqual:
    "Клавиши: 1 или ← — левая, 2 или → — правая, 3 или ↓ — одинаково, Backspace — взять ответ назад.",
  progress: "{done} из {total}",
  thanks: "Спасибо!",
  thanksText: "Все пары отвечены: {total}. Страницу можно закрыть.",
  closed: "Исследование закрыто",
  closedText: "Ответы больше не принимаются. Спасибо, что зашли.",
  login: "Для этого исследования нужно войти",
  loginText: "Войдите со своим ключом и откройте эту ссылку снова.",
  loginLink: "Ко входу",
  retry: "Повторить",
  offline: "Сервер не отвечает. Ничего не потеряно: повторите через минуту.",
  broken: "Картинки не пришли.",
  loading: "Загрузка…",
};

export const words: Record<Language, Words> = { en, ru };

export const fill = (text: string, values: Record<string, string | number>): string =>
  text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
