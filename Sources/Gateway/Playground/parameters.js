// What can be set on a request, and the request that follows from it. A parameter left empty is not sent, so the
// node's own default applies. `rest` is where an unset slider stands, OpenAI's documented default.

/** @typedef {{ name: string, label: string, least: number, most: number, step: number, help: string, usual?: string,
 *              group: string, whole?: boolean, slide?: boolean, rest?: number, extension?: boolean }} NumberParameter */

/** @type {NumberParameter[]} */
export const numberParameters = [
  {
    name: "temperature",
    label: "Temperature",
    least: 0,
    most: 2,
    step: 0.05,
    rest: 1,
    slide: true,
    group: "sampling",
    help: "Lower is steadier, higher is more varied. 0 always takes the likeliest token.",
  },
  {
    name: "top_p",
    label: "Top p",
    least: 0,
    most: 1,
    step: 0.01,
    rest: 1,
    slide: true,
    group: "sampling",
    help: "Keeps the likeliest tokens that together reach this probability.",
  },
  {
    name: "min_p",
    label: "Min p",
    least: 0,
    most: 1,
    step: 0.01,
    rest: 0,
    slide: true,
    group: "sampling",
    extension: true,
    help: "Drops tokens less likely than this share of the likeliest one.",
  },
  {
    name: "top_k",
    label: "Top k",
    least: 0,
    most: 1000,
    step: 1,
    whole: true,
    group: "sampling",
    extension: true,
    help: "Keeps this many of the likeliest tokens. 0 keeps all.",
  },
  {
    name: "typical_p",
    label: "Typical p",
    least: 0,
    most: 1,
    step: 0.01,
    group: "sampling",
    extension: true,
    help: "Keeps tokens whose surprise is near the expected one.",
  },
  {
    name: "seed",
    label: "Seed",
    least: 0,
    most: 2147483647,
    step: 1,
    usual: "random",
    whole: true,
    group: "sampling",
    help: "The same seed and request give the same answer.",
  },
  {
    name: "max_tokens",
    label: "Max tokens",
    least: 1,
    most: 131072,
    step: 1,
    whole: true,
    group: "length",
    help: "The answer ends after this many tokens.",
  },
  {
    name: "frequency_penalty",
    label: "Frequency penalty",
    least: -2,
    most: 2,
    step: 0.1,
    group: "repetition",
    help: "Grows with each use of a token.",
  },
  {
    name: "presence_penalty",
    label: "Presence penalty",
    least: -2,
    most: 2,
    step: 0.1,
    group: "repetition",
    help: "Applies once a token has been used.",
  },
  {
    name: "repetition_penalty",
    label: "Repetition penalty",
    least: 0.01,
    most: 2,
    step: 0.05,
    group: "repetition",
    extension: true,
    help: "Divides the score of tokens already seen. 1 is off.",
  },
];

/** Fields outside OpenAI's API, which its SDKs send through an extra body. */
export const extensionNames = numberParameters.filter((parameter) => parameter.extension).map(({ name }) => name);

export const mostStops = 4;
export const mostAlternatives = 20;

/** The settings of a new conversation. */
export function freshSettings() {
  return {
    model: "",
    system: "",
    numbers: {},
    stop: "",
    format: "text",
    schema: "",
    probabilities: false,
    alternatives: 5,
  };
}

/** Reads settings that come from storage or from a file, keeping only what is known and in range. */
export function checkedSettings(value) {
  const settings = freshSettings();
  if (!value || typeof value !== "object") return settings;
  for (const name of ["model", "system", "stop", "schema"]) {
    if (typeof value[name] === "string") settings[name] = value[name].slice(0, 100_000);
  }
  if (["text", "json_object", "json_schema"].includes(value.format)) settings.format = value.format;
  settings.probabilities = value.probabilities === true;
  if (Number.isInteger(value.alternatives)) {
    settings.alternatives = Math.min(mostAlternatives, Math.max(0, value.alternatives));
  }
  for (const parameter of numberParameters) {
    const number = value.numbers?.[parameter.name];
    if (number !== undefined && numberProblem(parameter, number) === null) settings.numbers[parameter.name] = number;
  }
  return settings;
}

/** What is wrong with this number for this parameter, or null. */
export function numberProblem(parameter, number) {
  if (typeof number !== "number" || !Number.isFinite(number)) return `${parameter.label} must be a number.`;
  if (parameter.whole && !Number.isInteger(number)) return `${parameter.label} must be a whole number.`;
  if (number < parameter.least || number > parameter.most) {
    return `${parameter.label} must lie between ${parameter.least} and ${parameter.most}.`;
  }
  return null;
}

/** Stop strings, one a line; \n and \t stand for a line end and a tab. */
export function stopStrings(text) {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.replace(/\\([nt\\])/g, (_, letter) => ({ n: "\n", t: "\t", "\\": "\\" })[letter]));
}

/** What is wrong with the stop strings, or null. */
export function stopProblem(text) {
  const count = stopStrings(text).length;
  return count > mostStops ? `At most ${mostStops} stop strings can be sent; these are ${count}.` : null;
}

/** What is wrong with the schema, or null. */
export function schemaProblem(text) {
  if (text.trim() === "") return "Write a JSON Schema, or choose another format.";
  try {
    const schema = JSON.parse(text);
    const isObject = schema && typeof schema === "object" && !Array.isArray(schema);
    return isObject ? null : "A JSON Schema is a JSON object.";
  } catch (error) {
    return `The schema is not valid JSON: ${error.message}`;
  }
}

/** The first thing that keeps these settings from being sent, as `{ field, message }`, or null. */
export function settingsProblem(settings) {
  const stop = stopProblem(settings.stop);
  if (stop) return { field: "stop", message: stop };
  if (settings.format !== "json_schema") return null;
  const schema = schemaProblem(settings.schema);
  return schema ? { field: "schema", message: schema } : null;
}

/** The body of the request for these settings and messages (`{ role, content }`). */
export function requestBody(settings, messages) {
  const body = { model: settings.model, messages: [] };
  if (settings.system.trim() !== "") body.messages.push({ role: "system", content: settings.system });
  body.messages.push(...messages);
  for (const { name } of numberParameters) {
    if (settings.numbers[name] !== undefined) body[name] = settings.numbers[name];
  }
  const stop = stopStrings(settings.stop);
  if (stop.length > 0) body.stop = stop;
  if (settings.format === "json_object") body.response_format = { type: "json_object" };
  if (settings.format === "json_schema" && schemaProblem(settings.schema) === null) {
    body.response_format = {
      type: "json_schema",
      json_schema: { name: "answer", strict: true, schema: JSON.parse(settings.schema) },
    };
  }
  if (settings.probabilities) {
    body.logprobs = true;
    body.top_logprobs = settings.alternatives;
  }
  body.stream = true;
  body.stream_options = { include_usage: true };
  return body;
}
