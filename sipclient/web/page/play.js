// Play something to a call that is up, or to either or both legs of a bridge; or stop what plays.

import { advice, post } from "./api.js";
import { button, el, field, fill } from "./dom.js";
import { open } from "./dialog.js";
import { peer } from "./model.js";
import { note, speak, trouble } from "./notes.js";

const TONES = ["us-ring", "us-busy", "uk-ring", "de-ring", "%(500,0,440)", "%(2000,4000,440,480)", "silence_stream://1000"];

// `legs`: [{name, call}], the name empty where there is but one.
export function playDialog(title, legs) {
  open(title, (close) => {
    const what = el("input", { id: "play-what", list: "play-tones", required: true, autocomplete: "off", spellcheck: "false" });
    const loops = el("input", { id: "play-loops", type: "number", min: 1, max: 10000, value: "1", required: true });
    const endless = el("input", { id: "play-endless", type: "checkbox" });
    endless.addEventListener("change", () => (loops.disabled = endless.checked));
    const choices = legs.length > 1 ? [["Both", legs], ...legs.map((leg) => [leg.name, [leg]])] : [["", legs]];
    const answer = el("div.answer");
    let chosen = legs;
    const choice = ([name, some], place) => {
      const it = el("input", { type: "radio", name: "play-to", id: `play-to-${place}`, checked: place === 0 });
      it.addEventListener("change", () => (chosen = some));
      return el("label.choice", { for: it.id }, it, name);
    };
    const send = async (body, done) => {
      try {
        await Promise.all(chosen.map(({ call }) => post(`v1/calls/${encodeURIComponent(call.id)}/play`, body)));
        note(`${done} ${chosen.map(({ call }) => peer(call)).join(" and ")}`, "", "good");
        close();
      } catch (error) {
        const told = advice(error);
        fill(answer, trouble(told));
        speak(`${told.title}. ${told.text}`);
      }
    };
    const begin = (event) => {
      event.preventDefault();
      send({ play: what.value.trim(), loops: endless.checked ? null : Number(loops.value) }, `Playing ${what.value.trim()} to`);
    };
    return [
      el("form.stack", { onsubmit: begin },
        choices.length > 1 ? el("fieldset.modes", {}, el("legend.unseen", {}, "Play to"), choices.map(choice)) : null,
        field("What", what, "a file beside robot.toml, or a tone: us-ring, or %(on,off,Hz) in milliseconds"),
        el("datalist", { id: "play-tones" }, TONES.map((each) => el("option", { value: each }))),
        el("div.pair.level", {}, field("Times", loops), el("label.check", { for: "play-endless" }, endless, "Until it is stopped")),
        el("div.row", {}, el("button.main", { type: "submit" }, "Play"), button("Stop what plays", () => send({ stop: true }, "Nothing is played any more to")))),
      answer,
    ];
  }); // prettier-ignore
}
