// The list of conversations: open, rename, delete, bring in from a file and save to one.

import { limits, titleOf } from "./conversations.js";
import { byId, element, saveFile } from "./dom.js";
import { icon } from "./icons.js";
import { toast } from "./notices.js";

export class Sidebar {
  #chat;
  #list = byId("conversation-list");
  #opened;

  /** `opened` is called when a conversation has been chosen. */
  constructor(chat, opened) {
    this.#chat = chat;
    this.#opened = opened;
    byId("export").addEventListener("click", () => this.#export());
    byId("import").addEventListener("click", () => byId("import-file").click());
    byId("import-file").addEventListener("change", (event) => this.#import(event.target));
  }

  draw() {
    // A name that is being written is not taken away by a change elsewhere.
    if (this.#list.contains(document.activeElement) && document.activeElement.matches("input")) return;
    const focusedId = document.activeElement?.closest("#conversation-list [data-id]")?.dataset.id;
    const { conversation, store } = this.#chat;
    this.#list.replaceChildren(...store.all.map((item) => this.#row(item, item.id === conversation.id)));
    if (focusedId) this.#list.querySelector(`[data-id="${CSS.escape(focusedId)}"] button`)?.focus();
  }

  #row(conversation, current) {
    const title = titleOf(conversation);
    const running = this.#chat.isRunning(conversation.id);
    const open = element(
      "button",
      {
        type: "button",
        class: "open",
        title,
        "aria-current": current ? "true" : null,
        on: {
          click: () => {
            this.#chat.open(conversation.id);
            this.#opened();
          },
        },
      },
      running ? element("span", { class: "busy", role: "img", "aria-label": "Being answered:" }) : null,
      element("span", { class: "title" }, title),
    );
    const row = element("li", { "data-id": conversation.id, class: current ? "current" : null }, open);
    row.append(
      element("button", {
        type: "button",
        class: "tool",
        "aria-label": `Rename ${title}`,
        title: "Rename",
        on: { click: () => this.#rename(row, conversation) },
      }, icon("edit")),
      element("button", {
        type: "button",
        class: "tool",
        "aria-label": `Delete ${title}`,
        title: "Delete",
        on: { click: () => this.#remove(conversation) },
      }, icon("remove")),
    );
    return row;
  }

  #rename(row, conversation) {
    const field = element("input", { type: "text", maxlength: 120, "aria-label": "Name of the conversation" });
    field.value = titleOf(conversation);
    let done = false;
    const close = (keep) => {
      if (done) return;
      done = true;
      field.remove();
      if (keep) conversation.title = field.value.trim().slice(0, 120);
      this.#chat.store.save(conversation);
      this.draw();
      this.#list.querySelector(`[data-id="${conversation.id}"] button`)?.focus();
    };
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== "Escape") return;
      event.preventDefault();
      event.stopPropagation();
      close(event.key === "Enter" && !event.isComposing);
    });
    field.addEventListener("blur", () => close(true));
    row.replaceChildren(field);
    field.focus();
    field.select();
  }

  #remove(conversation) {
    const restore = this.#chat.remove(conversation.id);
    byId("new-conversation").focus();
    toast("Conversation deleted", { label: "Undo", press: restore });
  }

  #export() {
    if (this.#chat.store.all.length === 0) {
      toast("There is no conversation to export yet");
      return;
    }
    saveFile(
      `prsm-conversations-${new Date().toISOString().slice(0, 10)}.json`,
      "application/json",
      this.#chat.store.exported(),
    );
  }

  async #import(input) {
    const [file] = input.files;
    input.value = "";
    if (!file) return;
    try {
      if (file.size > limits.importBytes) {
        throw new Error("The file is over 20 MB. Choose one that this page exported.");
      }
      const count = this.#chat.store.import(await file.text());
      toast(count === 1 ? "One conversation added" : `${count} conversations added`);
    } catch (error) {
      toast(error.message);
    }
  }
}
