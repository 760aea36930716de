-- Lists of a million executions, by any combination of filters. The list by time alone is walked where no other index
-- fits: it has what filters ask for most, so that a walk does not fetch each row. Few executions fail, and not every one
-- was started by a person, so that these two indexes are written seldom.
DROP INDEX idx_executions_started_at;
CREATE INDEX idx_executions_started_at
    ON executions (tenant_id, started_at DESC, id DESC, status, triggered_by, error_kind, duration_us);
CREATE INDEX idx_executions_user
    ON executions (tenant_id, actor_user_id, started_at DESC, id DESC) WHERE actor_user_id IS NOT NULL;
CREATE INDEX idx_executions_error
    ON executions (tenant_id, error_kind, started_at DESC, id DESC) WHERE error_kind IS NOT NULL;
