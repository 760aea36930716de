// The frame: navigation that folds, menus that close, and addresses with something behind `#` that is for no log.

import { call } from "./api.ts";
import { all, each, find, on } from "./dom.ts";
import { memberOf } from "./fields.ts";

/** Listens to what belongs to every page. */
export function startFrame(): void {
    startSide();
    startMenus();
    // Links that end in a secret have it behind `#`, which browsers send to nobody.
    each<HTMLFormElement>("form[data-from-hash]", (form) => {
        const field = form.elements.namedItem(form.dataset["fromHash"] ?? "");
        if (field instanceof HTMLInputElement) field.value = decodeURIComponent(location.hash.slice(1));
    });
    each("[data-preview]", (region) => void preview(region));
}

/** The navigation of narrow windows. */
function startSide(): void {
    const set = (isOpen: boolean): void => {
        document.body.dataset["side"] = isOpen ? "open" : "";
        for (const button of all("[data-side]:is(button)")) button.setAttribute("aria-expanded", String(isOpen));
    };
    on("click", "button[data-side]", () => {
        const isOpen = document.body.dataset["side"] !== "open";
        set(isOpen);
        if (isOpen) find(".side a")?.focus();
    });
    on("click", "body[data-side=open]", (_, event) => {
        const isInside = event.target instanceof Element && event.target.closest(".side, button[data-side]");
        if (!isInside) set(false);
    });
    addEventListener("keydown", (event) => {
        if (event.key !== "Escape" || document.body.dataset["side"] !== "open") return;
        set(false);
        find("button[data-side]")?.focus();
    });
}

const MENUS = "details:is(.menu, .user-menu, .tenant-switch)";

/** A menu closes when something else is pressed, when it is left, and by Escape. */
function startMenus(): void {
    const closeOthers = (target: EventTarget | null): void => {
        for (const menu of all<HTMLDetailsElement>(`${MENUS}[open]`)) {
            if (!(target instanceof Node && menu.contains(target))) menu.open = false;
        }
    };
    document.addEventListener("pointerdown", (event) => closeOthers(event.target));
    document.addEventListener("focusin", (event) => closeOthers(event.target));
    addEventListener("keydown", (event) => {
        const menu = find<HTMLDetailsElement>(`${MENUS}[open]`);
        if (event.key !== "Escape" || !menu) return;
        menu.open = false;
        find("summary", menu)?.focus();
    });
    // What was chosen in it closes it, once it was done.
    on("click", `${MENUS} .popover :is(a, button)`, (item) => {
        const menu = item.closest<HTMLDetailsElement>(MENUS);
        if (menu && !item.matches("[data-theme-choice]")) setTimeout(() => (menu.open = false));
    });
}

/** Shows what a link's secret stands for, in places that name the answer's members. */
async function preview(region: HTMLElement): Promise<void> {
    const [method = "POST", path = ""] = (region.dataset["preview"] ?? "").split(" ");
    const name = region.dataset["fromHash"] ?? "secret";
    const answer = await call(method, path, { body: { [name]: decodeURIComponent(location.hash.slice(1)) } });
    if (answer.kind === "done") {
        for (const place of all("[data-field]", region)) place.textContent = String(memberOf(answer.value, place.dataset["field"] ?? "") ?? "");
        return;
    }
    region.setAttribute("role", "alert");
    region.className = "notice danger";
    region.textContent = answer.kind === "refused" ? answer.problem.detail : "The server did not answer. Read the page again.";
}
