// The command palette (Ctrl or ⌘ K): pages of the navigation, what this page can do, and what the server finds.

import { all, byId, find, icon, make, on } from "./dom.ts";
import { open } from "./dialogs.ts";
import { fits } from "./matching.ts";

/** How long somebody pauses in typing before the server is asked. */
const PAUSE_MS = 120;

/** One line of the palette. */
interface Command {
    group: string;
    text: string;
    icon: Node | null;
    hint: string;
    run: () => void;
}

let asked: AbortController | undefined;

/** Listens to the keys and buttons that open it. */
export function startPalette(): void {
    const dialog = byId("palette");
    if (!(dialog instanceof HTMLDialogElement)) return;
    const { input, list } = build(dialog);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const toggle = (): void => {
        if (dialog.open) return dialog.close();
        input.value = "";
        show(list, input, own(""));
        open(dialog);
        input.focus();
    };
    addEventListener("keydown", (event) => {
        if (event.key.toLowerCase() !== "k" || event.altKey || event.shiftKey || !(event.ctrlKey || event.metaKey)) return;
        event.preventDefault();
        // The editor would take it for the first of two keys.
        event.stopPropagation();
        toggle();
    }, { capture: true });
    on("click", ".palette-open", toggle);
    input.addEventListener("input", () => {
        show(list, input, own(input.value));
        clearTimeout(timer);
        timer = setTimeout(() => void ask(input, list), PAUSE_MS);
    });
    input.addEventListener("keydown", (event) => move(event, input, list));
    if (/mac|iphone|ipad/i.test(navigator.platform)) for (const key of all(".palette-open kbd")) key.textContent = "⌘ K";
}

/** Fills the page's empty dialog. */
function build(dialog: HTMLDialogElement): { input: HTMLInputElement; list: HTMLElement } {
    const list = make("div", { class: "palette-list", role: "listbox", id: "palette-list", "aria-label": "Found" });
    const input = make("input", {
        type: "text",
        placeholder: "Go to a page, a script, an execution by its id, or do something",
        role: "combobox",
        "aria-label": "Search and commands",
        "aria-expanded": "true",
        "aria-controls": "palette-list",
        autocomplete: "off",
        spellcheck: "false",
    });
    const foot = make("div", { class: "palette-foot", "aria-hidden": "true" });
    for (const [key, does] of [["↑↓", "choose"], ["↵", "open"], ["Esc", "close"]] as const) foot.append(make("span", {}, make("kbd", {}, key), ` ${does}`));
    dialog.replaceChildren(make("div", { class: "palette-input" }, icon("search"), input), list, foot);
    return { input, list };
}

/** What the page itself knows: its actions, then its navigation. */
function own(text: string): Command[] {
    const actions = all("[data-palette]").filter((element) => element.checkVisibility()).map((element) => commandOf(element, "On this page", element.dataset["palette"]));
    const places = all(".side nav a, .user-menu a").map((element) => commandOf(element, "Go to"));
    const themes = all("[data-theme-choice]").map((element) => commandOf(element, "Colours", `Colours: ${element.dataset["themeChoice"] ?? ""}`));
    return [...actions, ...places, ...(text.trim() ? themes : [])].filter((command) => fits(command.text, text));
}

function commandOf(element: HTMLElement, group: string, words?: string): Command {
    const drawn = find<SVGSVGElement>("svg.icon", element)?.cloneNode(true) ?? null;
    const hint = find(":scope > :is(.muted, small)", element)?.textContent.trim() ?? "";
    const text = (words || element.textContent).trim();
    return { group, text: hint && !words ? text.slice(0, -hint.length).trim() : text, icon: drawn, hint, run: () => element.click() };
}

/** Adds what the server finds: links to scripts, and to an execution by its id. */
async function ask(input: HTMLInputElement, list: HTMLElement): Promise<void> {
    asked?.abort();
    const text = input.value.trim();
    if (!text) return;
    asked = new AbortController();
    try {
        const response = await fetch(`/palette?q=${encodeURIComponent(text)}`, { signal: asked.signal, headers: { Accept: "text/html" } });
        if (!response.ok) return;
        // A document of its own: nothing in it runs, and only its links' texts and addresses are taken.
        const found = new DOMParser().parseFromString(await response.text(), "text/html");
        const links = all<HTMLAnchorElement>("a[href]", found).map((link): Command => {
            const command = commandOf(link, "Found");
            const address = link.getAttribute("href") ?? "";
            return { ...command, run: () => /^\/(?!\/)/.test(address) && location.assign(address) };
        });
        show(list, input, [...links, ...own(input.value)]);
    } catch {
        // Typed on, or nobody answers: what the page knows is shown.
    }
}

function show(list: HTMLElement, input: HTMLInputElement, commands: Command[]): void {
    list.replaceChildren();
    let group = "";
    commands.forEach((command, index) => {
        if (command.group !== group) {
            group = command.group;
            list.append(make("div", { class: "palette-title", role: "presentation" }, group));
        }
        const option = make("div", { role: "option", id: `palette-${index}`, "aria-selected": "false" });
        option.append(command.icon ?? icon("arrow-right"), make("span", { class: "truncate" }, command.text));
        if (command.hint) option.append(make("small", {}, command.hint));
        option.addEventListener("click", () => {
            input.closest("dialog")?.close();
            command.run();
        });
        option.addEventListener("pointermove", () => select(list, input, option));
        list.append(option);
    });
    if (commands.length === 0) list.append(make("p", { class: "palette-none" }, "Nothing is called so."));
    select(list, input, find("[role=option]", list));
}

function select(list: HTMLElement, input: HTMLInputElement, option: HTMLElement | null): void {
    for (const other of all("[aria-selected=true]", list)) other.setAttribute("aria-selected", "false");
    option?.setAttribute("aria-selected", "true");
    if (option) input.setAttribute("aria-activedescendant", option.id);
    else input.removeAttribute("aria-activedescendant");
}

function move(event: KeyboardEvent, input: HTMLInputElement, list: HTMLElement): void {
    const options = all("[role=option]", list);
    const at = options.findIndex((option) => option.ariaSelected === "true");
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        const step = event.key === "ArrowDown" ? 1 : -1;
        const next = options[(at + step + options.length) % options.length] ?? null;
        select(list, input, next);
        next?.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter") {
        event.preventDefault();
        options[at]?.click();
    }
}
