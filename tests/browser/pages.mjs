// Every page of the web UI: its name, its path, and who sees it. PAGES=scripts,usage leaves out the others.

/** The pages, with the ids of what `fill` made. */
export function pages({ echo, failing, failed, schedule, event, webhook }) {
    const chosen = process.env.PAGES?.split(",");
    const script = `/scripts/${echo.id}`;
    return [
        ["sign-in", "/sign-in", null],
        ["account", "/account"],
        ["password", "/password"],
        ["tenants", "/tenants"],
        ["scripts", "/scripts"],
        ["scripts-none", "/scripts?text=nothing-is-called-so"],
        ["new-script", "/scripts/new"],
        ["script-triggers", `${script}/triggers`],
        ["script-settings", `${script}/settings`],
        ["script-versions", `${script}/versions`],
        ["script-runs", `${script}/runs`],
        ["script-docs", `${script}/docs`],
        ["executions", "/executions"],
        ["executions-failed", "/executions?status=failed"],
        ["execution", `/executions/${failed.id}`],
        ["schedules", "/schedules"],
        ["schedule", `/schedules/${schedule.id}`],
        ["endpoints", "/endpoints"],
        ["events", "/events"],
        ["event", `/events/${event.position}`],
        ["subscriptions", "/events/subscriptions"],
        ["dead-letters", "/events/dead-letters"],
        ["webhooks", "/webhooks"],
        ["webhook", `/webhooks/${webhook.id}`],
        ["hooks", "/hooks"],
        ["storage", "/storage"],
        ["secrets", "/secrets"],
        ["members", "/members"],
        ["roles", "/roles"],
        ["tokens", "/tokens"],
        ["usage", "/usage"],
        ["audit", "/audit"],
        ["settings", "/settings"],
        ["operator-tenants", "/operator/tenants"],
        ["operator-plans", "/operator/plans"],
        ["operator-users", "/operator/users"],
        ["operator-health", "/operator/health"],
        ["operator-audit", "/operator/audit"],
        ["editor", script],
        ["editor-failing", `/scripts/${failing.id}`],
    ].filter(([name]) => chosen?.includes(name) ?? true).map(([name, path, who = "operator"]) => ({ name, path, who, isEditor: name.startsWith("editor") }));
}
