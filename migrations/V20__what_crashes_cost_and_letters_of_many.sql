-- What an attempt cost that a crash cut, dead letters whose every event can be sent again, and deliveries of webhooks that
-- count as storage.

-- Fuel that was set aside for the attempt that goes on: what counts as used where a crash cuts it.
ALTER TABLE executions ADD COLUMN reserved_fuel BIGINT NOT NULL DEFAULT 0;

-- The dead letter that stands for a delivery among others. It may be gone: then it stands for nothing any more.
ALTER TABLE event_deliveries ADD COLUMN dead_letter_id TEXT;
UPDATE event_deliveries
SET dead_letter_id = (
    SELECT dead_letters.id
    FROM dead_letters
    JOIN outbox_events
        ON outbox_events.tenant_id = dead_letters.tenant_id
        AND COALESCE(outbox_events.root_tenant_id, outbox_events.tenant_id) || '/' || outbox_events.root
            = dead_letters.root
    WHERE dead_letters.tenant_id = event_deliveries.tenant_id
        AND dead_letters.subscription_id = event_deliveries.subscription_id
        AND dead_letters.redriven_at IS NULL
        AND outbox_events.source = event_deliveries.event_source
        AND outbox_events.id = event_deliveries.event_id
        AND (dead_letters.reason = 'hops') = (outbox_events.hop >= 16)
    LIMIT 1)
WHERE status = 'dead' AND execution_id IS NULL;
CREATE INDEX idx_event_deliveries_letter
    ON event_deliveries (tenant_id, dead_letter_id, event_revision, event_ordinal) WHERE dead_letter_id IS NOT NULL;

-- As much as a delivery to a subscription.
UPDATE tenants
SET event_bytes = event_bytes
    + (SELECT COUNT(*) * 256 FROM webhook_deliveries WHERE webhook_deliveries.tenant_id = tenants.id);
