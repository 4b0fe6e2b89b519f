-- +goose Up
create table position (
    projection   text        not null,
    topic        text        not null,
    partition    integer     not null,
    topic_id     uuid        not null,
    generation   bigint      not null,
    next_offset  bigint      not null,
    leader_epoch integer     not null,
    hold         boolean     not null default false,
    target       bigint      not null default -1,
    updated_at   timestamptz not null default now(),
    primary key (projection, topic, partition)
) with (fillfactor = 50); -- updated with every batch: room for the new version on the same page

comment on table position is 'How far each projection has come, moved in the transaction that writes the view.';
comment on column position.topic_id is 'Kafka''s id of the topic: another one means that these offsets are of other events.';
comment on column position.generation is 'Bumped by each claim and rewind; whoever holds an older one is fenced.';
comment on column position.next_offset is 'The first offset that is not applied.';
comment on column position.hold is 'Paused, or being rewound: nobody applies.';

create table alarm (
    projection text        not null,
    topic      text        not null,
    partition  integer     not null,
    since      timestamptz not null default now(),
    reason     text        not null,
    primary key (projection, topic, partition)
);

comment on table alarm is 'Partitions that are stopped until a person looks, and why.';
