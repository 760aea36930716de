-- Webhooks: addresses outside that a tenant's events are sent to, and what became of each.

CREATE TABLE webhooks (
    tenant_id       TEXT    NOT NULL,
    id              TEXT    NOT NULL,
    revision        BIGINT  NOT NULL,
    description     TEXT    NOT NULL,
    -- A JSON array of patterns of types; one of them has to match.
    patterns        TEXT    NOT NULL,
    -- Only events of this source; NULL for every source.
    source          TEXT,
    is_active       BOOLEAN NOT NULL,
    -- Why Skerry itself does not send to it any more; NULL where it does, or where a person paused it.
    disabled_reason TEXT    CHECK (disabled_reason IN ('gone', 'failing', 'rights')),
    -- The first failure since something was last taken.
    failing_since   BIGINT,
    created_at      BIGINT  NOT NULL,
    updated_at      BIGINT  NOT NULL,
    -- Whoever set it last.
    set_by          TEXT,
    -- Sealed: the address and the secrets that it is signed with.
    target          BYTEA   NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    FOREIGN KEY (tenant_id, set_by) REFERENCES memberships (tenant_id, user_id)
);

-- One event on its way to one webhook. Its id is what the receiver tells repeats by.
CREATE TABLE webhook_deliveries (
    tenant_id    TEXT   NOT NULL,
    id           TEXT   NOT NULL,
    webhook_id   TEXT   NOT NULL,
    event_source TEXT   NOT NULL,
    event_id     TEXT   NOT NULL,
    event_type   TEXT   NOT NULL,
    -- pending: to be sent at next_at. The others are ends.
    status       TEXT   NOT NULL CHECK (status IN ('pending', 'delivered', 'failed')),
    -- Attempts in all, and those since a person last had it sent again: the pauses between them grow.
    attempts     BIGINT NOT NULL DEFAULT 0,
    round        BIGINT NOT NULL DEFAULT 0,
    next_at      BIGINT NOT NULL,
    -- Counts the leases that it had; whose lease it is (the epoch of a process), and until when.
    fence        BIGINT NOT NULL DEFAULT 0,
    lease_epoch  BIGINT NOT NULL DEFAULT 0,
    lease_until  BIGINT NOT NULL DEFAULT 0,
    created_at   BIGINT NOT NULL,
    -- NULL while it goes on.
    completed_at BIGINT,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, webhook_id, event_source, event_id),
    FOREIGN KEY (tenant_id, webhook_id) REFERENCES webhooks (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, event_source, event_id) REFERENCES outbox_events (tenant_id, source, id) ON DELETE CASCADE
);
CREATE INDEX idx_webhook_deliveries_due ON webhook_deliveries (tenant_id, next_at) WHERE status = 'pending';
CREATE INDEX idx_webhook_deliveries_due_of_webhook ON webhook_deliveries (tenant_id, webhook_id, next_at)
    WHERE status = 'pending';
CREATE INDEX idx_webhook_deliveries_webhook ON webhook_deliveries (tenant_id, webhook_id, created_at, id);
CREATE INDEX idx_webhook_deliveries_event ON webhook_deliveries (tenant_id, event_source, event_id);
CREATE INDEX idx_webhook_deliveries_completed_at ON webhook_deliveries (tenant_id, completed_at)
    WHERE completed_at IS NOT NULL;

-- What became of each time that one was sent.
CREATE TABLE webhook_attempts (
    tenant_id   TEXT   NOT NULL,
    delivery_id TEXT   NOT NULL,
    attempt     BIGINT NOT NULL CHECK (attempt > 0),
    sent_at     BIGINT NOT NULL,
    duration_ms BIGINT NOT NULL,
    -- The status of the answer; NULL where there was none.
    status      BIGINT,
    -- In words, where it failed.
    error       TEXT,
    PRIMARY KEY (tenant_id, delivery_id, attempt),
    FOREIGN KEY (tenant_id, delivery_id) REFERENCES webhook_deliveries (tenant_id, id) ON DELETE CASCADE
);
