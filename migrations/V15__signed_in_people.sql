-- Whoever signed in and started an execution: 'token' in executions.actor then stands for a person whose session this
-- is, and actor_token_id is NULL.
ALTER TABLE executions ADD COLUMN actor_session_id TEXT;
