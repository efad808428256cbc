"use strict";
// What the page says, in English or Korean. The English sentence is the key, as in console/languages.py.

const PAGE = JSON.parse(document.getElementById("page-data").textContent);
let language = PAGE.language;

// Return a sentence in the language of the page, its {fields} filled in, those like {x:.2f} with so many decimals.
function say(sentence, values = {}) {
  const said = language === "ko" ? PAGE.korean[sentence] ?? sentence : sentence;
  return said.replace(/\{(\w+)(?::\.(\d)f)?\}/g, (_, name, digits) => digits ? values[name].toFixed(digits) : values[name]);
}

// Return one of an [English, Korean] pair that came with the data.
function pick(pair) {
  return pair[language === "ko" ? 1 : 0];
}

// Fill the elements marked data-say, whose text is the English sentence, and call draw(): now and at every switch.
function speak(draw) {
  const marked = [...document.querySelectorAll("[data-say]")].map((element) => [element, element.textContent]);
  const buttons = [...document.querySelectorAll("[data-language]")];
  const show = () => {
    document.documentElement.lang = language;
    for (const [element, sentence] of marked) element.textContent = say(sentence);
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.language === language));
    draw();
  };
  for (const button of buttons) {
    button.addEventListener("click", () => {
      language = button.dataset.language;
      show();
    });
  }
  show();
}
