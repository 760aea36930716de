-- Schedules: when scripts run by themselves, and what became of each time at which one was due.

CREATE TABLE schedules (
    tenant_id    TEXT    NOT NULL,
    id           TEXT    NOT NULL,
    script_id    TEXT    NOT NULL,
    expression   TEXT    NOT NULL,
    timezone     TEXT    NOT NULL,
    overlap      TEXT    NOT NULL CHECK (overlap IN ('skip', 'queue', 'parallel', 'cancel_previous')),
    catch_up     TEXT    NOT NULL CHECK (catch_up IN ('skip', 'run_latest', 'run_all')),
    is_paused    BOOLEAN NOT NULL DEFAULT FALSE,
    -- The write that set it last. Slots that pass do not count.
    revision     BIGINT  NOT NULL,
    -- Whose rights its runs have, beside the deployer's.
    set_by       TEXT,
    set_at       BIGINT  NOT NULL,
    created_at   BIGINT  NOT NULL,
    -- The first slot of which nothing was decided yet, and when that is to be done: the slot and the jitter. NULL where no
    -- slot is left.
    next_slot    BIGINT,
    due_at       BIGINT,
    -- The last slot of which something was decided, and the last one that was started.
    last_slot    BIGINT,
    last_run     BIGINT,
    -- The row of schedule_slots that the next slot extends if it is passed over for the same reason.
    stretch_at   BIGINT,
    -- The first and the last of the missed slots that are still to be caught up, and when to go on with that.
    backlog_from BIGINT,
    backlog_to   BIGINT,
    backlog_due  BIGINT,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, script_id) REFERENCES scripts (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, set_by) REFERENCES memberships (tenant_id, user_id)
);
CREATE INDEX idx_schedules_script ON schedules (tenant_id, script_id);
-- These two lead from a moment to what is due then, whoever's it is.
CREATE INDEX idx_schedules_due ON schedules (due_at, tenant_id, id) WHERE due_at IS NOT NULL;
CREATE INDEX idx_schedules_backlog ON schedules (backlog_due, tenant_id, id) WHERE backlog_due IS NOT NULL;

-- A row for each slot, or for a stretch of slots of which the same became.
CREATE TABLE schedule_slots (
    tenant_id    TEXT    NOT NULL,
    schedule_id  TEXT    NOT NULL,
    -- The nominal time, of a stretch the first one.
    slot_at      BIGINT  NOT NULL,
    last_slot_at BIGINT  NOT NULL,
    slots        BIGINT  NOT NULL CHECK (slots > 0),
    outcome      TEXT    NOT NULL CHECK (outcome IN ('started', 'skipped(overlap)', 'skipped(paused)', 'missed')),
    reason       TEXT,
    -- No reference: executions are kept for a time of their own.
    execution_id TEXT,
    -- Whether its execution may still be going on. Looked after when the next slot is due.
    is_open      BOOLEAN NOT NULL DEFAULT FALSE,
    is_catch_up  BOOLEAN NOT NULL DEFAULT FALSE,
    decided_at   BIGINT  NOT NULL,
    PRIMARY KEY (tenant_id, schedule_id, slot_at),
    FOREIGN KEY (tenant_id, schedule_id) REFERENCES schedules (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX idx_schedule_slots_open ON schedule_slots (tenant_id, schedule_id, slot_at) WHERE is_open;
CREATE INDEX idx_schedule_slots_started ON schedule_slots (tenant_id, schedule_id, slot_at) WHERE outcome = 'started';
CREATE INDEX idx_schedule_slots_decided ON schedule_slots (tenant_id, decided_at);
-- How much was caught up of late, of all tenants together.
CREATE INDEX idx_schedule_slots_catch_up ON schedule_slots (decided_at, tenant_id) WHERE is_catch_up;
