-- Whether an execution was accepted to run later, so that its result is told at an address of its own. Of those that ended
-- before nobody knows any more.

ALTER TABLE executions ADD COLUMN is_accepted BOOLEAN NOT NULL DEFAULT FALSE;

UPDATE executions
SET is_accepted = TRUE
WHERE EXISTS (
    SELECT 1
    FROM execution_queue
    WHERE execution_queue.tenant_id = executions.tenant_id AND execution_queue.execution_id = executions.id);
