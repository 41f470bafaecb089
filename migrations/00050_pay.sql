-- +goose Up
-- What referrals earn: the rules, what became of sales, and a ledger in double
-- entry. A claim is a pure function of rows; a posting is the difference between
-- what is owed and what the ledger holds.

-- Every version of a rule stays: a referral is paid by the one that was in force
-- when it was logged.
CREATE TABLE incentive_rules (
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    id        text NOT NULL CHECK (id ~ '^[a-z0-9-]{1,63}$'),
    earner    text NOT NULL CHECK (earner IN ('technician', 'seller')),
    service_id text, -- null: every product without a rule of its own
    version   bigint NOT NULL DEFAULT 1, -- the one in force
    PRIMARY KEY (tenant_id, id),
    UNIQUE NULLS NOT DISTINCT (tenant_id, earner, service_id),
    FOREIGN KEY (tenant_id, service_id) REFERENCES services (tenant_id, id)
);
CALL guard_tenant('incentive_rules');

CREATE TABLE incentive_rule_versions (
    tenant_id        uuid NOT NULL,
    rule_id          text NOT NULL,
    version          bigint NOT NULL CHECK (version >= 1),
    accept_minor     bigint NOT NULL CHECK (accept_minor >= 0),
    win_minor        bigint NOT NULL CHECK (win_minor >= 0),
    win_share        integer NOT NULL CHECK (win_share BETWEEN 0 AND 10000), -- basis points
    win_cap_minor    bigint CHECK (win_cap_minor >= 0),
    hold_back        integer NOT NULL CHECK (hold_back BETWEEN 0 AND 10000), -- basis points
    retention_days   integer NOT NULL CHECK (retention_days BETWEEN 0 AND 3650),
    retired          boolean NOT NULL,
    effective_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, rule_id, version),
    FOREIGN KEY (tenant_id, rule_id) REFERENCES incentive_rules (tenant_id, id),
    CHECK (hold_back = 0 OR retention_days > 0)
);
CALL guard_tenant('incentive_rule_versions');
REVOKE UPDATE, DELETE ON incentive_rule_versions FROM firstfix_app;

CREATE TABLE sales (
    tenant_id   uuid NOT NULL,
    referral_id uuid NOT NULL,
    state       text NOT NULL CHECK (state IN ('standing', 'left', 'reversed')),
    reason      text NOT NULL DEFAULT '',
    won_at      timestamptz NOT NULL,
    left_at     timestamptz,
    PRIMARY KEY (tenant_id, referral_id),
    FOREIGN KEY (tenant_id, referral_id) REFERENCES referrals (tenant_id, id),
    CHECK ((state = 'left') = (left_at IS NOT NULL))
);

-- What was won before there were sales. Row-level security is forced on the owner
-- too, who has no policy: it is let go for this one statement.
ALTER TABLE referrals NO FORCE ROW LEVEL SECURITY;
INSERT INTO sales (tenant_id, referral_id, state, won_at)
SELECT tenant_id, id, 'standing', closed_at FROM referrals WHERE state = 'won';
ALTER TABLE referrals FORCE ROW LEVEL SECURITY;
CALL guard_tenant('sales');

CREATE INDEX referrals_duplicates ON referrals (tenant_id, duplicate_of) WHERE duplicate_of IS NOT NULL;

CREATE TABLE payrolls (
    tenant_id   uuid NOT NULL REFERENCES tenants (id),
    id          uuid NOT NULL,
    created_at  timestamptz NOT NULL,
    created_by  text NOT NULL,
    total_minor bigint NOT NULL CHECK (total_minor > 0),
    currency    text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    PRIMARY KEY (tenant_id, id)
);
CALL guard_tenant('payrolls');
REVOKE UPDATE, DELETE ON payrolls FROM firstfix_app;

CREATE TABLE pay_postings (
    tenant_id   uuid NOT NULL REFERENCES tenants (id),
    id          uuid NOT NULL,
    referral_id uuid,
    payroll_id  uuid,
    reason      text NOT NULL CHECK (reason IN ('accepted', 'won', 'stayed', 'left', 'reversed', 'reinstated', 'original_ended', 'paid')),
    actor       text NOT NULL,
    at          timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, referral_id) REFERENCES referrals (tenant_id, id),
    FOREIGN KEY (tenant_id, payroll_id) REFERENCES payrolls (tenant_id, id),
    CHECK ((referral_id IS NULL) <> (payroll_id IS NULL)),
    CHECK ((reason = 'paid') = (payroll_id IS NOT NULL))
);
CREATE INDEX pay_postings_payroll ON pay_postings (tenant_id, payroll_id) WHERE payroll_id IS NOT NULL;
CALL guard_tenant('pay_postings');
REVOKE UPDATE, DELETE ON pay_postings FROM firstfix_app;

-- Referral and time stand here too, so that balances and statements read one table.
CREATE TABLE pay_entries (
    tenant_id    uuid NOT NULL,
    posting_id   uuid NOT NULL,
    line         integer NOT NULL CHECK (line >= 1),
    payee        text NOT NULL CHECK (payee <> ''),
    account      text NOT NULL CHECK (account IN ('cost', 'held', 'payable', 'paid')),
    amount_minor bigint NOT NULL CHECK (amount_minor <> 0),
    rule_id      text,
    rule_version bigint,
    referral_id  uuid,
    at           timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, posting_id, line),
    FOREIGN KEY (tenant_id, posting_id) REFERENCES pay_postings (tenant_id, id),
    FOREIGN KEY (tenant_id, rule_id, rule_version) REFERENCES incentive_rule_versions (tenant_id, rule_id, version)
);
CREATE INDEX pay_entries_referral ON pay_entries (tenant_id, referral_id) WHERE referral_id IS NOT NULL;
CREATE INDEX pay_entries_payee ON pay_entries (tenant_id, payee, at, posting_id);
CALL guard_tenant('pay_entries');
REVOKE UPDATE, DELETE ON pay_entries FROM firstfix_app;

-- The entries of a posting add up to nothing, judged when its transaction ends.
-- +goose StatementBegin
CREATE FUNCTION pay_posting_balances() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF (SELECT sum(e.amount_minor) FROM pay_entries e WHERE e.tenant_id = NEW.tenant_id AND e.posting_id = NEW.posting_id) <> 0 THEN
        RAISE EXCEPTION 'the entries of posting % do not balance', NEW.posting_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE CONSTRAINT TRIGGER pay_posting_balances AFTER INSERT ON pay_entries
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION pay_posting_balances();
