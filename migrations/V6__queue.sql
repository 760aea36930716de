-- The queue: executions that were accepted and wait, with what they need until they have ended for good.

-- How a script's executions are retried, kept apart from each other and paused, as JSON; NULL where the defaults stand.
ALTER TABLE scripts ADD COLUMN policy TEXT;

-- The plan's quotas as JSON; NULL where the deployment's stand.
ALTER TABLE tenants ADD COLUMN quotas TEXT;
-- Executions in the queue, kept with each write.
ALTER TABLE tenants ADD COLUMN queued_executions BIGINT NOT NULL DEFAULT 0;

-- Fuel that runs of the day may still use: taken before they begin, given back as they end. What a crash left here was
-- perhaps used, and stays taken.
ALTER TABLE usage ADD COLUMN reserved_fuel BIGINT NOT NULL DEFAULT 0;

-- Who bound the trigger that an execution came by: whoever set the schedule, the subscription, the endpoint.
ALTER TABLE executions ADD COLUMN binding_user_id TEXT;
-- The execution that a person had run again.
ALTER TABLE executions ADD COLUMN retry_of TEXT;

-- A row for each execution that was accepted and has not ended for good.
CREATE TABLE execution_queue (
    tenant_id    TEXT   NOT NULL,
    execution_id TEXT   NOT NULL,
    script_id    TEXT   NOT NULL,
    -- ready: may be taken from available_at on. blocked: others of its group go first. leased: somebody has it.
    state        TEXT   NOT NULL CHECK (state IN ('ready', 'blocked', 'leased')),
    -- 0 for live work, 1 for what catches up behind it.
    priority     BIGINT NOT NULL CHECK (priority IN (0, 1)),
    available_at BIGINT NOT NULL,
    -- The revision of the write that accepted it: the order within its group.
    position     BIGINT NOT NULL,
    -- Of one group at most group_max are ready or leased at once; NULL where nothing keeps it apart from others.
    group_key    TEXT,
    group_max    BIGINT NOT NULL DEFAULT 0,
    max_attempts BIGINT NOT NULL CHECK (max_attempts > 0),
    -- Attempts that failed by themselves, and those that a crash ended.
    failures     BIGINT NOT NULL DEFAULT 0,
    rescues      BIGINT NOT NULL DEFAULT 0,
    on_interrupt TEXT   NOT NULL CHECK (on_interrupt IN ('retry', 'fail')),
    -- Counts the leases that it had. Whoever commits names the lease, and an old one is refused.
    fence        BIGINT NOT NULL DEFAULT 0,
    -- Whose lease it is (the epoch of a process), and until when; 0 where it is nobody's.
    lease_epoch  BIGINT NOT NULL DEFAULT 0,
    lease_until  BIGINT NOT NULL DEFAULT 0,
    -- Somebody wants its end: it has no other attempt, also where it is between two processes.
    is_cancelled BOOLEAN NOT NULL DEFAULT FALSE,
    PRIMARY KEY (tenant_id, execution_id),
    FOREIGN KEY (tenant_id, execution_id) REFERENCES executions (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX idx_execution_queue_ready ON execution_queue (tenant_id, state, priority, available_at, position);
CREATE INDEX idx_execution_queue_group ON execution_queue (tenant_id, group_key, state, position);
CREATE INDEX idx_execution_queue_script ON execution_queue (tenant_id, script_id, state);
CREATE INDEX idx_execution_queue_lease ON execution_queue (tenant_id, lease_until) WHERE state = 'leased';

-- What was accepted before there was a queue.
INSERT INTO execution_queue (tenant_id, execution_id, script_id, state, priority, available_at, position, max_attempts,
                             on_interrupt)
SELECT tenant_id, id, script_id, 'ready', 0, accepted_at, 0, 1, 'retry'
FROM executions
WHERE status = 'pending';
UPDATE tenants
SET queued_executions = (SELECT COUNT(*) FROM execution_queue WHERE execution_queue.tenant_id = tenants.id);

-- What became of the attempts before the last one, which the execution's own row tells.
CREATE TABLE execution_attempts (
    tenant_id    TEXT   NOT NULL,
    execution_id TEXT   NOT NULL,
    attempt      BIGINT NOT NULL CHECK (attempt > 0),
    error_kind   TEXT   NOT NULL,
    fuel         BIGINT NOT NULL,
    started_at   BIGINT NOT NULL,
    completed_at BIGINT NOT NULL,
    duration_us  BIGINT NOT NULL,
    -- Sealed: the error, and the digests of the requests that it sent, by their idempotency keys.
    error        BYTEA,
    sent         BYTEA,
    PRIMARY KEY (tenant_id, execution_id, attempt),
    FOREIGN KEY (tenant_id, execution_id) REFERENCES executions (tenant_id, id) ON DELETE CASCADE
);

-- Scripts whose last executions failed one after another. Open from opened_at on; one execution tries from retry_at on.
CREATE TABLE script_breakers (
    tenant_id TEXT   NOT NULL,
    script_id TEXT   NOT NULL,
    failures  BIGINT NOT NULL,
    -- How often it opened since an execution last succeeded.
    openings  BIGINT NOT NULL DEFAULT 0,
    opened_at BIGINT,
    retry_at  BIGINT,
    PRIMARY KEY (tenant_id, script_id),
    FOREIGN KEY (tenant_id, script_id) REFERENCES scripts (tenant_id, id) ON DELETE CASCADE
);

-- What was given up: an execution that ended with several processes, an event that a script could not take.
CREATE TABLE dead_letters (
    tenant_id       TEXT   NOT NULL,
    id              TEXT   NOT NULL,
    kind            TEXT   NOT NULL CHECK (kind IN ('execution', 'event', 'webhook')),
    reason          TEXT   NOT NULL CHECK (reason IN ('attempts', 'rescues', 'hops', 'budget', 'refused')),
    script_id       TEXT,
    execution_id    TEXT,
    subscription_id TEXT,
    event_source    TEXT,
    event_id        TEXT,
    created_at      BIGINT NOT NULL,
    redriven_at     BIGINT,
    redriven_by     TEXT,
    -- Sealed.
    detail          BYTEA,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);
CREATE INDEX idx_dead_letters_created_at ON dead_letters (tenant_id, created_at DESC, id DESC);
