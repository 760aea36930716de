// What the pages of a script run: the editor on the code's page, and the differences on that of the versions.

import "../../styles/editor.css";
import { showDiff } from "./diffs.ts";
import { maybe } from "./dom.ts";
import { prepareWorkers } from "./monaco.ts";
import { EDITOR_WIDTH_MIN, pageState } from "./page.ts";
import { followTheme } from "./themes.ts";
import { prepareTypes } from "./types.ts";
import { startWorkbench } from "./workbench.ts";

const wide = matchMedia(`(min-width: ${EDITOR_WIDTH_MIN}px)`);

/** Start once the window is wide enough; below that the source is there to be read. */
function whenWide(start: () => void): void {
    if (wide.matches) start();
    else wide.addEventListener("change", () => wide.matches && start(), { once: true });
}

/** Keys as this computer names them. */
function nameKeys(): void {
    if (!/mac|iphone|ipad/i.test(navigator.platform)) return;
    for (const key of document.querySelectorAll<HTMLElement>("kbd[data-mod]")) key.textContent = `⌘ ${key.textContent.replace("Ctrl ", "")}`;
}

nameKeys();

const page = pageState();
const versions = maybe("version-diff");

if (page || versions) {
    whenWide(() => {
        prepareWorkers();
        followTheme();
        if (page) {
            prepareTypes();
            startWorkbench(page);
        }
        if (versions) showVersions(versions);
    });
}

/** The sources of two versions side by side, in place of the differences as text. */
function showVersions(root: HTMLElement): void {
    const sides = JSON.parse(root.dataset["sides"] ?? "[]") as { label: string; source: string }[];
    const [left, right] = sides;
    if (!left || !right) return;
    root.replaceChildren();
    root.classList.add("diff-view");
    showDiff(root, left, right);
}
