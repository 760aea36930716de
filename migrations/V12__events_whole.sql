-- Events made whole: what they weigh counts as storage, what waits for a paused script stays in nobody's way, and what a
-- chain leads to beyond its budget is one dead letter.

-- Bytes of events, deliveries and dead letters, and events that nobody has looked for subscriptions of yet; both kept with
-- each write. The sizes of rows beside their data are those of the code.
ALTER TABLE tenants ADD COLUMN event_bytes BIGINT NOT NULL DEFAULT 0;
ALTER TABLE tenants ADD COLUMN pending_events BIGINT NOT NULL DEFAULT 0;
UPDATE tenants
SET event_bytes =
        (SELECT COALESCE(SUM(octet_length(data) + 512), 0) FROM outbox_events
            WHERE outbox_events.tenant_id = tenants.id)
        + (SELECT COUNT(*) * 256 FROM event_deliveries WHERE event_deliveries.tenant_id = tenants.id)
        + (SELECT COUNT(*) * 256 FROM dead_letters WHERE dead_letters.tenant_id = tenants.id),
    pending_events = (SELECT COUNT(*) FROM pending_events WHERE pending_events.tenant_id = tenants.id);

-- By subscription, because those of one that is paused stay where they are.
DROP INDEX idx_event_deliveries_ready;
CREATE INDEX idx_event_deliveries_ready
    ON event_deliveries (tenant_id, subscription_id, event_revision, event_ordinal)
    WHERE status = 'ready';

-- Again with another reason and two columns more: a check cannot be changed where it stands.
CREATE TABLE new_dead_letters (
    tenant_id       TEXT   NOT NULL,
    id              TEXT   NOT NULL,
    kind            TEXT   NOT NULL CHECK (kind IN ('execution', 'event', 'webhook')),
    reason          TEXT   NOT NULL CHECK (reason IN ('attempts', 'rescues', 'hops', 'budget', 'refused',
                                                      'unreadable')),
    script_id       TEXT,
    execution_id    TEXT,
    subscription_id TEXT,
    event_source    TEXT,
    event_id        TEXT,
    -- The first cause, where the letter stands for everything that it led to too far; NULL where it stands for itself.
    root            TEXT,
    -- How much it stands for.
    events          BIGINT NOT NULL DEFAULT 1 CHECK (events > 0),
    created_at      BIGINT NOT NULL,
    redriven_at     BIGINT,
    redriven_by     TEXT,
    -- Sealed.
    detail          BYTEA,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);
INSERT INTO new_dead_letters (tenant_id, id, kind, reason, script_id, execution_id, subscription_id, event_source, event_id,
                              created_at, redriven_at, redriven_by, detail)
SELECT tenant_id, id, kind, reason, script_id, execution_id, subscription_id, event_source, event_id, created_at,
       redriven_at, redriven_by, detail
FROM dead_letters;
DROP TABLE dead_letters;
ALTER TABLE new_dead_letters RENAME TO dead_letters;
CREATE INDEX idx_dead_letters_created_at ON dead_letters (tenant_id, created_at DESC, id DESC);
-- An event with a dead letter is kept as long as that.
CREATE INDEX idx_dead_letters_event ON dead_letters (tenant_id, event_source, event_id) WHERE event_id IS NOT NULL;
-- A list of some of them reads no others.
CREATE INDEX idx_dead_letters_subscription ON dead_letters (tenant_id, subscription_id, created_at DESC, id DESC)
    WHERE subscription_id IS NOT NULL;
CREATE INDEX idx_dead_letters_script ON dead_letters (tenant_id, script_id, created_at DESC, id DESC)
    WHERE script_id IS NOT NULL;
CREATE INDEX idx_dead_letters_reason ON dead_letters (tenant_id, reason, created_at DESC, id DESC);
CREATE UNIQUE INDEX idx_dead_letters_root ON dead_letters (tenant_id, subscription_id, reason, root)
    WHERE root IS NOT NULL AND redriven_at IS NULL;
