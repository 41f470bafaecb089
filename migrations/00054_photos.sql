-- +goose Up
-- Photos that technicians take. Their bytes lie in object storage; a row says whose
-- they are and what they were.

CREATE TABLE photos (
    tenant_id   uuid NOT NULL REFERENCES tenants (id),
    sha256      text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'), -- of the bytes as they were taken
    width       integer NOT NULL, -- as it is kept, like the size
    height      integer NOT NULL,
    bytes       bigint NOT NULL,
    uploaded_by text NOT NULL, -- subject
    uploaded_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, sha256)
);
CREATE INDEX photos_uploader ON photos (tenant_id, uploaded_by, uploaded_at);
CALL guard_tenant('photos');

-- Their hashes: a device may log a referral before it has sent the photo.
ALTER TABLE referrals ADD COLUMN photos text[] NOT NULL DEFAULT '{}';
