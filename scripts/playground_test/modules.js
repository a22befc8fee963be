// The page's modules by themselves, imported as the page imports them: what is hard to reach through the page.
// One expression: each entry's function gives [found, expected]. Evaluated in the page by modules.py.

({
  "events are found however the bytes are cut": async () => {
    const { EventParser } = await import("/playground/stream.js");
    const found = new Set();
    for (const end of ["\n", "\r\n", "\r"]) {
      const text = [": hello", "", "data: a", "data:b", "id: 3", "", "event: x", "data:", "", "", "data: ü☂", "", ""]
        .join(end);
      for (let cut = 0; cut <= text.length; cut += 1) {
        const parser = new EventParser();
        const events = [
          ...parser.push(text.slice(0, cut)),
          ...parser.push(text.slice(cut)),
          ...parser.push("data: z\n\n"),
        ];
        found.add(JSON.stringify(events));
      }
    }
    return [[...found], ['["a\\nb","","ü☂","z"]']];
  },

  "an event without an end is refused in time": async () => {
    const { EventParser } = await import("/playground/stream.js");
    const parser = new EventParser();
    let pushes = 0;
    try {
      for (; pushes < 100; pushes += 1) parser.push("data: " + "x".repeat(100000));
    } catch (error) {
      return [error.name, "RangeError"];
    }
    return [pushes, "an error"];
  },

  "only what was set is sent": async () => {
    const { freshSettings, requestBody } = await import("/playground/parameters.js");
    const settings = { ...freshSettings(), model: "m", system: " " };
    const plain = requestBody(settings, [{ role: "user", content: "x" }]);
    Object.assign(settings, { numbers: { top_k: 0, temperature: 0 }, stop: "a\\nb\n\nc", probabilities: true });
    const full = requestBody(settings, []);
    return [
      [Object.keys(plain), full.top_k, full.temperature, full.stop, full.top_logprobs],
      [["model", "messages", "stream", "stream_options"], 0, 0, ["a\nb", "c"], 5],
    ];
  },

  "settings from a file keep only what is known and in range": async () => {
    const { checkedSettings, freshSettings } = await import("/playground/parameters.js");
    const read = checkedSettings({
      numbers: { temperature: 9, top_p: 0.5, seed: 1.5, other: 1 },
      format: "xml",
      alternatives: 99,
      model: 7,
      probabilities: "yes",
    });
    return [[read, checkedSettings(null)], [
      { ...freshSettings(), numbers: { top_p: 0.5 }, alternatives: 20 },
      freshSettings(),
    ]];
  },

  "speed is the node's own, or measured after the first token": async () => {
    const { Stopwatch } = await import("/playground/metrics.js");
    let now = 0;
    const watch = new Stopwatch(() => now);
    for (now = 100; now <= 600; now += 50) watch.piece();
    const measured = watch.figures(true);
    watch.note({ usage: { prompt_tokens: 7, completion_tokens: 11 }, timings: { predicted_per_second: 33.5 } });
    const told = watch.figures(true);
    return [[measured.firstTokenMs, measured.tokensPerSecond, told.tokensPerSecond, told.promptTokens], [
      100,
      20,
      33.5,
      7,
    ]];
  },

  "parts of characters are shown as their bytes": async () => {
    const { bandOf, percent, readTokens } = await import("/playground/logprobs.js");
    const [token] = readTokens({ content: [{ token: "\uFFFD", bytes: [240, 159], logprob: -0.5, top_logprobs: [] }] });
    return [[token, bandOf(0.95).id, bandOf(0).id, percent(1), percent(0.0312), percent(0.00001)], [
      ["‹f0›‹9f›", -0.5, []],
      "sure",
      "surprising",
      "100 %",
      "3.1 %",
      "< 0.1 %",
    ]];
  },

  "Markdown becomes the elements that it means": async () => {
    const { drawMarkdown } = await import("/playground/markdown.js");
    const draw = (text) => {
      const node = document.createElement("div");
      drawMarkdown(node, text);
      return node.innerHTML;
    };
    return [
      [
        draw("# A\n**b** *c* `d` ~~e~~ snake_case_name 2 * 3 * 4"),
        draw("1. a\n   - b\n2. c"),
        draw("- [x] y").includes("☑"),
        draw("| a | b |\n|:--|--:|\n| 1 | 2 |").match(/align-\w+/g),
        draw("> q\n\n---"),
      ],
      [
        "<h3>A</h3><p><strong>b</strong> <em>c</em> <code>d</code> <s>e</s> snake_case_name 2 * 3 * 4</p>",
        "<ol><li>a<ul><li>b</li></ul></li><li>c</li></ol>",
        true,
        ["align-start", "align-end", "align-start", "align-end"],
        "<blockquote><p>q</p></blockquote><hr>",
      ],
    ];
  },

  "long and contrary Markdown is drawn in bounded time": async () => {
    const { drawMarkdown } = await import("/playground/markdown.js");
    const start = performance.now();
    for (
      const text of [
        "*a ".repeat(20000),
        "[a](".repeat(20000),
        ">".repeat(20000),
        "**_".repeat(9000),
        "|".repeat(20000) + "\n" + "|-".repeat(900),
        "- ".repeat(20000) + "a",
        "`".repeat(20000),
        "a\n".repeat(40000),
        "```swift\n" + '"'.repeat(20000),
      ]
    ) {
      drawMarkdown(document.createElement("div"), text);
    }
    return [performance.now() - start < 20000, true];
  },
});
