-- Events: which of them still have to be seen to, who subscribes to them, and what became of each delivery.

-- The tenant of the first cause; NULL where it is the event's own.
ALTER TABLE outbox_events ADD COLUMN root_tenant_id TEXT;
-- The person who published it, where it was one.
ALTER TABLE outbox_events ADD COLUMN published_by TEXT;

-- A row for each event that nobody has looked for subscriptions of yet: what waits is found without what is done.
CREATE TABLE pending_events (
    tenant_id TEXT   NOT NULL,
    revision  BIGINT NOT NULL,
    ordinal   BIGINT NOT NULL,
    source    TEXT   NOT NULL,
    event_id  TEXT   NOT NULL,
    PRIMARY KEY (tenant_id, revision, ordinal),
    FOREIGN KEY (tenant_id, source, event_id) REFERENCES outbox_events (tenant_id, source, id) ON DELETE CASCADE
);
CREATE INDEX idx_pending_events_event ON pending_events (tenant_id, source, event_id);

-- Which events a script runs on.
CREATE TABLE subscriptions (
    tenant_id    TEXT    NOT NULL,
    id           TEXT    NOT NULL,
    script_id    TEXT    NOT NULL,
    -- A JSON array of patterns of types; one of them has to match.
    patterns     TEXT    NOT NULL,
    -- Only events of this source; NULL for every source.
    source       TEXT,
    is_active    BOOLEAN NOT NULL,
    max_attempts BIGINT  NOT NULL CHECK (max_attempts > 0),
    created_at   BIGINT  NOT NULL,
    -- Whoever set it last: its runs have no right that this one lacks.
    set_by       TEXT,
    set_at       BIGINT  NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, script_id) REFERENCES scripts (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, set_by) REFERENCES memberships (tenant_id, user_id)
);
CREATE INDEX idx_subscriptions_script ON subscriptions (tenant_id, script_id);

-- One event on its way to one subscription.
CREATE TABLE event_deliveries (
    tenant_id       TEXT   NOT NULL,
    event_source    TEXT   NOT NULL,
    event_id        TEXT   NOT NULL,
    subscription_id TEXT   NOT NULL,
    -- The event's place in the order of events, and what it is about.
    event_revision  BIGINT NOT NULL,
    event_ordinal   BIGINT NOT NULL,
    subject         TEXT,
    -- waiting: another of its subject goes first. ready: nothing is in its way but a place in the queue. queued: an
    -- execution is there. The others are ends.
    status          TEXT   NOT NULL CHECK (status IN ('waiting', 'ready', 'queued', 'delivered', 'dead', 'cancelled',
                                                      'skipped')),
    execution_id    TEXT,
    error_kind      TEXT,
    -- The person who had it sent again, and by which token.
    redriven_by     TEXT,
    redriven_token  TEXT,
    created_at      BIGINT NOT NULL,
    -- NULL while it goes on.
    completed_at    BIGINT,
    PRIMARY KEY (tenant_id, event_source, event_id, subscription_id),
    FOREIGN KEY (tenant_id, event_source, event_id) REFERENCES outbox_events (tenant_id, source, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, subscription_id) REFERENCES subscriptions (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX idx_event_deliveries_subscription
    ON event_deliveries (tenant_id, subscription_id, event_revision, event_ordinal);
-- What is under way of a subject, and what waits behind it: a step along a subject reads a row of each.
CREATE INDEX idx_event_deliveries_under_way ON event_deliveries (tenant_id, subscription_id, subject)
    WHERE status IN ('ready', 'queued');
CREATE INDEX idx_event_deliveries_waiting
    ON event_deliveries (tenant_id, subscription_id, subject, event_revision, event_ordinal)
    WHERE status = 'waiting';
CREATE INDEX idx_event_deliveries_ready ON event_deliveries (tenant_id, event_revision, event_ordinal)
    WHERE status = 'ready';
CREATE INDEX idx_event_deliveries_execution ON event_deliveries (tenant_id, execution_id)
    WHERE execution_id IS NOT NULL;

-- An event with a dead letter is kept as long as that.
CREATE INDEX idx_dead_letters_event ON dead_letters (tenant_id, event_source, event_id) WHERE event_id IS NOT NULL;
