-- Runs of a schedule that wait for each other whatever their script says, and backlogs of several stretches.

-- Executions of one line go one after another, beside the bound that their group has. One that is in line waits for
-- those before it, and then for a place in its group.
ALTER TABLE execution_queue ADD COLUMN line_key TEXT;
ALTER TABLE execution_queue ADD COLUMN is_in_line BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE execution_queue
SET line_key = substr(group_key, 10), is_in_line = (state = 'blocked'), group_key = NULL, group_max = 0
WHERE group_key LIKE 'schedule/%';
-- Live work goes before what catches up.
DROP INDEX idx_execution_queue_group;
CREATE INDEX idx_execution_queue_group
    ON execution_queue (tenant_id, group_key, state, is_in_line, priority, position);
CREATE INDEX idx_execution_queue_line ON execution_queue (tenant_id, line_key, is_in_line, priority, position)
    WHERE line_key IS NOT NULL;

-- A slot's run is no longer open once its entry leaves the queue, in that write.
UPDATE schedule_slots
SET is_open = FALSE
WHERE is_open AND NOT EXISTS (
    SELECT 1
    FROM execution_queue
    WHERE execution_queue.tenant_id = schedule_slots.tenant_id
      AND execution_queue.execution_id = schedule_slots.execution_id);
CREATE INDEX idx_schedule_slots_execution ON schedule_slots (tenant_id, execution_id) WHERE is_open;

-- Whether a stretch goes on with the one before it is seen by the slots.
ALTER TABLE schedules DROP COLUMN stretch_at;

-- The missed slots that are to be caught up after those from backlog_from to backlog_to of the schedule. Slots between
-- two stretches have been decided.
CREATE TABLE schedule_backlogs (
    tenant_id   TEXT   NOT NULL,
    schedule_id TEXT   NOT NULL,
    from_at     BIGINT NOT NULL,
    to_at       BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, schedule_id, from_at),
    FOREIGN KEY (tenant_id, schedule_id) REFERENCES schedules (tenant_id, id) ON DELETE CASCADE
);
