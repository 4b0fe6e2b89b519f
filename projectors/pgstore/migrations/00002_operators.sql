-- +goose Up
alter table position
    add column version integer not null default 1,
    add column cause   text    not null default '',
    add column pace    double precision not null default 0;

comment on column position.version is 'Of the view''s tables that this position is of.';
comment on column position.cause is 'What last moved the position by hand: the id of a plan, or a commit made with a Kafka tool.';
comment on column position.pace is 'Events a second that the view''s last backlog was applied with.';

create table hole (
    projection  text        not null,
    topic       text        not null,
    partition   integer     not null,
    from_offset bigint      not null,
    to_offset   bigint      not null,
    cause       text        not null,
    reason      text        not null,
    since       timestamptz not null default now(),
    primary key (projection, topic, partition, from_offset)
);

comment on table hole is 'Stretches of the log that a person had a view pass over, for good.';

create table plan (
    id         uuid        primary key,
    made_at    timestamptz not null default now(),
    expires_at timestamptz not null,
    verb       text        not null,
    view       text        not null default '',
    body       jsonb       not null
);

comment on table plan is 'What a dry run has shown, as it would be done: kept for an hour, or for good once it was begun.';

create table ledger (
    id       uuid        primary key,
    at       timestamptz not null default now(),
    ended_at timestamptz,
    who      text        not null,
    source   text        not null,
    verb     text        not null,
    view     text        not null default '',
    plan     uuid,
    reason   text        not null default '',
    outcome  text        not null,
    detail   jsonb       not null default '{}'
);

create index on ledger (at desc);

comment on table ledger is 'Every change that a person made: who, when, what, why, and to which rows.';
comment on column ledger.source is 'ops, or kafka tool for an offset that was committed with one.';
comment on column ledger.outcome is 'begun, done, or failed: and then why stands in detail.';
