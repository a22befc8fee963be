// The settings of the conversation: system prompt, sampling, length, repetition, format and token probabilities.

import { element } from "./dom.js";
import { icon } from "./icons.js";
import { mostAlternatives, numberParameters, numberProblem, schemaProblem, stopProblem } from "./parameters.js";

const schemaExample = `{
  "type": "object",
  "properties": {
    "name": { "type": "string" },
    "year": { "type": "integer" }
  },
  "required": ["name", "year"]
}`;

export class Panel {
  #form;
  #settings = null;
  #changed;
  #fields = new Map();

  /** Builds the form's fields; `changed` is called after each change that is in range. */
  constructor(form, changed) {
    this.#form = form;
    this.#changed = changed;
    form.addEventListener("submit", (event) => event.preventDefault());
    form.append(
      this.#text("system", "System prompt", 4, "Said to the model before everything else."),
      ...this.#group("Sampling", "sampling"),
      ...this.#group(
        "Length",
        "length",
        this.#text(
          "stop",
          "Stop strings",
          2,
          "One a line, at most four; \\n is a line end. The answer ends before the first.",
        ),
      ),
      ...this.#group("Repetition", "repetition"),
      this.#formatGroup(),
      this.#probabilityGroup(),
      element(
        "p",
        { class: "panel-end" },
        element(
          "button",
          { type: "button", class: "outlined", on: { click: () => this.#reset() } },
          icon("repeat"),
          element("span", {}, "Back to the defaults"),
        ),
      ),
    );
  }

  /** Shows these settings and changes them from now on. */
  show(settings) {
    this.#settings = settings;
    for (const field of this.#fields.values()) field.show(settings);
  }

  /** Puts the keyboard on the field of that request parameter. */
  focus(name) {
    const known = { response_format: "format", top_logprobs: "alternatives", logprobs: "probabilities" }[name] ?? name;
    const field = this.#fields.get(known) ?? this.#fields.get("system");
    field.input.focus();
    field.input.scrollIntoView({ block: "center" });
  }

  #reset() {
    this.#settings.numbers = {};
    Object.assign(this.#settings, { stop: "", format: "text", probabilities: false, alternatives: 5 });
    this.show(this.#settings);
    this.#changed();
  }

  #register(name, input, show) {
    this.#fields.set(name, { input, show });
  }

  #text(name, label, rows, help) {
    const id = `setting-${name}`;
    const input = element("textarea", {
      id,
      rows,
      spellcheck: name === "system" ? "true" : "false",
      "aria-describedby": `${id}-help`,
    });
    const problem = element("p", { class: "problem", role: "alert" });
    input.addEventListener("input", () => {
      this.#settings[name] = input.value;
      problem.textContent = (name === "stop" && stopProblem(input.value)) || "";
      this.#changed();
    });
    this.#register(name, input, (settings) => {
      input.value = settings[name];
      problem.textContent = (name === "stop" && stopProblem(input.value)) || "";
    });
    return element(
      "div",
      { class: "field" },
      element("label", { for: id }, label),
      input,
      element("p", { class: "help", id: `${id}-help` }, help),
      problem,
    );
  }

  #group(title, group, ...more) {
    const rows = numberParameters.filter((parameter) => parameter.group === group).map((parameter) =>
      this.#number(parameter)
    );
    return [element("fieldset", {}, element("legend", {}, title), ...rows, ...more)];
  }

  #number(parameter) {
    const { name, label, least, most, step, usual = "default", help, slide, rest } = parameter;
    const id = `setting-${name}`;
    const input = element("input", {
      id,
      type: "number",
      min: least,
      max: most,
      step: parameter.whole ? step : "any",
      placeholder: usual,
      inputmode: "decimal",
      autocomplete: "off",
      "aria-describedby": `${id}-help`,
    });
    const slider = slide
      ? element("input", { type: "range", min: least, max: most, step, "aria-label": `${label}, slider` })
      : null;
    const clear = element("button", {
      type: "button",
      class: "tool clear",
      "aria-label": `Unset ${label}`,
      title: "Unset",
    }, icon("close"));
    const problem = element("p", { class: "problem", role: "alert" });
    const row = element(
      "div",
      { class: "field number" },
      element("label", { for: id }, label),
      clear,
      input,
      slider,
      element("p", { class: "help", id: `${id}-help` }, help),
      problem,
    );
    const reflect = (value) => {
      row.classList.toggle("set", value !== undefined);
      clear.hidden = value === undefined;
      if (slider) slider.value = String(value ?? rest);
    };
    const set = (value) => {
      const message = value === undefined ? null : numberProblem(parameter, value);
      problem.textContent = message ?? "";
      input.setAttribute("aria-invalid", String(message !== null));
      if (message !== null) return;
      if (value === undefined) delete this.#settings.numbers[name];
      else this.#settings.numbers[name] = value;
      reflect(value);
      this.#changed();
    };
    input.addEventListener("input", () => {
      if (input.validity.badInput) set(Number.NaN);
      else set(input.value === "" ? undefined : Number(input.value));
    });
    slider?.addEventListener("input", () => {
      input.value = slider.value;
      set(Number(slider.value));
    });
    clear.addEventListener("click", () => {
      input.value = "";
      set(undefined);
      input.focus();
    });
    this.#register(name, input, (settings) => {
      const value = settings.numbers[name];
      input.value = value === undefined ? "" : String(value);
      input.setAttribute("aria-invalid", "false");
      problem.textContent = "";
      reflect(value);
    });
    return row;
  }

  #formatGroup() {
    const select = element(
      "select",
      { id: "setting-format" },
      element("option", { value: "text" }, "Text"),
      element("option", { value: "json_object" }, "JSON object"),
      element("option", { value: "json_schema" }, "JSON after a schema"),
    );
    const schema = element("textarea", {
      id: "setting-schema",
      rows: 8,
      spellcheck: "false",
      class: "mono",
      placeholder: schemaExample,
    });
    const problem = element("p", { class: "problem", role: "alert" });
    const schemaField = element(
      "div",
      { class: "field" },
      element("label", { for: "setting-schema" }, "JSON Schema"),
      schema,
      problem,
    );
    const reflect = () => {
      schemaField.hidden = select.value !== "json_schema";
      problem.textContent = (select.value === "json_schema" && schemaProblem(schema.value)) || "";
    };
    select.addEventListener("change", () => {
      this.#settings.format = select.value;
      if (select.value === "json_schema" && schema.value.trim() === "") {
        schema.value = schemaExample;
        this.#settings.schema = schemaExample;
      }
      reflect();
      this.#changed();
    });
    schema.addEventListener("input", () => {
      this.#settings.schema = schema.value;
      reflect();
      this.#changed();
    });
    this.#register("format", select, (settings) => {
      select.value = settings.format;
      schema.value = settings.schema;
      reflect();
    });
    this.#register("schema", schema, () => {});
    return element(
      "fieldset",
      {},
      element("legend", {}, "Format"),
      element("div", { class: "field" }, element("label", { for: "setting-format" }, "The answer is"), select),
      schemaField,
    );
  }

  #probabilityGroup() {
    const box = element("input", {
      id: "setting-probabilities",
      type: "checkbox",
      "aria-describedby": "setting-probabilities-help",
    });
    const number = element("input", {
      id: "setting-alternatives",
      type: "number",
      min: 0,
      max: mostAlternatives,
      step: 1,
    });
    const numberField = element(
      "div",
      { class: "field number set" },
      element("label", { for: "setting-alternatives" }, "Alternatives"),
      number,
    );
    box.addEventListener("change", () => {
      this.#settings.probabilities = box.checked;
      numberField.hidden = !box.checked;
      this.#changed();
    });
    number.addEventListener("input", () => {
      const value = Number(number.value);
      const valid = number.value !== "" && Number.isInteger(value) && value >= 0 && value <= mostAlternatives;
      number.setAttribute("aria-invalid", String(!valid));
      if (!valid) return;
      this.#settings.alternatives = value;
      this.#changed();
    });
    this.#register("probabilities", box, (settings) => {
      box.checked = settings.probabilities;
      number.value = String(settings.alternatives);
      numberField.hidden = !settings.probabilities;
    });
    this.#register("alternatives", number, () => {});
    return element(
      "fieldset",
      {},
      element("legend", {}, "Token probabilities"),
      element(
        "div",
        { class: "field check" },
        box,
        element("label", { for: "setting-probabilities" }, "Colour tokens by probability"),
      ),
      element(
        "p",
        { class: "help", id: "setting-probabilities-help" },
        "From the next answer on. Hover a token, or walk with the arrow keys, to see what else it could have been.",
      ),
      numberField,
    );
  }
}
