// Deploy: what differs from the version that runs, a summary, and then this draft or nothing.

import { toast } from "../toasts.ts";
import { ask, type Diagnostic, inWords } from "./api.ts";
import { announce, byId, element } from "./dom.ts";
import { showDiff } from "./diffs.ts";
import type { Draft } from "./drafts.ts";
import type { monaco } from "./monaco.ts";
import type { PageState } from "./page.ts";

interface Version {
    number: number;
    source: string;
}

interface Deployed {
    version: { number: number };
    is_pure: boolean;
    impure_reason: string | null;
    warnings: Diagnostic[];
}

interface SettingDiff {
    setting: string;
    from: unknown;
    to: unknown;
}

/** What deploying needs of the page around it. */
export interface DeployOptions {
    page: PageState;
    draft: Draft;
    source: () => string;
}

/** The dialog. */
export class DeployDialog {
    #options: DeployOptions;
    #dialog = byId<HTMLDialogElement>("deploy-dialog");
    #summary = byId<HTMLInputElement>("deploy-summary");
    #error = byId("deploy-error");
    #send = byId<HTMLButtonElement>("deploy-send");
    #diff: monaco.editor.IStandaloneDiffEditor | null = null;

    constructor(options: DeployOptions) {
        this.#options = options;
        byId("deploy").addEventListener("click", () => void this.open());
        this.#dialog.querySelector("form")?.addEventListener("submit", (event) => {
            event.preventDefault();
            void this.#deploy();
        });
        this.#dialog.addEventListener("close", () => {
            this.#diff?.dispose();
            this.#diff = null;
        });
    }

    /** Save the draft, and show what would be deployed. */
    async open(): Promise<void> {
        const { page, draft } = this.#options;
        if (this.#dialog.open) return;
        const saved = await draft.save();
        if (!page.may.deploy) {
            toast(saved ? "The draft is saved. Deploying needs the permission scripts.deploy." : "The draft could not be saved.", { kind: "info" });
            return;
        }
        if (!saved) {
            const state = draft.state;
            toast(state.kind === "refused" ? state.why : "The draft could not be saved: the bar below says why.", { kind: "danger" });
            return;
        }
        this.#complain(null);
        this.#dialog.showModal();
        await this.#showChanges();
        this.#summary.focus();
    }

    async #showChanges(): Promise<void> {
        const { page, source } = this.#options;
        const view = byId("deploy-diff");
        const about = byId("deploy-about");
        const settings = byId("deploy-settings");
        settings.replaceChildren();
        view.replaceChildren();
        if (page.deployed === null) {
            view.hidden = true;
            about.textContent = `${page.script.name} has never run. This becomes version 1, with your rights.`;
            return;
        }
        const [version, diff] = await Promise.all([
            ask<Version>(`/api/v1/scripts/${page.script.id}/versions/${page.deployed}`),
            ask<{ settings: SettingDiff[] }>(`/api/v1/scripts/${page.script.id}/versions/${page.deployed}/diff?against=draft`),
        ]);
        if (!version.ok) {
            view.hidden = true;
            about.textContent = `Version ${page.deployed} could not be read: ${inWords(version.problem)}`;
            return;
        }
        const isSame = version.value.source === source();
        view.hidden = isSame;
        about.textContent = isSame
            ? `The source is the one of version ${page.deployed}, which runs already.`
            : `What differs from version ${page.deployed}, which runs now. From then on it runs with your rights.`;
        if (diff.ok) settings.replaceChildren(...diff.value.settings.map(settingRow));
        if (isSame || !this.#dialog.open) return;
        this.#diff = showDiff(view, { label: `Version ${page.deployed}`, source: version.value.source }, { label: "Draft", source: source() });
    }

    async #deploy(): Promise<void> {
        const { page, draft } = this.#options;
        this.#send.disabled = true;
        this.#send.setAttribute("aria-busy", "true");
        const answer = await ask<Deployed>(`/api/v1/scripts/${page.script.id}/deploy`, {
            method: "POST",
            ifMatch: draft.tag,
            body: { change_summary: this.#summary.value.trim() },
        });
        this.#send.disabled = false;
        this.#send.removeAttribute("aria-busy");
        if (!answer.ok) {
            const stale = answer.problem.code === "stale";
            this.#complain(stale ? "Somebody saved another draft meanwhile. Close this, and the editor shows both." : inWords(answer.problem));
            if (stale) void draft.save();
            return;
        }
        this.#done(answer.value);
    }

    #done(deployed: Deployed): void {
        const { page } = this.#options;
        page.deployed = deployed.version.number;
        this.#summary.value = "";
        this.#dialog.close();
        const state = document.getElementById("deployed-state");
        state?.replaceChildren(element("a", { href: `/scripts/${page.script.id}/versions` }, `Version ${page.deployed} runs`));
        const words = `Version ${page.deployed} runs now.`;
        toast(words);
        announce(words);
    }

    #complain(why: string | null): void {
        this.#error.hidden = why === null;
        this.#error.textContent = why ?? "";
    }
}

function settingRow({ setting, from, to }: SettingDiff): HTMLElement {
    const words = (value: unknown) => (value === null ? "as everywhere" : JSON.stringify(value));
    return element("li", {}, element("code", {}, setting), `: ${words(from)} → ${words(to)}`);
}
