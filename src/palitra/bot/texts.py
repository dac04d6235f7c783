"""Every sentence of the bot in English and Russian. Names of recipes and dials come from the API."""

from __future__ import annotations

from typing import Any, Final, Literal

Language = Literal["en", "ru"]
LANGUAGES: Final[tuple[Language, ...]] = ("en", "ru")

TEXTS: Final[dict[str, dict[Language, str]]] = {
    "start": {
        "en": "Hello! Send a few words, and I draw a picture. Send a drawing with a caption, and I make a "
        "picture of the same shape. Send a photo with “dog -> cat”, and I change it.\n\n"
        "/new – choose what to make\n/settings – dials\n/help – how it works",
        "ru": "Здравствуйте! Пришлите несколько слов — нарисую картинку. Пришлите рисунок с подписью — "
        "сделаю картинку той же формы. Пришлите фото с подписью «собака -> кошка» — изменю его.\n\n"
        "/new — выбрать, что делать\n/settings — ручки\n"
        "/help — как это работает",
    },
    "help": {
        "en": "Words alone become a picture. A drawing, or a photo of one, with a caption becomes a picture "
        "of the same shape; an album makes one picture of each. With an arrow in the caption a photo is "
        "edited: what it shows -> what it should become, several wishes with “;”. While I draw you "
        "see the place in the queue, the time left and a preview. Under a picture: again, variations, more "
        "or less faithful to the lines, the file without Telegram's compression, delete.\n\n"
        "/new, /classes, /settings, /language, /cancel",
        "ru": "Одни слова становятся картинкой. Рисунок или его фото с подписью становится картинкой той же "
        "формы; из альбома выйдет по картинке на каждый рисунок. Стрелка в подписи меняет фото: что на нём "
        "-> чем стать, несколько желаний через «;». Пока я рисую, видны место в очереди, "
        "оставшееся время и набросок результата. Под картинкой: ещё раз, варианты, ближе к линиям или "
        "свободнее, файл без сжатия, удалить.\n\n/new, /classes, /settings, /language, /cancel",
    },
    "private": {
        "en": "This bot is private. Your number is {person}: ask who runs it to let you in.",
        "ru": "Этот бот закрытый. Ваш номер — {person}: попросите хозяина бота впустить вас.",
    },
    "choose_recipe": {"en": "What shall it be?", "ru": "Что делаем?"},
    "send_words": {"en": "{help}\n\nSend the words.", "ru": "{help}\n\nПришлите слова."},
    "send_picture": {
        "en": "{help}\n\nSend a picture with a caption.",
        "ru": "{help}\n\nПришлите картинку с подписью.",
    },
    "send_photo": {
        "en": "{help}\n\nSend a photo with a caption: dog -> cat",
        "ru": "{help}\n\nПришлите фото с подписью: собака -> кошка",
    },
    "choose_subject": {"en": "{help}\n\nWhat shall it be?", "ru": "{help}\n\nЧто рисуем?"},
    "no_subject": {
        "en": "I do not know this one. There are: {names}.",
        "ru": "Такого не знаю. Есть: {names}.",
    },
    "no_classes": {
        "en": "There is no model of classes here yet.",
        "ru": "Моделей классов здесь пока нет.",
    },
    "words_kept": {
        "en": "The words are noted. Now the picture, please.",
        "ru": "Слова записаны. Теперь пришлите картинку.",
    },
    "ask_words": {
        "en": "I have {pictures}. What shall it become? Send a few words.",
        "ru": "Есть {pictures}. Что из этого сделать? Пришлите несколько слов.",
    },
    "album_bound": {"en": "I took the first {pictures}.", "ru": "Взял из альбома: {pictures}."},
    "unknown": {
        "en": "I understand words, drawings and photos. See /help.",
        "ru": "Я понимаю слова, рисунки и фото. Подробнее: /help.",
    },
    "no_recipe": {"en": "There is no such recipe any more. See /new.", "ru": "Такого больше нет: /new."},
    "choose_language": {"en": "Language", "ru": "Язык"},
    "language_set": {"en": "We speak English now.", "ru": "Теперь говорим по-русски."},
    "settings": {"en": "Settings: {recipe}", "ru": "Настройки: {recipe}"},
    "preset": {"en": "Quality", "ru": "Качество"},
    "yes": {"en": "yes", "ru": "да"},
    "no": {"en": "no", "ru": "нет"},
    "too_large": {
        "en": "The picture must have at most {bound} MB, got {size} MB.",
        "ru": "Картинка должна быть не больше {bound} МБ, а в этой {size} МБ.",
    },
    "no_picture": {
        "en": "This file is no picture: PNG, JPEG or WebP, please.",
        "ru": "Этот файл не картинка: нужны PNG, JPEG или WebP.",
    },
    "picture_lost": {
        "en": "Telegram does not hand out this picture. Please send it again.",
        "ru": "Телеграм не отдаёт эту картинку. Пришлите её ещё раз.",
    },
    "consent": {
        "en": "There is a person in it. Does everybody in these photos agree that I draw from them?",
        "ru": "Здесь человек. Все, кто на этих снимках, согласны, чтобы я рисовал по ним?",
    },
    "button_agree": {"en": "✅ Yes, they agree", "ru": "✅ Да, согласны"},
    "button_refuse": {"en": "✖️ No", "ru": "✖️ Нет"},
    "handing_in": {"en": "One moment…", "ru": "Минутку…"},
    "waiting_api": {
        "en": "The service does not answer. Your wish is kept and goes on as soon as it is back.",
        "ru": "Сервис не отвечает. Пожелание записано, продолжу, как только он вернётся.",
    },
    "next": {"en": "You are next", "ru": "Вы следующие"},
    "place": {"en": "In the queue: {jobs} ahead", "ru": "В очереди: впереди {jobs}"},
    "no_worker": {
        "en": "Nobody draws at the moment; the wish waits.",
        "ru": "Сейчас рисовать некому; пожелание ждёт.",
    },
    "drawing": {"en": "Drawing: {percent} %", "ru": "Рисую: {percent} %"},
    "left": {"en": "about {time} left", "ru": "ещё примерно {time}"},
    "cancelled": {"en": "Cancelled.", "ru": "Отменено."},
    "failed": {"en": "That did not work: {detail}", "ru": "Не получилось: {detail}"},
    "busy": {"en": "{detail} Try again in {time}.", "ru": "{detail} Попробуйте снова через {time}."},
    "fault": {"en": "A fault of ours; it is in the log.", "ru": "Наша ошибка; она записана в журнал."},
    "unavailable": {
        "en": "The service does not answer now. Please try again soon.",
        "ru": "Сервис сейчас не отвечает. Попробуйте чуть позже.",
    },
    "cancelled_jobs": {"en": "Cancelled: {jobs}.", "ru": "Отменено: {jobs}."},
    "nothing_to_cancel": {"en": "There is nothing to cancel.", "ru": "Отменять нечего."},
    "seed": {"en": "seed {seed}", "ru": "зерно {seed}"},
    "not_yours": {"en": "This button is not for you.", "ru": "Эта кнопка не для вас."},
    "old_button": {"en": "This button is too old.", "ru": "Эта кнопка устарела."},
    "deleted": {"en": "Deleted.", "ru": "Удалено."},
    "gone": {"en": "This picture is gone already.", "ru": "Этой картинки уже нет."},
    "button_cancel": {"en": "✖️ Cancel", "ru": "✖️ Отмена"},
    "button_again": {"en": "🔁 Again", "ru": "🔁 Ещё раз"},
    "button_variations": {"en": "🎲 Variations", "ru": "🎲 Варианты"},
    "button_less": {"en": "➖ Freer", "ru": "➖ Свободнее"},
    "button_more": {"en": "➕ Closer", "ru": "➕ Ближе к линиям"},
    "button_weaker": {"en": "➖ Nearer to the photo", "ru": "➖ Ближе к фото"},
    "button_stronger": {"en": "➕ Stronger", "ru": "➕ Сильнее"},
    "archive_large": {
        "en": "The archive has {size} MB, and Telegram takes 50: the page has it.",
        "ru": "В архиве {size} МБ, а Телеграм берёт 50: он есть на странице.",
    },
    "button_archive": {"en": "🗜 All (zip)", "ru": "🗜 Все (zip)"},
    "button_file": {"en": "📄 As file", "ru": "📄 Файлом"},
    "button_delete": {"en": "🗑 Delete", "ru": "🗑 Удалить"},
    "command_new": {"en": "choose what to make", "ru": "выбрать, что делать"},
    "command_classes": {"en": "pictures of a class", "ru": "картинки одного класса"},
    "command_settings": {"en": "dials", "ru": "ручки"},
    "command_language": {"en": "English or Russian", "ru": "русский или английский"},
    "command_help": {"en": "how it works", "ru": "как это работает"},
    "command_cancel": {"en": "stop what is being drawn", "ru": "остановить рисование"},
}

# English: one, many. Russian: 1, 2-4, 5-20 (21 is as 1 again).
PLURALS: Final[dict[str, dict[Language, tuple[str, ...]]]] = {
    "pictures": {"en": ("picture", "pictures"), "ru": ("картинка", "картинки", "картинок")},
    "jobs": {"en": ("job", "jobs"), "ru": ("задание", "задания", "заданий")},
    "seconds": {"en": ("second", "seconds"), "ru": ("секунда", "секунды", "секунд")},
    "minutes": {"en": ("minute", "minutes"), "ru": ("минута", "минуты", "минут")},
    "hours": {"en": ("hour", "hours"), "ru": ("час", "часа", "часов")},
}
_ACCUSATIVE: Final = {"секунда": "секунду", "минута": "минуту"}


def say(language: Language, key: str, **values: Any) -> str:
    """The sentence `key` with its values filled in."""
    return TEXTS[key][language].format(**values)


def count(language: Language, n: int, what: str) -> str:
    """A number with its noun: "1 picture", "21 картинка"."""
    forms = PLURALS[what][language]
    if language == "en":
        return f"{n} {forms[n != 1]}"
    if n % 10 == 1 and n % 100 != 11:
        return f"{n} {forms[0]}"
    few = n % 10 in (2, 3, 4) and n % 100 not in (12, 13, 14)
    return f"{n} {forms[1] if few else forms[2]}"


def duration(language: Language, seconds: float) -> str:
    """A rounded time, as it stands after "about" and "через"."""
    if seconds < 90:
        n, what = max(5, 5 * round(seconds / 5)), "seconds"
    elif seconds < 5400:
        n, what = round(seconds / 60), "minutes"
    else:
        n, what = round(seconds / 3600), "hours"
    number, noun = count(language, n, what).split(" ")
    return f"{number} {_ACCUSATIVE.get(noun, noun)}"


def language_of(code: str | None) -> Language:
    """By Telegram's `language_code`."""
    return "ru" if (code or "").lower().startswith("ru") else "en"
