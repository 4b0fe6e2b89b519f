-- +goose Up
create table landing_phone (
    id            bigint      not null,
    phone         varchar(20) not null,
    created_at    timestamptz not null,
    record_id     uuid        not null,
    event_id      uuid        not null,
    log_partition integer     not null,
    log_offset    bigint      not null,
    page          text,
    referrer      text,
    campaign      jsonb,
    variant       text,
    device        text,
    primary key (created_at, log_partition, log_offset)
) partition by range (created_at);

create index on landing_phone (phone, created_at);
create index on landing_phone (created_at);
create index on landing_phone (log_partition, log_offset);
create index on landing_phone (event_id);
-- A tombstone names a record. Without an Idempotency-Key the receipt is the record's id, and the index above finds it.
create index on landing_phone (record_id) where record_id <> event_id;

comment on table landing_phone is 'One row for each event that opened a 24 h window: a lead.';
comment on column landing_phone.id is 'log_offset * 16 + log_partition: the same after every rebuild.';
comment on column landing_phone.created_at is 'The Kafka timestamp of the record.';
comment on column landing_phone.record_id is 'The key of the record in the topic phone-submitted.';
comment on column landing_phone.event_id is 'The receipt that the client got.';

-- What everybody reads. A later version of the table takes the view over; until then this one has it.
-- +goose StatementBegin
do $$
begin
    if to_regclass('public.landing_phone') is null then
        create view public.landing_phone as select * from landing_phone;
    end if;
end
$$;
-- +goose StatementEnd
