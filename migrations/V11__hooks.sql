-- Extension points of the host application: which scripts of a tenant run at each, and in which order. The points
-- themselves are declared in the configuration.

CREATE TABLE hook_bindings (
    tenant_id TEXT   NOT NULL,
    point     TEXT   NOT NULL,
    script_id TEXT   NOT NULL,
    -- The scripts of a point run by position, and by id where two have the same.
    position  BIGINT NOT NULL CHECK (position >= 0),
    set_by    TEXT,
    set_at    BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, point, script_id),
    FOREIGN KEY (tenant_id, script_id) REFERENCES scripts (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, set_by) REFERENCES memberships (tenant_id, user_id)
);
CREATE INDEX idx_hook_bindings_script ON hook_bindings (tenant_id, script_id);
