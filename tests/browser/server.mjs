// A server of its own for each file of tests: on free ports, with the sample tenant, and with people in each role.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = path.join(path.dirname(fileURLToPath(import.meta.url)), "../..");

/** The password of everybody in these tests. */
export const PASSWORD = "seven grey seals on a skerry";

/** Whoever made the deployment: admin of the sample tenant, and operator. */
export const OPERATOR = "operator@localhost";

/** The roles that a member is invited with; the address is the role's name. */
export const ROLES = ["admin", "editor", "runner", "viewer"];

/** A running server. */
export class Server {
    #process;
    #directory;
    #output = "";

    /** Starts one; it answers when this does. */
    static async start() {
        const binary = process.env.SKERRY_BINARY ?? path.join(ROOT, "target/release/skerry");
        if (!existsSync(binary)) throw new Error(`there is no ${binary}: './just browser' builds it`);
        const server = new Server();
        server.#directory = await mkdtemp(path.join(tmpdir(), "skerry-browser-"));
        // A webhook's address has to be one that may be reached; nothing is ever sent to it.
        await writeFile(path.join(server.#directory, "skerry.toml"), '[egress]\nhosts = ["*"]\n');
        await server.#spawn(binary, "127.0.0.1:0", "127.0.0.1:0");
        server.token = (await readFile(path.join(server.#directory, "bootstrap-token"), "utf8")).trim();
        server.firstPassword = (await readFile(path.join(server.#directory, "bootstrap-password"), "utf8")).trim();
        return server;
    }

    async #spawn(binary, api, endpoints) {
        const words = ["serve", "--sample", "--config", path.join(this.#directory, "skerry.toml"), "--data", this.#directory, "--listen", api, "--endpoints-listen", endpoints];
        this.#process = spawn(binary, words, { stdio: ["ignore", "pipe", "pipe"] });
        this.#process.stderr.on("data", (piece) => (this.#output += piece));
        const text = await new Promise((resolve, reject) => {
            let said = "";
            this.#process.stdout.on("data", (piece) => {
                said += piece;
                if (/^ {2}Data .*\n/m.test(said)) resolve(said);
            });
            this.#process.once("exit", (code) => reject(new Error(`the server ended with ${code}:\n${this.#output}`)));
        });
        this.url = /Open +(\S+?)\/?\n/.exec(text)[1];
        this.endpoints = /Endpoints +(\S+)/.exec(text)[1];
    }

    /** Calls the API with a token: the operator's, unless another is given. Answers the value of a 2xx. */
    async call(method, path, body, { token = this.token, headers = {} } = {}) {
        const response = await fetch(this.url + path, {
            method,
            headers: { Authorization: `Bearer ${token}`, ...(body !== undefined && { "Content-Type": "application/json" }), ...headers },
            ...(body !== undefined && { body: JSON.stringify(body) }),
        });
        const text = await response.text();
        if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
        return text === "" ? null : JSON.parse(text);
    }

    /** Stops it as a crash does, and starts it again at the same addresses. */
    async restart() {
        const [api, endpoints] = [this.url, this.endpoints].map((url) => new URL(url).host);
        await this.#end("SIGKILL");
        await this.#spawn(process.env.SKERRY_BINARY ?? path.join(ROOT, "target/release/skerry"), api, endpoints);
    }

    /** Ends it, whatever it is doing. */
    kill() {
        return this.#end("SIGKILL");
    }

    async stop() {
        await this.#end("SIGTERM");
        await rm(this.#directory, { recursive: true, force: true });
    }

    async #end(signal) {
        if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
        const ended = new Promise((resolve) => this.#process.once("exit", resolve));
        this.#process.kill(signal);
        await ended;
    }
}

/** Invites somebody of each role, who accept; the operator chooses a password of his own. */
export async function people(server) {
    const session = await signIn(server, OPERATOR, server.firstPassword);
    const change = { current_password: server.firstPassword, password: PASSWORD };
    await asPage(server, "PUT", "/api/v1/session/password", change, session);
    for (const role of ROLES) {
        const { secret } = await server.call("POST", "/api/v1/invitations", { email: `${role}@shop.example`, role });
        await asPage(server, "POST", "/api/v1/sign-in/invitation", { secret, name: `Some ${role}`, password: PASSWORD });
    }
}

/** Signs somebody in; answers the cookie. */
export async function signIn(server, email, password = PASSWORD) {
    const response = await asPage(server, "POST", "/api/v1/sign-in/password", { email, password });
    return response.headers.getSetCookie().map((cookie) => cookie.split(";")[0]).join("; ");
}

async function asPage(server, method, path, body, cookie = "") {
    const headers = { "Content-Type": "application/json", Origin: server.url, "Sec-Fetch-Site": "same-origin", ...(cookie && { Cookie: cookie }) };
    const response = await fetch(server.url + path, { method, headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${await response.text()}`);
    return response;
}
